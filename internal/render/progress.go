package render

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/secretsync/secretsync/applier"
	"github.com/secretsync/secretsync/internal/render/foreign"
	"github.com/secretsync/secretsync/lockfile"
	"github.com/secretsync/secretsync/reconcile"
)

// Phase is what a run does in a phase, such as "reading stores".
func Phase(p reconcile.Phase) string {
	return cmp.Or(map[reconcile.Phase]string{
		reconcile.PhaseValues:    "reading values",
		reconcile.PhaseStores:    "reading stores",
		reconcile.PhaseVerify:    "verifying values",
		reconcile.PhaseAuditLogs: "reading audit logs",
		reconcile.PhaseReaders:   "reading what is deployed",
		reconcile.PhaseApply:     "applying",
	}[p], Safe(string(p)))
}

// Waiting is what a run waits for, and how much longer. It names the account if there are several.
func Waiting(w reconcile.Waiting, left time.Duration, several bool) string {
	var text string
	switch at, most := Seconds(left), Seconds(left)+" at most"; w.For {
	case reconcile.WaitActive:
		text = fmt.Sprintf("waiting for %s to become active, %s", count(w.Secrets, "secret"), most)
	case reconcile.WaitWorkers:
		text = fmt.Sprintf("waiting for Workers to read %s, %s", count(w.Secrets, "new value"), most)
	case reconcile.WaitLock, reconcile.WaitLease:
		text = fmt.Sprintf("waiting %s: %s", most, held(w.Held))
	default:
		text = fmt.Sprintf("waiting %s: %s", at, Safe(w.Reason))
	}
	if several && w.Account != "" {
		text += " (account " + foreign.Word(string(w.Account)) + ")"
	}
	return text
}

// held says who holds a lock or a lease.
func held(err error) string {
	if lock, ok := errors.AsType[*lockfile.HeldError](err); ok { // without how long it has waited
		return Safe(fmt.Sprintf("the lockfile %q is in use by %s", lock.Path, lock.Holder))
	}
	return Safe(err.Error())
}

// Seconds is a time that is left or has passed, in whole seconds unless it is short.
func Seconds(d time.Duration) string {
	unit := time.Second
	if d < 10*time.Second {
		unit = 100 * time.Millisecond
	}
	return max(0, d).Round(unit).String()
}

// Interrupted says how far an apply came that was interrupted.
func Interrupted(r *applier.Report) string {
	text := fmt.Sprintf("interrupted: %d done", r.Count(applier.Done))
	for _, o := range []applier.Outcome{applier.Failed, applier.Unknown} {
		if n := r.Count(o); n > 0 {
			text += fmt.Sprintf(", %d %s", n, o)
		}
	}
	return fmt.Sprintf("%s, %d not started", text, r.Count(applier.Skipped))
}

// Progress is one result as a line of progress.
func Progress(r applier.Result, in Names) string {
	name := in.Secret(r.Action.Store, r.Action.Secret)
	w := wordsFor(r.Action.Op)
	if w.unit != "" {
		name = w.unit + " " + name
	}
	if r.Outcome == applier.Done {
		return w.past + " " + name
	}
	text := fmt.Sprintf("%s: %s %s", r.Outcome, w.verb, name)
	if r.Err != nil {
		text += ": " + Safe(strings.ReplaceAll(r.Err.Error(), "\n", "; "))
	}
	return text
}

// Report writes what an apply did, in one line.
func Report(w io.Writer, r *applier.Report) error {
	var parts []string
	for _, op := range opWords {
		n := 0
		for _, res := range r.Results {
			if res.Action.Op == op.op && res.Outcome == applier.Done {
				n++
			}
		}
		if n > 0 {
			parts = append(parts, op.counted(n, op.past))
		}
	}
	if len(parts) == 0 {
		parts = []string{"nothing"}
	}
	for _, o := range []applier.Outcome{applier.Failed, applier.Unknown, applier.Skipped} {
		if n := r.Count(o); n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, o))
		}
	}
	_, err := fmt.Fprintf(w, "Applied: %s.\n", strings.Join(parts, ", "))
	return err
}
