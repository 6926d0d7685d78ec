package applier_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/secretsync/secretsync/applier"
	"github.com/secretsync/secretsync/internal/secret"
	"github.com/secretsync/secretsync/planner"
)

func TestPendingIsWaitedFor(t *testing.T) {
	for _, c := range []struct {
		lists, pending int
		wait           time.Duration
		log            []string
		waits          []int
	}{
		{lists: 2, wait: time.Minute, log: []string{"list secrets", "list secrets", "list secrets", "active 1"}, waits: []int{1, 1, 0}},
		{lists: 1000, pending: 1, wait: time.Second, log: []string{"list secrets", "list secrets"}, waits: []int{1, 1, 0}},
		{lists: 1000, pending: 1, wait: 0, log: nil},
	} {
		synctest.Test(t, func(t *testing.T) {
			f := newFake()
			f.pending = c.lists
			start := time.Now()
			r := applyWaiting(t.Context(), f, &fakeJournal{target: f}, c.wait, create("s"))
			if !r.Complete() || len(r.Pending()) != c.pending || time.Since(start) > c.wait {
				t.Errorf("pending after %s: %d, want %d", time.Since(start), len(r.Pending()), c.pending)
			}
			expectLog(t, f, append([]string{"intent 1", "create 1", "outcome map[done:1]"}, c.log...)...)
			if !slices.Equal(f.waits, c.waits) {
				t.Errorf("reported waits %v, want %v", f.waits, c.waits)
			}
			if c.pending == 0 && r.Results[0].Live.Modified != "2026-11-23T12:00:09Z" {
				t.Error("the modified that moved on activation is taken for another client's change")
			}
		})
	}
}

// TestActiveAtOnce: no wait is reported before the first look, which may be the last.
func TestActiveAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		pendingFor(f, func(_ int, l *planner.LiveSecret) { l.Status = planner.StatusActive })
		applyWaiting(t.Context(), f, &fakeJournal{target: f}, time.Minute, create("s"))
		expectLog(t, f, "intent 1", "create 1", "outcome map[done:1]", "list secrets", "active 1")
		if len(f.waits) > 0 {
			t.Errorf("reported waits %v", f.waits)
		}
	})
}

// pendingFor keeps new secrets pending. Before each list, change may change them.
func pendingFor(f *fakeTarget, change func(list int, l *planner.LiveSecret)) {
	f.pending = 1 << 20
	lists := 0
	f.before = func(call string) error {
		if call == "list secrets" {
			lists++
			for name, l := range f.secrets {
				change(lists, &l)
				f.secrets[name] = l
			}
		}
		return nil
	}
}

func TestHowOftenPendingIsLookedAt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.began = time.Now()
		pendingFor(f, func(int, *planner.LiveSecret) {})
		r := applyWaiting(t.Context(), f, &fakeJournal{target: f}, 20*time.Second, create("s"))
		expectLog(t, f, "0s intent 1", "0s create 1", "0s outcome map[done:1]", "250ms list secrets", "750ms list secrets",
			"1.75s list secrets", "3.75s list secrets", "7.75s list secrets", "12.75s list secrets", "17.75s list secrets")
		if len(r.Pending()) != 1 || time.Since(f.began) != 20*time.Second {
			t.Errorf("%d pending after %s", len(r.Pending()), time.Since(f.began))
		}
	})
}

// A modification time that changed with the activation is recorded as ours, unless the
// metadata changed too.
func TestWhatChangedWithTheActivation(t *testing.T) {
	const later = planner.Modified("2026-11-23T12:00:09Z")
	at := planner.Modified(serverTime.Format(time.RFC3339Nano))
	for name, tt := range map[string]struct {
		change   func(*planner.LiveSecret)
		modified planner.Modified
		status   string
	}{
		"modified":         {func(l *planner.LiveSecret) { l.Modified = later }, later, planner.StatusActive},
		"nothing":          {func(*planner.LiveSecret) {}, at, planner.StatusActive},
		"the comment":      {func(l *planner.LiveSecret) { l.Modified, l.Comment = later, "theirs" }, at, planner.StatusActive},
		"the scopes":       {func(l *planner.LiveSecret) { l.Modified, l.Scopes = later, []string{"ai_gateway"} }, at, planner.StatusActive},
		"their order":      {func(l *planner.LiveSecret) { l.Modified, l.Scopes = later, []string{"workers", "ai_gateway"} }, later, planner.StatusActive},
		"scopes left out":  {func(l *planner.LiveSecret) { l.Modified, l.Scopes = later, nil }, later, planner.StatusActive},
		"an earlier state": {func(l *planner.LiveSecret) { l.Modified = "2026-11-23T11:59:59Z" }, at, planner.StatusPending},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFake()
				pendingFor(f, func(_ int, l *planner.LiveSecret) {
					l.Status = planner.StatusActive
					tt.change(l)
				})
				a := create("s")
				a.Scopes.After = []string{"ai_gateway", "workers"}
				r := applyWaiting(t.Context(), f, &fakeJournal{target: f}, time.Second, a)
				if live := r.Results[0].Live; live.Modified != tt.modified || live.Status != tt.status || r.Err != nil {
					t.Errorf("modified %s, status %s, error %v", live.Modified, live.Status, r.Err)
				}
				if journaled := slices.Contains(f.log, "active 1"); journaled != (tt.status == planner.StatusActive) {
					t.Errorf("journaled: %v; log %v", journaled, f.log)
				}
			})
		})
	}
}

// A list that cannot be read, or that lacks the secret, is read again.
func TestAListThatDoesNotShowThePendingSecret(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.pending, f.lag = 1, 2
		f.before = once("list", errors.New("refused"))
		r := applyWaiting(t.Context(), f, &fakeJournal{target: f}, time.Minute, create("s"))
		expectLog(t, f, "intent 1", "create 1", "outcome map[done:1]", "list secrets", "list secrets", "list secrets", "list secrets", "active 1")
		if len(r.Pending()) != 0 {
			t.Errorf("pending %v", r.Pending())
		}
	})
}

// Each store is listed once for all of its secrets, a new one under its new id.
func TestPendingInSeveralStores(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.pending = 1 << 20
		fresh := planner.StoreKey{Account: account, Name: "fresh"}
		a, b, c := create("a"), create("b"), create("c")
		c.Store, c.StoreID = fresh, ""
		listed := map[planner.StoreID]int{}
		target := &listing{f, listed}
		r, err := applier.Apply(t.Context(), &planner.Plan{Actions: []planner.Action{{Op: planner.OpCreateStore, Store: fresh}, a, b, c}}, applier.Config{
			Targets: map[planner.AccountID]applier.Target{account: target}, Journal: &fakeJournal{target: f}, Wait: 300 * time.Millisecond, Now: time.Now,
			Value: func(k planner.SecretKey) (secret.Value, bool) { return value(k.Name), true },
		})
		if err != nil || len(r.Pending()) != 3 {
			t.Errorf("%d pending, error %v", len(r.Pending()), err)
		}
		if diff := cmp.Diff(map[planner.StoreID]int{"st1": 1, "st-new": 1}, listed); diff != "" {
			t.Error(diff)
		}
	})
}

// listing counts the lists of each store.
type listing struct {
	*fakeTarget
	lists map[planner.StoreID]int
}

func (l *listing) ListSecrets(ctx context.Context, st planner.StoreID) ([]planner.LiveSecret, error) {
	l.lists[st]++
	return l.fakeTarget.ListSecrets(ctx, st)
}

// The apply ends with the journal's error if an activation cannot be recorded.
func TestActivationThatCannotBeJournaled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, full := newFake(), errors.New("disk full")
		f.pending = 1
		r := applyWaiting(t.Context(), f, &fakeJournal{target: f, fail: always("active", full)}, time.Minute, create("s"))
		if !errors.Is(r.Err, full) || !r.Report.Complete() {
			t.Errorf("error %v, outcomes %v", r.Err, outcomes(r))
		}
	})
}

// Only secrets that were written are waited for, while they are pending.
func TestNothingElseIsWaitedFor(t *testing.T) {
	for name, fail := range map[string]func(string) error{"failed": always("create", errors.New("refused")), "active": nil} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f, start := newFake(), time.Now()
				f.before = fail
				applyWaiting(t.Context(), f, &fakeJournal{target: f}, time.Minute, create("s"))
				if slices.Contains(f.log, "list secrets") || time.Since(start) != 0 {
					t.Errorf("after %s: %v", time.Since(start), f.log)
				}
			})
		})
	}
}
