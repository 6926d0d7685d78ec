package applier_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/secretsync/secretsync/applier"
	"github.com/secretsync/secretsync/planner"
)

func TestUnknownCreateThatHappenedIsCompleted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.after = once("create", applier.ErrOutcomeUnknown)
		if r := apply(t.Context(), f, &fakeJournal{target: f}, commented(creates(2))...); !r.Complete() {
			t.Fatalf("incomplete: %v", outcomes(r))
		}
		slices.Sort(f.log[3:5])
		expectLog(t, f, "intent 2", "create 2", "list secrets",
			"update s000 value=true scopes=true comment=true", "update s001 value=true scopes=true comment=true",
			"outcome map[done:2]")
	})
}

func TestUnknownCreateThatDidNotHappenIsSentAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.before = once("create", applier.ErrOutcomeUnknown)
		if r := apply(t.Context(), f, &fakeJournal{target: f}, creates(2)...); !r.Complete() {
			t.Fatalf("incomplete: %v", outcomes(r))
		}
		expectLog(t, f, "intent 2", "create 2", "list secrets", "create 2", "outcome map[done:2]")
	})
}

func TestCreateThatStaysUnknownIsReportedSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.before = func(call string) error {
			if strings.HasPrefix(call, "create") {
				return applier.ErrOutcomeUnknown
			}
			return nil
		}
		r := apply(t.Context(), f, &fakeJournal{target: f}, creates(1)...)
		if r.Count(applier.Unknown) != 1 || r.Complete() {
			t.Errorf("outcomes %v", outcomes(r))
		}
		if n := len(f.log); n > 16 {
			t.Errorf("%d calls, want a bound: %v", n, f.log)
		}
	})
}

// What our request created, or may have created, did not fail because a later request was
// refused: the journal would forget it.
func TestUnknownStaysUnknownWhateverIsRefusedLater(t *testing.T) {
	for name, refuse := range map[string]string{"the second create": "create 1", "its completion": "update s000"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFake()
				unknown := once("create", applier.ErrOutcomeUnknown)
				sent := false
				fail := func(call string) error {
					if err := unknown(call); err != nil {
						sent = true
						return err
					}
					if sent && strings.HasPrefix(call, refuse) {
						return errors.New("refused")
					}
					return nil
				}
				if f.before = fail; refuse != "create 1" { // it happened, and is completed
					f.before, f.after = nil, fail
				}
				if r := apply(t.Context(), f, &fakeJournal{target: f}, commented(creates(1))...); r.Count(applier.Unknown) != 1 {
					t.Errorf("outcomes %v, log %v", outcomes(r), f.log)
				}
			})
		})
	}
}

// TestAnUnknownCreateIsFoundWhateverItsTime: a secret that the list lacked before our
// request and has after it is ours, even if its time is missing or from another clock.
func TestAnUnknownCreateIsFoundWhateverItsTime(t *testing.T) {
	for _, created := range []planner.Modified{"", "never", "2026-01-01T00:00:09Z", "2031-01-01T00:00:00Z"} {
		synctest.Test(t, func(t *testing.T) {
			f := newFake()
			f.created = &created
			f.after = once("create", applier.ErrOutcomeUnknown)
			if r := apply(t.Context(), f, &fakeJournal{target: f}, commented(creates(2))...); !r.Complete() {
				t.Errorf("created at %q: outcomes %v", created, outcomes(r))
			}
		})
	}
}

func TestUnknownThenTakenByAnotherClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.before = func(call string) error {
			if call == "create 1" && len(f.secrets) == 0 {
				stranger(f, "s000")
				return applier.ErrOutcomeUnknown
			}
			return nil
		}
		r := apply(t.Context(), f, &fakeJournal{target: f}, creates(1)...)
		if f.values["s000"] != "old" || r.Count(applier.Done) != 0 {
			t.Errorf("outcomes %v", outcomes(r))
		}
	})
}

// TestIncompleteListSettlesNothing: what an incomplete list lacks may exist, so that its outcome
// is unknown until it is found.
func TestIncompleteListSettlesNothing(t *testing.T) {
	for _, tt := range []struct {
		name    string
		short   int
		trouble func(f *fakeTarget)
		creates int
		want    map[applier.Outcome]int
	}{
		{"forever, after a lost answer", 100, func(f *fakeTarget) { f.after = once("create", applier.ErrOutcomeUnknown) }, 1, map[applier.Outcome]int{applier.Unknown: 1}},
		{"at first, after a lost answer", 2, func(f *fakeTarget) { f.after = once("create", applier.ErrOutcomeUnknown) }, 1, map[applier.Outcome]int{applier.Done: 1}},
		{"forever, after a refusal of a batch of which a part was created", 100, func(f *fakeTarget) {
			f.atomic, f.stopAfter, f.refusal = false, 1, applier.ErrInvalid
		}, 2, map[applier.Outcome]int{applier.Unknown: 1, applier.Done: 1}},
		{"forever, after a refusal for the quota", 100, func(f *fakeTarget) {
			f.atomic, f.stopAfter, f.refusal = false, 1, applier.ErrQuota
		}, 2, map[applier.Outcome]int{applier.Unknown: 2}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFake()
				tt.trouble(f)
				f.short = tt.short
				r := apply(t.Context(), f, &fakeJournal{target: f}, commented(creates(tt.creates))...)
				for _, o := range []applier.Outcome{applier.Done, applier.Failed, applier.Unknown, applier.Skipped} {
					if got := r.Count(o); got != tt.want[o] {
						t.Errorf("%s: %d, want %d: %v", o, got, tt.want[o], f.log)
					}
				}
			})
		})
	}
}

// TestStoreOfAnIncompleteListIsNotCreatedTwice: an unknown outcome stays unknown.
func TestStoreOfAnIncompleteListIsNotCreatedTwice(t *testing.T) {
	for short, want := range map[int]applier.Outcome{100: applier.Unknown, 1: applier.Done} {
		synctest.Test(t, func(t *testing.T) {
			f := newFake()
			f.short, f.after = short, once("create store", applier.ErrOutcomeUnknown)
			r := apply(t.Context(), f, &fakeJournal{target: f}, planner.Action{Op: planner.OpCreateStore, Store: planner.StoreKey{Account: account, Name: "new"}})
			if r.Count(want) != 1 {
				t.Errorf("%d incomplete lists: outcomes %v, want %s", short, outcomes(r), want)
			}
		})
	}
}
