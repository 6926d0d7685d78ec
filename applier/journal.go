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
	// Record records the entries in one step, completely or not at all. There are several if they
	// came while the previous ones were being recorded.
	Record(...Entry) error
}

// Entry is a part of what a [Journal] records in one step.
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

// recorder is the one writer of the journal for all accounts. Entries that arrive during a write
// are batched into the next one. It reports the outcomes as it records them.
type recorder struct {
	journal Journal
	events  func(Result) // may be nil

	writing sync.Mutex // held while the journal writes; mu is not
	mu      sync.Mutex
	waiting []*waitingEntry
	failure error // the first one
}

// waitingEntry is an entry that has not been recorded yet.
type waitingEntry struct {
	Entry
	recorded bool // or tried to; guarded by recorder.writing
}

// record writes an entry. It does so after a failure too, because the entry may be the
// outcome of a request that was in flight then. It returns the same as failed.
func (r *recorder) record(e Entry) error {
	w := &waitingEntry{Entry: e}
	r.mu.Lock()
	r.waiting = append(r.waiting, w)
	r.mu.Unlock()
	r.writing.Lock()
	defer r.writing.Unlock()
	if !w.recorded { // else another goroutine has recorded it together with its own
		r.recordWaiting()
	}
	return r.failed()
}

// recordWaiting records all entries that wait.
func (r *recorder) recordWaiting() {
	r.mu.Lock()
	waiting := r.waiting
	r.waiting = nil
	r.mu.Unlock()
	entries := make([]Entry, len(waiting))
	for i, w := range waiting {
		entries[i], w.recorded = w.Entry, true
	}
	if err := r.journal.Record(entries...); err != nil {
		r.mu.Lock()
		if r.failure == nil {
			r.failure = fmt.Errorf("the lockfile cannot be written, so nothing more is sent: %w", err)
		}
		r.mu.Unlock()
	}
	for _, e := range entries {
		r.report(e)
	}
}

// report reports the outcomes of an entry.
func (r *recorder) report(e Entry) {
	if e.Kind != EntryOutcome || r.events == nil {
		return
	}
	for _, res := range e.Results {
		if res.Outcome != Skipped { // Apply reports those at the end
			r.events(res)
		}
	}
}

// failed returns the first error of the journal. After it, nothing more may be sent.
func (r *recorder) failed() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failure
}
