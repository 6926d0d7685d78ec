package applier_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/secretsync/secretsync/applier"
	"github.com/secretsync/secretsync/internal/secret"
	"github.com/secretsync/secretsync/planner"
)

func TestDeletesFirst(t *testing.T) {
	f := newFake()
	remove := planner.Action{Op: planner.OpDelete, Store: store, StoreID: "st1", Secret: "later", ID: existing(f, "later")}
	early := planner.Action{Op: planner.OpDelete, Store: store, StoreID: "st1", Secret: "old", ID: existing(f, "old"), BeforeCreates: true}
	apply(t.Context(), f, &fakeJournal{target: f}, early, create("new"), remove)
	expectLog(t, f, "intent 1", "delete old", "outcome map[done:1]", "intent 1", "create 1", "outcome map[done:1]",
		"intent 1", "delete later", "outcome map[done:1]")
}

// TestNothingIsDeletedForWhatCouldNotBeCreated: what is deleted may be what the new
// secret was to replace.
func TestNothingIsDeletedForWhatCouldNotBeCreated(t *testing.T) {
	for call, err := range map[string]error{"create 1": errors.New("refused"), "create store": applier.ErrQuota} {
		f := newFake()
		remove := planner.Action{Op: planner.OpDelete, Store: store, StoreID: "st1", Secret: "old", ID: existing(f, "old")}
		actions := []planner.Action{create("new"), remove, {Op: planner.OpDeleteStore, Store: store, StoreID: "st1"}}
		if call == "create store" {
			another := planner.StoreKey{Account: account, Name: "another"}
			actions[0].Store, actions[0].StoreID = another, ""
			actions = append([]planner.Action{{Op: planner.OpCreateStore, Store: another}}, actions...)
		}
		f.before = once(call, err)
		r := apply(t.Context(), f, &fakeJournal{target: f}, actions...)
		if got := outcomes(r); got["old"] != applier.Skipped || f.values["old"] != "old" {
			t.Errorf("%s failed: the old secret is %s", call, got["old"])
		}
		if slices.Contains(f.log, "delete store") {
			t.Errorf("%s failed: its store was deleted", call)
		}
	}
}

func TestDeleteStore(t *testing.T) {
	f := newFake()
	r := apply(t.Context(), f, &fakeJournal{target: f}, planner.Action{Op: planner.OpDeleteStore, Store: store, StoreID: "st1"})
	expectLog(t, f, "delete store", "outcome map[done:1]")
	if !r.Complete() {
		t.Error("incomplete")
	}
}

// TestWantOfQuotaMakesRoom: where the quota could not be read, the plan could not tell
// that something has to be deleted first.
func TestWantOfQuotaMakesRoom(t *testing.T) {
	f := newFake()
	remove := func(name string) planner.Action {
		return planner.Action{Op: planner.OpDelete, Store: store, StoreID: "st1", Secret: name, ID: existing(f, name)}
	}
	f.before = func(call string) error {
		if strings.HasPrefix(call, "create") && len(f.secrets) > 1 {
			return applier.ErrQuota
		}
		return nil
	}
	if r := apply(t.Context(), f, &fakeJournal{target: f}, create("new"), remove("old-1"), remove("old-2")); !r.Complete() {
		t.Errorf("outcomes %v", outcomes(r))
	}
	expectLog(t, f, "intent 1", "create 1", "outcome map[failed:1]", "intent 1", "delete old-1", "outcome map[done:1]",
		"intent 1", "create 1", "outcome map[done:1]", "intent 1", "delete old-2", "outcome map[done:1]")

	// Not where that would not make room enough.
	f = newFake()
	f.before = func(call string) error {
		if strings.HasPrefix(call, "create") {
			return applier.ErrQuota
		}
		return nil
	}
	r := apply(t.Context(), f, &fakeJournal{target: f}, create("new-1"), create("new-2"), remove("old"))
	if outcomes(r)["old"] != applier.Skipped || f.values["old"] != "old" {
		t.Errorf("outcomes %v", outcomes(r))
	}
}

// TestNothingIsDeletedInOneAccountForWhatCouldNotBeCreatedInAnother: it may have moved.
func TestNothingIsDeletedInOneAccountForWhatCouldNotBeCreatedInAnother(t *testing.T) {
	good, bad := newFake(), newFake()
	bad.before = func(string) error { return errors.New("refused") }
	moved := create("s")
	moved.Store.Account = "fedcba9876543210fedcba9876543210"
	old := planner.Action{Op: planner.OpDelete, Store: store, StoreID: "st1", Secret: "s", ID: existing(good, "s")}
	r, err := applier.Apply(t.Context(), &planner.Plan{Actions: []planner.Action{moved, old}}, applier.Config{
		Targets: map[planner.AccountID]applier.Target{account: good, moved.Store.Account: bad},
		Journal: &fakeJournal{target: newFake()}, Parallelism: 1, Now: func() time.Time { return serverTime },
		Value: func(k planner.SecretKey) (secret.Value, bool) { return value(k.Name), true },
	})
	if err != nil || r.Results[1].Outcome != applier.Skipped || good.values["s"] != "old" {
		t.Errorf("error %v, the old one is %s", err, r.Results[1].Outcome)
	}
}
