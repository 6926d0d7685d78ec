package applier_test

import (
	"errors"
	"testing"
	"time"

	"github.com/secretsync/secretsync/applier"
	"github.com/secretsync/secretsync/internal/secret"
	"github.com/secretsync/secretsync/planner"
)

func TestEveryOperation(t *testing.T) {
	f := newFake()
	upd, del := existing(f, "upd"), existing(f, "del")
	comment := "new"
	r := apply(t.Context(), f, &fakeJournal{target: f},
		create("new"),
		planner.Action{Op: planner.OpUpdate, Store: store, StoreID: "st1", Secret: "upd", ID: upd, Comment: &planner.Change[string]{After: comment}},
		planner.Action{Op: planner.OpDelete, Store: store, StoreID: "st1", Secret: "del", ID: del},
		planner.Action{Op: planner.OpForget, Store: store, StoreID: "st1", Secret: "gone"},
	)
	if !r.Complete() {
		t.Fatalf("incomplete: %v", outcomes(r))
	}
	expectLog(t, f,
		"intent 1", "create 1", "outcome map[done:1]",
		"intent 1", "update upd value=false scopes=false comment=true", "outcome map[done:1]",
		"intent 1", "delete del", "outcome map[done:1]",
		"outcome map[done:1]")
	if f.values["upd"] != "old" {
		t.Error("a change of metadata resent the value")
	}
	if f.values["new"] != "value of new" {
		t.Error("the new secret has another value")
	}
}

func TestRename(t *testing.T) {
	f := newFake()
	a := planner.Action{
		Op: planner.OpRename, Store: store, StoreID: "st1", Secret: "new", From: "old", ID: existing(f, "old"),
		Scopes: &planner.Change[[]string]{After: []string{"workers"}}, Comment: &planner.Change[string]{After: "kept"},
	}
	if r := apply(t.Context(), f, &fakeJournal{target: f}, a); !r.Complete() {
		t.Fatal("incomplete")
	}
	expectLog(t, f, "intent 1", "duplicate old as new", "duplicated 1", "delete old", "outcome map[done:1]")
	if f.values["new"] != "old" || f.secrets["new"].Comment != "kept" {
		t.Errorf("the new secret is %v", f.secrets["new"])
	}

	f = newFake()
	a.ID = existing(f, "old")
	f.before = once("delete", errors.New("refused"))
	if r := apply(t.Context(), f, &fakeJournal{target: f}, a); r.Count(applier.Unknown) != 1 {
		t.Errorf("half renamed: outcomes %v", outcomes(r))
	}
}

// A secret that is adopted as it is may not be active yet. Secrets that other actions only record
// are active, or recorded as pending already.
func TestAdoptingAsItIsSendsNothing(t *testing.T) {
	for op, status := range map[planner.Op]string{planner.OpAdopt: planner.StatusPending, planner.OpRecord: ""} {
		f := newFake()
		r := apply(t.Context(), f, &fakeJournal{target: f}, planner.Action{
			Op: op, Store: store, StoreID: "st1", Secret: "theirs", ID: "s9",
			Current: planner.LiveState{Metadata: planner.Metadata{Comment: "as it was"}, Status: planner.StatusPending},
		})
		expectLog(t, f, "outcome map[done:1]")
		if l := r.Results[0].Live; l.ID != "s9" || l.Comment != "as it was" || l.Status != status {
			t.Errorf("%s: recorded as %v", op, l)
		}
	}
}

func TestAccountsDoNotStopOneAnother(t *testing.T) {
	good, bad := newFake(), newFake()
	bad.before = func(string) error { return errors.New("refused") }
	theirs := create("s")
	theirs.Store.Account = "fedcba9876543210fedcba9876543210"
	r, err := applier.Apply(t.Context(), &planner.Plan{Actions: []planner.Action{create("s"), theirs}}, applier.Config{
		Targets: map[planner.AccountID]applier.Target{account: good, theirs.Store.Account: bad},
		Journal: &fakeJournal{target: newFake()}, Parallelism: 1, Now: func() time.Time { return serverTime },
		Value: func(k planner.SecretKey) (secret.Value, bool) { return value(k.Name), true },
	})
	if err != nil || r.Results[0].Outcome != applier.Done || r.Results[1].Outcome != applier.Failed {
		t.Errorf("error %v, outcomes %v, %v", err, r.Results[0].Outcome, r.Results[1].Outcome)
	}
}
