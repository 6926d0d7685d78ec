package applier

import (
	"fmt"
	"sync"

	"github.com/secretsync/secretsync/planner"
)

// Journal records intents and outcomes where a crash cannot lose them.
//
// Record is never called twice at once. An error from it ends the apply: what cannot be
// recorded is not done.
type Journal interface {
	Record(Entry) error
}

// Entry is what a [Journal] records at once: all of it or nothing.
type Entry struct {
	Kind EntryKind
	// Actions are those of EntryIntent and EntryResend.
	Actions []planner.Action
	// Results are those of EntryOutcome and EntryActive.
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
	// EntryOutcome records what became of actions. A result that is Skipped or Failed takes
	// an intent back, one that is Unknown leaves it.
	EntryOutcome EntryKind = "outcome"
	// EntryActive records that secrets became active after their outcome was recorded, which
	// changed Result.Live.Modified.
	EntryActive EntryKind = "active"
)

// recorder writes the journal for all accounts, and reports outcomes as they are recorded.
type recorder struct {
	mu      sync.Mutex
	journal Journal
	events  func(Result) // may be nil
	failure error
}

// record writes an entry, also after an earlier one failed: it may be the outcome of a
// request that was under way then. It returns what failed returns.
func (r *recorder) record(e Entry) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.journal.Record(e); err != nil && r.failure == nil {
		r.failure = fmt.Errorf("the lockfile cannot be written, so nothing more is sent: %w", err)
	}
	if e.Kind == EntryOutcome && r.events != nil {
		for _, res := range e.Results {
			if res.Outcome != Skipped { // Apply reports those at the end, whatever the reason
				r.events(res)
			}
		}
	}
	return r.failure
}

// failed returns the first error of the journal. Nothing more may be sent after one.
func (r *recorder) failed() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failure
}
