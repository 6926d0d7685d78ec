package applier_test

import (
	"context"
	"errors"
	"fmt"
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

func TestDeletesFirst(t *testing.T) {
	f := newFake()
	remove := planner.Action{Op: planner.OpDelete, Store: store, StoreID: "st1", Secret: "later", ID: existing(f, "later")}
	early := planner.Action{Op: planner.OpDelete, Store: store, StoreID: "st1", Secret: "old", ID: existing(f, "old"), BeforeCreates: true}
	apply(t.Context(), f, &fakeJournal{target: f}, early, create("new"), remove)
	expectLog(t, f, "intent 1", "delete old", "outcome map[done:1]", "intent 1", "create 1", "outcome map[done:1]",
		"intent 1", "delete later", "outcome map[done:1]")
}

// TestNothingIsDeletedForWhatCouldNotBeCreated: the new secret may have been meant to replace
// the deleted one.
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

// TestRoomIsMadeWhenTheQuotaIsUsedUp: if the quota could not be read, the plan could not
// know that something has to be deleted first.
func TestRoomIsMadeWhenTheQuotaIsUsedUp(t *testing.T) {
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

	// Not if that would not make enough room.
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

// TestAsMuchRoomIsMadeAsTheQuotaLacks: the quota is read once it was in the way, and says how many
// secrets have to be deleted first.
func TestAsMuchRoomIsMadeAsTheQuotaLacks(t *testing.T) {
	for name, tt := range map[string]struct {
		limit int // there are three secrets, and two to create
		calls []string
	}{
		"one slot short":                  {4, []string{"create 2", "quota", "delete old-1", "create 2", "delete old-2"}},
		"two slots short":                 {3, []string{"create 2", "quota", "delete old-1", "delete old-2", "create 2"}},
		"more than can be freed":          {2, []string{"create 2", "quota"}},
		"another client made room by now": {5, []string{"create 2", "quota", "create 2", "delete old-1", "delete old-2"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFake()
				plan := &planner.Plan{Actions: append(creates(2), remove(f, "old-1"), remove(f, "old-2"))}
				existing(f, "kept")
				first := once("create", applier.ErrQuota)
				f.before = func(call string) error {
					if err := first(call); err != nil {
						return err
					}
					if strings.HasPrefix(call, "create") && len(f.secrets)+2 > tt.limit {
						return applier.ErrQuota
					}
					return nil
				}
				_, err := applier.Apply(t.Context(), plan, applier.Config{
					Targets: map[planner.AccountID]applier.Target{account: f}, Journal: &fakeJournal{target: f}, Parallelism: 1, Now: time.Now,
					Value: func(k planner.SecretKey) (secret.Value, bool) { return value(k.Name), true },
					Quota: func(context.Context, planner.AccountID) (planner.Quota, error) {
						f.note("quota")
						return planner.Quota{Usage: len(f.secrets), Limit: tt.limit}, nil
					},
				})
				if err != nil {
					t.Error(err)
				}
				calls := slices.DeleteFunc(f.log, func(entry string) bool {
					return !slices.Contains([]string{"create", "quota", "delete"}, strings.Fields(entry)[0])
				})
				if diff := cmp.Diff(tt.calls, calls); diff != "" {
					t.Errorf("calls (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// TestNothingIsDeletedInOneAccountForWhatCouldNotBeCreatedInAnother: the secret may have
// moved.
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

// Nothing is deleted if a create, rename or adoption failed; other failures do not matter.
func TestWhatHoldsDeletionsBack(t *testing.T) {
	for name, tt := range map[string]struct {
		action func(*fakeTarget) planner.Action
		fails  string
		held   bool
	}{
		"a create":            {func(*fakeTarget) planner.Action { return create("new") }, "create", true},
		"a rename":            {func(f *fakeTarget) planner.Action { return rename(f, "from", "new") }, "duplicate", true},
		"an adoption":         {func(f *fakeTarget) planner.Action { a := update(f, "new"); a.Op = planner.OpAdopt; return a }, "update", true},
		"an update":           {func(f *fakeTarget) planner.Action { return update(f, "new") }, "update", false},
		"a rotation":          {func(f *fakeTarget) planner.Action { a := update(f, "new"); a.Op = planner.OpRotate; return a }, "update", false},
		"a create that works": {func(*fakeTarget) planner.Action { return create("new") }, "nothing", false},
		"an adoption that sends nothing": {func(*fakeTarget) planner.Action {
			return planner.Action{Op: planner.OpAdopt, Store: store, StoreID: "st1", Secret: "new", ID: "s9"}
		}, "nothing", false},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake()
			actions := []planner.Action{tt.action(f), remove(f, "old"), {Op: planner.OpDeleteStore, Store: store, StoreID: "st1"}}
			f.before = always(tt.fails, errors.New("refused"))
			r := apply(t.Context(), f, &fakeJournal{target: f}, actions...)
			for _, res := range r.Results[1:] {
				if held := res.Outcome == applier.Skipped; held != tt.held || held != (res.Err != nil) {
					t.Errorf("%s is %s (%v)", res.Action.Op, res.Outcome, res.Err)
				}
			}
			if tt.held && !strings.Contains(r.Results[1].Err.Error(), "not tried") {
				t.Errorf("reason: %v", r.Results[1].Err)
			}
		})
	}
}

// If the apply ended before the deletions, their results say so.
func TestInterruptedBeforeTheDeletions(t *testing.T) {
	f := newFake()
	ctx, cancel := context.WithCancel(t.Context())
	f.before = func(string) error { cancel(); return errors.New("refused") }
	r := apply(ctx, f, &fakeJournal{target: f}, create("new"), remove(f, "old"))
	if err := r.Results[1].Err; err == nil || !strings.Contains(err.Error(), "interrupted") {
		t.Errorf("reason: %v", err)
	}
}

// As many secrets are deleted first as could not be created, if the plan deletes that many.
func TestHowMuchRoomIsMade(t *testing.T) {
	for _, tt := range []struct{ full, old, deletedFirst int }{{1, 1, 1}, {2, 2, 2}, {2, 3, 2}, {2, 1, 0}} {
		t.Run(fmt.Sprintf("%d for %d", tt.old, tt.full), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFake()
				var actions []planner.Action
				for i := range tt.old {
					actions = append(actions, remove(f, fmt.Sprintf("old-%d", i)))
				}
				f.before = func(call string) error {
					if strings.HasPrefix(call, "create") && len(f.secrets) > tt.old-tt.full {
						return applier.ErrQuota
					}
					return nil
				}
				r := apply(t.Context(), f, &fakeJournal{target: f}, append(actions, creates(tt.full)...)...)
				deleted := 0
				for _, call := range f.log[:max(0, lastIndex(f.log, fmt.Sprintf("create %d", tt.full)))] {
					if strings.HasPrefix(call, "delete") {
						deleted++
					}
				}
				if deleted != tt.deletedFirst || r.Complete() != (tt.deletedFirst > 0) {
					t.Errorf("%d deleted first, want %d: %v", deleted, tt.deletedFirst, f.log)
				}
			})
		})
	}
}

func lastIndex(log []string, entry string) int {
	for i := len(log) - 1; i >= 0; i-- {
		if log[i] == entry {
			return i
		}
	}
	return -1
}

// A create that failed for another reason is not tried again after a deletion.
func TestNoRoomIsMadeForOtherRefusals(t *testing.T) {
	f := newFake()
	old := remove(f, "old")
	f.before = always("create", applier.ErrInvalid)
	apply(t.Context(), f, &fakeJournal{target: f}, create("new"), old)
	expectLog(t, f, "intent 1", "create 1", "outcome map[failed:1]")
}

// After an interrupt, no further store is deleted.
func TestDeletingStoresIsInterrupted(t *testing.T) {
	f := newFake()
	ctx, cancel := context.WithCancel(t.Context())
	f.after = func(string) error { cancel(); return nil }
	one := planner.Action{Op: planner.OpDeleteStore, Store: store, StoreID: "st1"}
	two := planner.Action{Op: planner.OpDeleteStore, Store: planner.StoreKey{Account: account, Name: "two"}, StoreID: "st2"}
	r := applyInOrder(ctx, f, &fakeJournal{target: f}, one, two)
	expectLog(t, f, "delete store", "outcome map[done:1]")
	if r.Results[1].Outcome != applier.Skipped || !errors.Is(r.Err, context.Canceled) {
		t.Errorf("error %v, the second is %s", r.Err, r.Results[1].Outcome)
	}
}

// TestRenamesShareTheLastSlot: renames that were refused while others took the last free slots are
// tried again one by one, until one finds no room at all.
func TestRenamesShareTheLastSlot(t *testing.T) {
	for _, tt := range []struct {
		refusals, requests int
		want               map[applier.Outcome]int
	}{
		{3, 7, map[applier.Outcome]int{applier.Done: 4}},
		{99, 5, map[applier.Outcome]int{applier.Failed: 4}},
	} {
		f := newFake()
		var actions []planner.Action
		for i := range 4 {
			actions = append(actions, rename(f, fmt.Sprint("old-", i), fmt.Sprint("new-", i)))
		}
		requests := 0
		f.before = func(call string) error {
			if !strings.HasPrefix(call, "duplicate") {
				return nil
			}
			if requests++; requests <= tt.refusals {
				return applier.ErrQuota
			}
			return nil
		}
		got := map[applier.Outcome]int{}
		for _, outcome := range outcomes(applyInOrder(t.Context(), f, &fakeJournal{target: f}, actions...)) {
			got[outcome]++
		}
		if diff := cmp.Diff(tt.want, got); diff != "" || requests != tt.requests {
			t.Errorf("%d refusals: %d requests (-want +got):\n%s", tt.refusals, requests, diff)
		}
	}
}
