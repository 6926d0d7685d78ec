package applier

import (
	"fmt"
	"sync"

	"github.com/secretsync/secretsync/planner"
)

// Journal records intents and outcomes where a crash cannot lose them.
//
// Calls of Record do not overlap. An error from it ends the apply, since a request that
// cannot be recorded must not be sent.
type Journal interface {
	Record(Entry) error
}

// Entry is what a [Journal] records in one step, completely or not at all.
type Entry struct {
	Kind EntryKind
	// Actions is set for EntryIntent and EntryResend.
	Actions []planner.Action
	// Results is set for EntryDuplicated, EntryOutcome and EntryActive.
	Results []Result
}

// EntryKind says what an [Entry] records.
type EntryKind string

// The kinds of entries.
const (
	// EntryIntent records that Actions are about to be tried.
	EntryIntent EntryKind = "intent"
	// EntryResend records that Actions, whose intents are recorded, are sent only now.
	EntryResend EntryKind = "resend"
	// EntryDuplicated records the duplicates of secrets that are being renamed, in Result.Live,
	// before the originals are deleted. Their outcomes follow.
	EntryDuplicated EntryKind = "duplicated"
	// EntryOutcome records the outcomes of actions. A result that is Skipped or Failed cancels
	// the recorded intent; one that is Unknown leaves it in place.
	EntryOutcome EntryKind = "outcome"
	// EntryActive records that secrets became active after their outcomes were recorded.
	// That may have changed Result.Live.Modified.
	EntryActive EntryKind = "active"
)

// recorder is the one writer of the journal for all accounts. It reports the outcomes as it
// records them.
type recorder struct {
	mu      sync.Mutex
	journal Journal
	events  func(Result) // may be nil
	failure error        // the first one
}

// record writes an entry. It does so after a failure too, because the entry may be the
// outcome of a request that was in flight then. It returns the same as failed.
func (r *recorder) record(e Entry) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.journal.Record(e); err != nil && r.failure == nil {
		r.failure = fmt.Errorf("the lockfile cannot be written, so nothing more is sent: %w", err)
	}
	if e.Kind == EntryOutcome && r.events != nil {
		for _, res := range e.Results {
			if res.Outcome != Skipped { // Apply reports those at the end
				r.events(res)
			}
		}
	}
	return r.failure
}

// failed returns the first error of the journal. After it, nothing more may be sent.
func (r *recorder) failed() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failure
}
