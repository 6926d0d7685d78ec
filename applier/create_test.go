package applier_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/secretsync/secretsync/applier"
	"github.com/secretsync/secretsync/planner"
)

func TestBatches(t *testing.T) {
	f := newFake()
	r := apply(t.Context(), f, &fakeJournal{target: f}, creates(250)...)
	if !r.Complete() {
		t.Fatal("incomplete")
	}
	expectLog(t, f,
		"intent 100", "create 100", "outcome map[done:100]",
		"intent 100", "create 100", "outcome map[done:100]",
		"intent 50", "create 50", "outcome map[done:50]")
	for i, res := range r.Results {
		if res.Live.Name != res.Action.Secret {
			t.Fatalf("result %d of %s has the live secret %s", i, res.Action.Secret, res.Live.Name)
		}
	}
}

func TestNewStore(t *testing.T) {
	f := newFake()
	a := create("s")
	a.StoreID = ""
	newStore := planner.Action{Op: planner.OpCreateStore, Store: store}
	if r := apply(t.Context(), f, &fakeJournal{target: f}, newStore, a); !r.Complete() {
		t.Fatal("incomplete")
	}
	expectLog(t, f, "create store prod", "store prod is st-new",
		"intent 1", "create 1", "outcome map[done:1]")

	f = newFake()
	f.before = once("create store", applier.ErrQuota)
	r := apply(t.Context(), f, &fakeJournal{target: f}, newStore, a)
	if diff := cmp.Diff(map[string]applier.Outcome{"": applier.Failed, "s": applier.Skipped}, outcomes(r)); diff != "" {
		t.Error(diff)
	}
}

func TestStoreWithUnknownOutcomeIsLookedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.after = once("create store", applier.ErrOutcomeUnknown)
		k := planner.StoreKey{Account: account, Name: "fresh"}
		if r := apply(t.Context(), f, &fakeJournal{target: f}, planner.Action{Op: planner.OpCreateStore, Store: k}); !r.Complete() {
			t.Fatal("incomplete")
		}
		expectLog(t, f, "create store fresh", "list stores", "store fresh is st-new")
	})
}

// TestARequestThatIsSentAgainIsJournaledAgain: each may be the one that takes effect.
func TestARequestThatIsSentAgainIsJournaledAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, sends := newFake(), 0
		f.before = func(call string) error {
			if call == "create 1" {
				if sends++; sends < 4 {
					time.Sleep(30 * time.Second) // and took no effect
					return applier.ErrOutcomeUnknown
				}
			}
			return nil
		}
		r := apply(t.Context(), f, &fakeJournal{target: f}, creates(1)...)
		expectLog(t, f, "intent 1", "create 1", "list secrets", "resend 1", "create 1", "list secrets", "resend 1", "create 1", "list secrets", "resend 1", "create 1", "outcome map[done:1]")
		if !r.Complete() {
			t.Errorf("outcomes %v", outcomes(r))
		}
	})
}

// TestARequestThatHadToWaitIsJournaledAgain: what it makes is known as ours by when it
// was sent.
func TestARequestThatHadToWaitIsJournaledAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.delay = time.Minute
		old := existing(f, "old")
		r := apply(t.Context(), f, &fakeJournal{target: f}, create("new"),
			planner.Action{Op: planner.OpRename, Store: store, StoreID: "st1", Secret: "renamed", From: "old", ID: old,
				Scopes: &planner.Change[[]string]{After: []string{"workers"}}, Comment: &planner.Change[string]{}})
		if !r.Complete() {
			t.Errorf("outcomes %v", outcomes(r))
		}
		expectLog(t, f, "intent 1", "resend 1", "create 1", "outcome map[done:1]", "intent 1", "resend 1", "duplicate old as renamed", "delete old", "outcome map[done:1]")
	})
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.delay = time.Minute
		r := apply(t.Context(), f, &fakeJournal{target: f, fail: once("resend", errors.New("disk full"))}, create("new"))
		expectLog(t, f, "intent 1", "resend 1", "outcome map[failed:1]")
		if outcomes(r)["new"] != applier.Failed {
			t.Errorf("outcomes %v", outcomes(r))
		}
	})
}

func TestTooLargeIsHalved(t *testing.T) {
	f := newFake()
	f.maxItems = 30
	if r := apply(t.Context(), f, &fakeJournal{target: f}, creates(100)...); !r.Complete() {
		t.Fatal("incomplete")
	}
	expectLog(t, f, "intent 100", "create 100", "create 50", "create 25", "create 25", "create 50", "create 25", "create 25", "outcome map[done:100]")
}
