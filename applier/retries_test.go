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

// A create with an unknown outcome is looked for and sent again, after pauses that grow.
// In the end it is left to the next plan.
func TestHowLongAnUnknownCreateIsTried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.began = time.Now()
		f.before = always("create", applier.ErrOutcomeUnknown)
		r := apply(t.Context(), f, &fakeJournal{target: f}, create("s"))
		expectLog(t, f,
			"0s intent 1", "0s create 1",
			"500ms list secrets", "500ms create 1",
			"1.5s list secrets", "1.5s resend 1", "1.5s create 1",
			"3.5s list secrets", "3.5s resend 1", "3.5s create 1",
			"7.5s list secrets", "7.5s resend 1", "7.5s create 1",
			"11.5s list secrets", "11.5s outcome map[unknown:1]")
		if r.Err != nil || r.Results[0].Outcome != applier.Unknown {
			t.Errorf("error %v, outcomes %v", r.Err, outcomes(r))
		}
	})
}

func TestHowLongAnUnknownStoreIsLookedFor(t *testing.T) {
	another := planner.Action{Op: planner.OpCreateStore, Store: planner.StoreKey{Account: account, Name: "another"}}
	look := func(t *testing.T, listing error) (*fakeTarget, applier.Result) {
		f := newFake()
		f.began = time.Now()
		unknown, failing := always("create store", applier.ErrOutcomeUnknown), always("list", listing)
		f.before = func(call string) error { return errors.Join(unknown(call), failing(call)) }
		return f, apply(t.Context(), f, &fakeJournal{target: f}, another).Results[0]
	}
	synctest.Test(t, func(t *testing.T) {
		f, res := look(t, nil)
		expectLog(t, f, "0s create store another", "500ms list stores", "1.5s list stores", "3.5s list stores",
			"7.5s list stores", "7.5s outcome map[unknown:1]")
		if res.Outcome != applier.Unknown || res.StoreID != "" {
			t.Errorf("%s, id %q", res.Outcome, res.StoreID)
		}
	})
	synctest.Test(t, func(t *testing.T) { // a list that cannot be read ends it
		f, res := look(t, errors.New("refused"))
		expectLog(t, f, "0s create store another", "500ms list stores", "500ms outcome map[unknown:1]")
		if res.Outcome != applier.Unknown {
			t.Errorf("%s", res.Outcome)
		}
	})
}

func TestARefusedStoreIsNotLookedFor(t *testing.T) {
	f := newFake()
	f.before = always("create store", applier.ErrInvalid)
	r := apply(t.Context(), f, &fakeJournal{target: f}, planner.Action{Op: planner.OpCreateStore, Store: store})
	expectLog(t, f, "create store prod", "outcome map[failed:1]")
	if res := r.Results[0]; !errors.Is(res.Err, applier.ErrInvalid) || res.StoreID != "" {
		t.Errorf("id %q, error %v", res.StoreID, res.Err)
	}
}

// A request that is sent again is journaled again if the last one was sent ResendAfter ago
// or earlier. Half a second of that is the pause before looking.
func TestWhenARequestIsJournaledAgain(t *testing.T) {
	for took, again := range map[time.Duration][]string{
		500*time.Millisecond - 1: nil,
		500 * time.Millisecond:   {"resend 1"},
		time.Minute:              {"resend 1"},
	} {
		synctest.Test(t, func(t *testing.T) {
			f := newFake()
			unknown := once("create", applier.ErrOutcomeUnknown)
			f.before = func(call string) error {
				err := unknown(call)
				if err != nil {
					time.Sleep(took)
				}
				return err
			}
			apply(t.Context(), f, &fakeJournal{target: f}, create("s"))
			want := append([]string{"intent 1", "create 1", "list secrets"}, again...)
			expectLog(t, f, append(want, "create 1", "outcome map[done:1]")...)
		})
	}
}

// A request that cannot be journaled again is not sent again. Its first attempt stays unknown.
func TestWhatCannotBeJournaledAgainIsNotSentAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.before = func(call string) error {
			if call == "create 1" {
				time.Sleep(time.Minute)
				return applier.ErrOutcomeUnknown
			}
			return nil
		}
		full := errors.New("disk full")
		r := apply(t.Context(), f, &fakeJournal{target: f, fail: once("resend", full)}, create("s"))
		expectLog(t, f, "intent 1", "create 1", "list secrets", "resend 1", "outcome map[unknown:1]")
		if !errors.Is(r.Err, full) || r.Results[0].Outcome != applier.Unknown {
			t.Errorf("error %v, outcomes %v", r.Err, outcomes(r))
		}
	})
}

func TestHalving(t *testing.T) {
	for n, want := range map[int][]string{
		2: {"create 2", "create 1", "create 1"},
		3: {"create 3", "create 2", "create 1", "create 1", "create 1"},
		5: {"create 5", "create 3", "create 2", "create 1", "create 1", "create 1", "create 2", "create 1", "create 1"},
	} {
		f := newFake()
		f.maxItems = 1
		if r := apply(t.Context(), f, &fakeJournal{target: f}, creates(n)...); !r.Complete() {
			t.Errorf("outcomes %v", outcomes(r))
		}
		if diff := cmp.Diff(want, f.log[1:len(f.log)-1]); diff != "" {
			t.Errorf("%d secrets (-want +got):\n%s", n, diff)
		}
	}
}

// One secret that is too large by itself is not tried again.
func TestOneThatIsTooLarge(t *testing.T) {
	f := newFake()
	f.maxItems = 0
	r := apply(t.Context(), f, &fakeJournal{target: f}, create("s"))
	expectLog(t, f, "intent 1", "create 1", "outcome map[failed:1]")
	if !errors.Is(r.Results[0].Err, applier.ErrTooLarge) {
		t.Errorf("error %v", r.Results[0].Err)
	}
}

// If the list cannot be read, the outcomes are unknown, and the errors have every reason.
func TestTheListCannotBeRead(t *testing.T) {
	listing := errors.New("no list")
	for name, cause := range map[string]error{"unknown": applier.ErrOutcomeUnknown, "refused": applier.ErrInvalid} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFake()
				creating, failing := once("create", cause), always("list", listing)
				f.before = func(call string) error { return errors.Join(creating(call), failing(call)) }
				r := apply(t.Context(), f, &fakeJournal{target: f}, creates(2)...)
				expectLog(t, f, "intent 2", "create 2", "list secrets", "outcome map[unknown:2]")
				for _, res := range r.Results {
					if !errors.Is(res.Err, cause) || !errors.Is(res.Err, listing) || !errors.Is(res.Err, applier.ErrOutcomeUnknown) {
						t.Errorf("error %v", res.Err)
					}
				}
			})
		})
	}
}

// A store that is gone has no secrets, so they are created again.
func TestTheStoreIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		creating, gone := once("create", applier.ErrOutcomeUnknown), always("list", applier.ErrNotFound)
		f.before = func(call string) error { return errors.Join(creating(call), gone(call)) }
		r := apply(t.Context(), f, &fakeJournal{target: f}, creates(2)...)
		expectLog(t, f, "intent 2", "create 2", "list secrets", "create 2", "outcome map[done:2]")
		if !r.Complete() {
			t.Errorf("outcomes %v", outcomes(r))
		}
	})
}

// After a refusal because of the quota, the list is read a second time, since it may lag,
// unless the first reading showed all secrets.
func TestTheListIsReadAgainWhenTheQuotaIsUsedUp(t *testing.T) {
	for name, tt := range map[string]struct {
		created int
		log     []string
	}{
		"some are missing": {1, []string{"0s list secrets", "0s update s000 value=true scopes=true comment=true",
			"500ms list secrets", "500ms outcome map[done:1 failed:1]"}},
		"none is missing": {2, []string{"0s list secrets", "0s update s000 value=true scopes=true comment=true",
			"0s update s001 value=true scopes=true comment=true", "0s outcome map[done:2]"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFake()
				f.began = time.Now()
				if f.stopAfter, f.refusal = tt.created, applier.ErrQuota; tt.created == 2 {
					f.after = once("create", applier.ErrQuota)
				}
				apply(t.Context(), f, &fakeJournal{target: f}, commented(creates(2))...)
				expectLog(t, f, append([]string{"0s intent 2", "0s create 2"}, tt.log...)...)
			})
		})
	}
}

// The request was refused although it created all of its secrets: there is nothing to halve.
func TestARefusedRequestThatCreatedAll(t *testing.T) {
	f := newFake()
	f.after = once("create", applier.ErrInvalid)
	r := apply(t.Context(), f, &fakeJournal{target: f}, commented(creates(2))...)
	if !r.Complete() || r.Count(applier.Done) != 2 {
		t.Errorf("outcomes %v, log %v", outcomes(r), f.log)
	}
}
