package applier

import (
	"errors"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
)

// gatedJournal lets one entry through at a time: it waits for the gate in each call.
type gatedJournal struct {
	gate  chan error
	mu    sync.Mutex
	calls []int // the number of entries of each call
}

func (j *gatedJournal) Record(entries ...Entry) error {
	j.mu.Lock()
	j.calls = append(j.calls, len(entries))
	j.mu.Unlock()
	return <-j.gate
}

// Entries that arrive while the journal writes are recorded together in the next step: accounts do
// not wait for one another's disk syncs. An error of a step is the error of all its entries and of
// all later ones.
func TestWaitingEntriesAreRecordedTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := &gatedJournal{gate: make(chan error)}
		var reported []string
		r := &recorder{journal: j, events: func(res Result) { reported = append(reported, res.Action.Secret) }}
		errs := make(chan error, 5)
		record := func(name string) {
			res := Result{Outcome: Done}
			res.Action.Secret = name
			go func() { errs <- r.record(Entry{Kind: EntryOutcome, Results: []Result{res}}) }()
		}
		record("first")
		synctest.Wait()
		for _, name := range []string{"a", "b", "c"} {
			record(name)
		}
		for waiting := 0; waiting < 3; { // goroutines that wait for a mutex are no reason for Wait to return
			r.mu.Lock()
			waiting = len(r.waiting)
			r.mu.Unlock()
		}
		j.gate <- nil
		broken := errors.New("disk full")
		j.gate <- broken
		failed := 0
		for range 4 {
			if err := <-errs; errors.Is(err, broken) {
				failed++
			} else if err != nil {
				t.Error(err)
			}
		}
		if failed != 3 {
			t.Errorf("%d entries failed, want the three of the second step", failed)
		}
		record("late")
		j.gate <- nil
		if err := <-errs; !errors.Is(err, broken) {
			t.Errorf("an entry after the failure: %v", err)
		}
		if diff := cmp.Diff([]int{1, 3, 1}, j.calls); diff != "" {
			t.Errorf("entries per step (-want +got):\n%s", diff)
		}
		if len(reported) != 5 {
			t.Errorf("reported: %v", reported)
		}
	})
}
