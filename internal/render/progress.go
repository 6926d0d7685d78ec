package render

import (
	"cmp"
	"errors"
	"fmt"
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
	return fmt.Sprintf("%s, %d not begun", text, r.Count(applier.Skipped))
}
