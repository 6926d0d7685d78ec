package applier_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/secretsync/secretsync/applier"
	"github.com/secretsync/secretsync/internal/secret"
	"github.com/secretsync/secretsync/planner"
)

// slowTarget takes a while for each update, and counts how many run at once.
type slowTarget struct {
	*fakeTarget
	took          func(planner.SecretID) time.Duration
	underWay, max atomic.Int32
}

func (s *slowTarget) UpdateSecret(ctx context.Context, st planner.StoreID, id planner.SecretID, p applier.Patch) (planner.LiveSecret, error) {
	n := s.underWay.Add(1)
	defer s.underWay.Add(-1)
	for most := s.max.Load(); n > most; most = s.max.Load() {
		if s.max.CompareAndSwap(most, n) {
			break
		}
	}
	time.Sleep(s.took(id))
	return s.fakeTarget.UpdateSecret(ctx, st, id, p)
}

func updates(f *fakeTarget, n int) []planner.Action {
	var actions []planner.Action
	for i := range n {
		actions = append(actions, update(f, fmt.Sprintf("u%d", i)))
	}
	return actions
}

func (s *slowTarget) apply(ctx context.Context, j applier.Journal, parallelism int, actions ...planner.Action) end {
	r, err := applier.Apply(ctx, &planner.Plan{Actions: actions}, applier.Config{
		Targets: map[planner.AccountID]applier.Target{account: s}, Journal: j, Parallelism: parallelism, Now: time.Now,
		Value: func(k planner.SecretKey) (secret.Value, bool) { return value(k.Name), true },
	})
	return end{r, err}
}

func TestParallelism(t *testing.T) {
	for parallelism, want := range map[int]struct {
		most int32
		took time.Duration
	}{0: {1, 6 * time.Second}, 1: {1, 6 * time.Second}, 2: {2, 3 * time.Second}, 4: {4, 2 * time.Second}, 10: {6, time.Second}} {
		t.Run(fmt.Sprint(parallelism), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &slowTarget{fakeTarget: newFake(), took: func(planner.SecretID) time.Duration { return time.Second }}
				start := time.Now()
				r := s.apply(t.Context(), &fakeJournal{target: s.fakeTarget}, parallelism, updates(s.fakeTarget, 6)...)
				if took := time.Since(start); !r.Complete() || s.max.Load() != want.most || took != want.took {
					t.Errorf("%d at once, in %s, want %d in %s: outcomes %v", s.max.Load(), took, want.most, want.took, outcomes(r))
				}
			})
		})
	}
}

// slowJournal takes a while to record an outcome.
type slowJournal struct {
	*fakeJournal
	took time.Duration
}

func (j *slowJournal) Record(entries ...applier.Entry) error {
	err := j.fakeJournal.Record(entries...)
	if entries[0].Kind == applier.EntryOutcome {
		time.Sleep(j.took)
	}
	return err
}

// Requests go on while the journal writes. Their outcomes share the next entry.
func TestOutcomesThatArriveTogetherAreJournaledTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		actions := updates(f, 4)
		s := &slowTarget{fakeTarget: f, took: func(id planner.SecretID) time.Duration {
			if id == actions[0].ID {
				return time.Second
			}
			return 2 * time.Second
		}}
		f.began = time.Now()
		r := s.apply(t.Context(), &slowJournal{&fakeJournal{target: f}, 5 * time.Second}, 4, actions...)
		if !r.Complete() {
			t.Errorf("outcomes %v", outcomes(r))
		}
		slices.Sort(f.log[3:6]) // answered at once
		expectLog(t, f, "0s intent 4", "1s update u0 value=true scopes=false comment=false", "1s outcome map[done:1]",
			"2s update u1 value=true scopes=false comment=false", "2s update u2 value=true scopes=false comment=false",
			"2s update u3 value=true scopes=false comment=false", "6s outcome map[done:3]")
	})
}

// Requests in flight when the journal fails are finished, and their outcomes journaled if
// that works again. No other request starts.
func TestTheJournalFailsBetweenUpdates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		actions := updates(f, 5)
		s := &slowTarget{fakeTarget: f, took: func(id planner.SecretID) time.Duration {
			if id == actions[0].ID {
				return time.Second
			}
			return time.Minute
		}}
		full := errors.New("disk full")
		r := s.apply(t.Context(), &fakeJournal{target: f, fail: once("outcome", full)}, 2, actions...)
		want := map[string]applier.Outcome{"u0": applier.Done, "u1": applier.Done, "u2": applier.Done, "u3": applier.Skipped, "u4": applier.Skipped}
		skipped := 2
		if r.Results[2].Outcome == applier.Skipped { // the failure was seen before the next update began
			want["u2"], skipped = applier.Skipped, 3
		}
		if diff := cmp.Diff(want, outcomes(r)); diff != "" {
			t.Error(diff)
		}
		if got := f.log[len(f.log)-1]; got != fmt.Sprintf("outcome map[skipped:%d]", skipped) {
			t.Errorf("the last entry is %q", got)
		}
		for _, res := range r.Results[len(r.Results)-skipped:] {
			if !errors.Is(res.Err, full) {
				t.Errorf("%s: %v", res.Action.Secret, res.Err)
			}
		}
		if !errors.Is(r.Err, full) {
			t.Errorf("error %v", r.Err)
		}
	})
}

func TestInterruptedBetweenUpdates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		s := &slowTarget{fakeTarget: f, took: func(planner.SecretID) time.Duration { return time.Second }}
		ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
		defer cancel()
		r := s.apply(ctx, &fakeJournal{target: f}, 2, updates(f, 5)...)
		if r.Count(applier.Done) != 4 || r.Count(applier.Skipped) != 1 || !errors.Is(r.Err, context.DeadlineExceeded) {
			t.Errorf("error %v, outcomes %v", r.Err, outcomes(r))
		}
		if got := f.log[len(f.log)-1]; got != "outcome map[skipped:1]" {
			t.Errorf("the last entry is %q", got)
		}
	})
}
