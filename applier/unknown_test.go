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
		if r := apply(t.Context(), f, &fakeJournal{target: f}, creates(2)...); !r.Complete() {
			t.Fatalf("incomplete: %v", outcomes(r))
		}
		slices.Sort(f.log[3:5])
		expectLog(t, f, "intent 2", "create 2", "list secrets",
			"update s000 value=true scopes=true comment=false", "update s001 value=true scopes=true comment=false",
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
				if r := apply(t.Context(), f, &fakeJournal{target: f}, creates(1)...); r.Count(applier.Unknown) != 1 {
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
			if r := apply(t.Context(), f, &fakeJournal{target: f}, creates(2)...); !r.Complete() {
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
