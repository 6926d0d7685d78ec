package lockstatus

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/secretsync/secretsync/internal/hint"
	"github.com/secretsync/secretsync/internal/render"
	"github.com/secretsync/secretsync/lockfile"
	"github.com/secretsync/secretsync/reconcile"
)

// Breaking is what lock break is about to do.
type Breaking struct {
	// Held are the leases to release.
	Held []reconcile.Lease
	// Applied is the version of the lockfile to forget; nil for none.
	Applied *reconcile.AppliedLockfile
}

// ToBreak returns what to do about leases. With forget, the last applied version of the lockfile is
// forgotten as well.
func ToBreak(leases []reconcile.Lease, forget bool) Breaking {
	var b Breaking
	for _, l := range leases {
		if l.Held {
			b.Held = append(b.Held, l)
		}
		if forget && l.Applied != nil && (b.Applied == nil || l.Applied.Generation > b.Applied.Generation) {
			b.Applied = l.Applied
		}
	}
	return b
}

// Check returns an error if there is nothing to do. plan is a command line that plans.
func (b Breaking) Check(forget bool, lockfile, plan string) error {
	switch {
	case forget && b.Applied == nil:
		return hint.With(fmt.Errorf("there is nothing to forget: the leases name no version of %s that was applied", lockfile),
			"run "+plan+": it says what is wrong")
	case !forget && len(b.Held) == 0:
		return hint.With(errors.New("there is nothing to break: no run holds a lease of the manifest's stores"),
			"run "+plan+"; if a lockfile is refused because a newer one was applied and lost, add --forget-applied")
	}
	return nil
}

// Print says what is about to be done, and what that means.
func (b Breaking) Print(w io.Writer, lockfile string) error {
	var out strings.Builder
	var longest time.Duration
	for _, l := range b.Held {
		fmt.Fprintf(&out, "%s\n  held by %s\n", render.Safe(l.Address), render.Safe(heldBy(l.Holder)))
		longest = max(longest, l.Holder.Duration)
	}
	if len(b.Held) > 0 {
		fmt.Fprintf(&out, "If that run is alive, it notices within %s, and sends nothing more after that.\n"+
			"The next plan shows what it leaves undone.\n", longest/3*2)
	}
	if b.Applied != nil {
		fmt.Fprintf(&out, "%s\n  generation %d, applied %s, will be forgotten\n",
			render.Safe(lockfile), b.Applied.Generation, render.Safe(appliedBy(b.Applied)))
		out.WriteString("If that version still exists, such as in git or as an older version of the object, restore it instead:\n" +
			"with an older one, what was created since looks like another client's, and what was changed since like drift.\n")
	}
	_, err := io.WriteString(w, out.String())
	return err
}

// Question asks for approval.
func (b Breaking) Question() string {
	switch {
	case b.Applied == nil:
		return "Break the lease?"
	case len(b.Held) == 0:
		return "Forget that version?"
	}
	return "Break the lease, and forget that version?"
}

// Do releases the leases, and makes them forget Applied.
func (b Breaking) Do(ctx context.Context, p *reconcile.Project, lock *lockfile.File) error {
	for _, l := range b.Held {
		if err := p.BreakLease(ctx, l); err != nil {
			return err
		}
	}
	if b.Applied != nil {
		return p.ForgetApplied(ctx, lock)
	}
	return nil
}
