package applier_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/secretsync/secretsync/applier"
	"github.com/secretsync/secretsync/internal/secret"
	"github.com/secretsync/secretsync/planner"
)

func TestBatches(t *testing.T) {
	f := newFake()
	r := applyInOrder(t.Context(), f, &fakeJournal{target: f}, creates(250)...)
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

func TestAStoreWithAnUnknownOutcomeIsLookedFor(t *testing.T) {
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

// TestARequestThatIsSentAgainIsJournaledAgain: any of the requests may take effect.
func TestARequestThatIsSentAgainIsJournaledAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, sends := newFake(), 0
		f.before = func(call string) error {
			if call == "create 1" {
				if sends++; sends < 4 {
					time.Sleep(30 * time.Second) // it took no effect
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

// TestARequestThatHadToWaitIsJournaledAgain: what it creates is recognised as ours by the
// time it was sent.
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
		expectLog(t, f, "intent 1", "resend 1", "create 1", "outcome map[done:1]", "intent 1", "resend 1", "duplicate old as renamed", "duplicated 1", "delete old", "outcome map[done:1]")
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

// TestAnActionThatWaitedForOthersIsJournaledAgain: all renames are journaled at once, but sent one
// after another.
func TestAnActionThatWaitedForOthersIsJournaledAgain(t *testing.T) {
	for _, full := range []error{nil, errors.New("disk full")} {
		synctest.Test(t, func(t *testing.T) {
			f := newFake()
			f.before = func(call string) error {
				if call == "delete a" {
					time.Sleep(time.Second)
				}
				return nil
			}
			r := applyInOrder(t.Context(), f, &fakeJournal{target: f, fail: once("resend", full)}, rename(f, "a", "a2"), rename(f, "b", "b2"))
			again, sent := slices.Index(f.log, "resend 1"), slices.Index(f.log, "duplicate b as b2")
			if full == nil && (!r.Complete() || again < 0 || again != sent-1) {
				t.Errorf("outcomes %v, calls and journal %q", outcomes(r), f.log)
			}
			if full != nil && (outcomes(r)["b2"] != applier.Failed || sent >= 0) {
				t.Errorf("outcomes %v", outcomes(r))
			}
		})
	}
}

func TestTooLargeIsHalved(t *testing.T) {
	f := newFake()
	f.maxItems = 30
	if r := apply(t.Context(), f, &fakeJournal{target: f}, creates(100)...); !r.Complete() {
		t.Fatal("incomplete")
	}
	expectLog(t, f, "intent 100", "create 100", "create 50", "create 25", "create 25", "create 50", "create 25", "create 25", "outcome map[done:100]")
}

// Secrets of several stores need one request per store, in the plan's order.
func TestSeveralStores(t *testing.T) {
	f := newFake()
	other := func(name string) planner.Action {
		a := create(name)
		a.Store.Name, a.StoreID = "other", "st2"
		return a
	}
	var stores []planner.StoreID
	target := &creating{f, &stores}
	r, err := applier.Apply(t.Context(), &planner.Plan{Actions: []planner.Action{other("a"), create("b"), other("c")}}, applier.Config{
		Targets: map[planner.AccountID]applier.Target{account: target}, Journal: &fakeJournal{target: f}, Now: serverTime.UTC,
		Value: func(k planner.SecretKey) (secret.Value, bool) { return value(k.Name), true },
	})
	if err != nil || !r.Complete() {
		t.Errorf("error %v", err)
	}
	expectLog(t, f, "intent 2", "create 2", "outcome map[done:2]", "intent 1", "create 1", "outcome map[done:1]")
	if diff := cmp.Diff([]planner.StoreID{"st2", "st1"}, stores); diff != "" {
		t.Error(diff)
	}
}

// creating records in which stores secrets are created.
type creating struct {
	*fakeTarget
	stores *[]planner.StoreID
}

func (c *creating) CreateSecrets(ctx context.Context, st planner.StoreID, items []applier.NewSecret, b applier.BeforeSend) ([]planner.LiveSecret, error) {
	*c.stores = append(*c.stores, st)
	return c.fakeTarget.CreateSecrets(ctx, st, items, b)
}

// After an interrupt, no further store is created, and no secret in it.
func TestInterruptedBetweenStores(t *testing.T) {
	f := newFake()
	ctx, cancel := context.WithCancel(t.Context())
	f.after = func(string) error { cancel(); return nil }
	one := planner.Action{Op: planner.OpCreateStore, Store: planner.StoreKey{Account: account, Name: "one"}}
	two := planner.Action{Op: planner.OpCreateStore, Store: planner.StoreKey{Account: account, Name: "two"}}
	r := applyInOrder(ctx, f, &fakeJournal{target: f}, one, two)
	expectLog(t, f, "create store one", "store one is st-new")
	if r.Results[1].Outcome != applier.Skipped {
		t.Errorf("the second is %s", r.Results[1].Outcome)
	}
}

// A secret in a store that could not be created was not tried, and the result says why.
func TestNoStoreNoSecret(t *testing.T) {
	f := newFake()
	f.before = always("create store", applier.ErrQuota)
	a := create("s")
	a.StoreID = ""
	r := apply(t.Context(), f, &fakeJournal{target: f}, planner.Action{Op: planner.OpCreateStore, Store: store}, a)
	expectLog(t, f, "create store prod", "outcome map[failed:1]")
	if err := r.Results[1].Err; err == nil || !strings.Contains(err.Error(), "store does not exist") {
		t.Errorf("reason: %v", err)
	}
}

// A rename that cannot be journaled again is not sent, and ends the apply.
func TestARenameThatCannotBeJournaledAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, full := newFake(), errors.New("disk full")
		f.delay = time.Minute
		r := apply(t.Context(), f, &fakeJournal{target: f, fail: once("resend", full)}, rename(f, "old", "new"), update(f, "upd"))
		expectLog(t, f, "intent 1", "resend 1", "outcome map[failed:1]")
		if !errors.Is(r.Err, full) || r.Results[1].Outcome != applier.Skipped {
			t.Errorf("error %v, outcomes %v", r.Err, outcomes(r))
		}
	})
}
