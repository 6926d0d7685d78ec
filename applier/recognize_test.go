package applier_test

import (
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/secretsync/secretsync/applier"
	"github.com/secretsync/secretsync/planner"
)

func TestSomebodyElsesNameIsLeftAlone(t *testing.T) {
	for _, atomic := range []bool{true, false} {
		t.Run(fmt.Sprintf("atomic=%v", atomic), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFake()
				f.atomic = atomic
				stranger(f, "s003")
				r := apply(t.Context(), f, &fakeJournal{target: f}, creates(6)...)
				if r.Count(applier.Done) != 5 || outcomes(r)["s003"] != applier.Failed {
					t.Errorf("outcomes %v", outcomes(r))
				}
				if f.values["s003"] != "old" {
					t.Error("somebody else's secret was overwritten")
				}
				for _, res := range r.Results {
					if res.Outcome == applier.Done && f.values[res.Action.Secret] != "value of "+res.Action.Secret {
						t.Errorf("%s has another value", res.Action.Secret)
					}
				}
			})
		})
	}
}

// TestWhatSeemedToBeGoneIsKnownByItsID: lists lagged, and there it is.
func TestWhatSeemedToBeGoneIsKnownByItsID(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		stranger(f, "s000")
		a := create("s000")
		a.Recovery.PreviousID = f.secrets["s000"].ID
		if r := apply(t.Context(), f, &fakeJournal{target: f}, a); !r.Complete() || f.values["s000"] != "value of s000" {
			t.Errorf("outcomes %v", outcomes(r))
		}
	})
}

// TestAStrangersFreshSecretIsLeftAlone: it was made after our plan, and looks like ours.
func TestAStrangersFreshSecretIsLeftAlone(t *testing.T) {
	for _, n := range []int{1, 5} {
		synctest.Test(t, func(t *testing.T) {
			f := newFake()
			existing(f, "s000")
			r := apply(t.Context(), f, &fakeJournal{target: f}, creates(n)...)
			if f.values["s000"] != "old" || outcomes(r)["s000"] != applier.Failed || r.Count(applier.Done) != n-1 {
				t.Errorf("outcomes %v", outcomes(r))
			}
		})
	}
}

// TestAnInterruptedCreateThatHappenedIsCompleted: the list that the plan was made from
// lagged behind what the apply before this one had made.
func TestAnInterruptedCreateThatHappenedIsCompleted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		existing(f, "s000")
		a := create("s000")
		a.Recovery.SentWindow = planner.Window{From: serverTime, To: serverTime}
		if r := apply(t.Context(), f, &fakeJournal{target: f}, a); !r.Complete() || f.values["s000"] != "value of s000" {
			t.Errorf("outcomes %v", outcomes(r))
		}
	})
}
