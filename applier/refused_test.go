package applier_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/secretsync/secretsync/applier"
)

// TestARefusalForNoneOfTheSecretsIsFinal: a refused token or a rate limit means that nothing
// was created.
func TestARefusalForNoneOfTheSecretsIsFinal(t *testing.T) {
	f := newFake()
	f.before = once("create", errors.New("the token is refused"))
	r := apply(t.Context(), f, &fakeJournal{target: f}, creates(3)...)
	expectLog(t, f, "intent 3", "create 3", "outcome map[failed:3]")
	if r.Count(applier.Failed) != 3 {
		t.Errorf("outcomes %v", outcomes(r))
	}
}

// TestInterruptedWhileRefused: what a refused create may have created is unknown if it is too
// late to look for it.
func TestInterruptedWhileRefused(t *testing.T) {
	for name, refusal := range map[string]error{"quota": applier.ErrQuota, "invalid": applier.ErrInvalid} {
		t.Run(name, func(t *testing.T) {
			f := newFake()
			f.stopAfter, f.refusal = 1, refusal
			ctx, cancel := context.WithCancel(t.Context())
			f.before = func(string) error { cancel(); return nil }
			r := apply(ctx, f, &fakeJournal{target: f}, creates(3)...)
			expectLog(t, f, "intent 3", "create 3", "outcome map[unknown:3]")
			if r.Count(applier.Unknown) != 3 {
				t.Errorf("outcomes %v", outcomes(r))
			}
		})
	}
}

// TestWhatARefusedCreateCreatedIsFoundInAListThatLags reads again before it treats our
// secret as another client's.
func TestWhatARefusedCreateCreatedIsFoundInAListThatLags(t *testing.T) {
	for name, refusal := range map[string]error{"quota": applier.ErrQuota, "invalid": applier.ErrInvalid} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFake()
				f.stopAfter, f.refusal, f.lag = 2, refusal, 1
				r := apply(t.Context(), f, &fakeJournal{target: f}, commented(creates(3))...)
				for n := range 2 {
					if got := r.Results[n]; got.Outcome != applier.Done {
						t.Errorf("%s is %s (%v)", got.Action.Secret, got.Outcome, got.Err)
					}
				}
			})
		})
	}
}

// TestWhatARefusedCreateCreatedIsCompleted: a server creates some secrets of a bulk create
// and refuses the rest.
func TestWhatARefusedCreateCreatedIsCompleted(t *testing.T) {
	for name, refusal := range map[string]error{"quota": applier.ErrQuota, "invalid": applier.ErrInvalid} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFake()
				f.stopAfter, f.refusal = 2, refusal
				r := apply(t.Context(), f, &fakeJournal{target: f}, commented(creates(3))...)
				for n, want := range []applier.Outcome{applier.Done, applier.Done, applier.Failed} {
					if name == "invalid" { // the third is sent again on its own
						want = applier.Done
					}
					if got := r.Results[n]; got.Outcome != want || (want == applier.Done) != (f.values[got.Action.Secret] != "") {
						t.Errorf("%s is %s (%v)", got.Action.Secret, got.Outcome, got.Err)
					}
				}
			})
		})
	}
}
