package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/secretsync/secretsync/internal/hint"
	"github.com/secretsync/secretsync/internal/lockstatus"
	"github.com/secretsync/secretsync/internal/render"
	"github.com/secretsync/secretsync/lockfile"
	"github.com/secretsync/secretsync/reconcile"
	"github.com/spf13/cobra"
)

// breakOptions are the flags of lock break.
type breakOptions struct {
	manifestFlags
	lockFlags
	forget, auto bool
}

func (a *App) lockBreakCommand() *cobra.Command {
	var o breakOptions
	cmd := &cobra.Command{
		Use:   "break",
		Short: "Release leases that another run holds",
		Long: `break releases the leases of the manifest's stores that another run holds, after
it has named that run. It is rarely needed: a lease whose run was killed is free
once its duration (--lease-duration, usually 1m0s) has passed, and apply takes
it over by itself if --lock-timeout is longer than that.

If the other run is alive after all, it notices within two thirds of that
duration, and then sends nothing more; requests under way may still take effect.
Its apply is incomplete, and the next plan shows what is left.

With --forget-applied, break also makes the leases forget which version of the
lockfile was applied last, so that an older one may be used: for when the newer
one is lost.`,
		Example: "  secretsync lock break\n  secretsync lock break --forget-applied",
		Args:    noArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.lockBreak(cmd.Context(), &o) },
	}
	f := cmd.Flags()
	o.manifestFlags.register(f)
	o.lockFlags.register(f)
	f.BoolVar(&o.forget, "forget-applied", false, "forget which version of the lockfile was applied last: the newer one is lost")
	f.BoolVar(&o.auto, "auto-approve", false, "do not ask for approval")
	return cmd
}

func (a *App) lockBreak(ctx context.Context, o *breakOptions) error {
	p, err := a.lockfileOf(ctx, &o.manifestFlags, o.lockFlags.configure)
	if err != nil {
		return err
	}
	if !p.Shared() {
		return hint.With(errors.New("there is no lease: the manifest names neither a lease nor a lockfile in a bucket"),
			"the lock of a lockfile in a file is free as soon as the run that holds it ends; name a lease with --lease")
	}
	lock, err := p.ReadLockfile(ctx)
	if err != nil {
		a.Say("warning: %v", err)
		lock = new(lockfile.File)
	}
	leases, err := p.Leases(ctx, lock)
	if err != nil {
		return err
	}
	b := leasesToBreak(leases, o.forget)
	if err := b.check(a, o.forget, p.Lockfile()); err != nil {
		return err
	}
	if err := b.print(a, p.Lockfile()); err != nil {
		return err
	}
	if err := a.approve(ctx, len(b.held), approval{auto: o.auto, word: "yes", question: b.question()}); err != nil {
		return err
	}
	for _, l := range b.held {
		if err := p.BreakLease(ctx, l); err != nil {
			return err
		}
	}
	if b.applied != nil {
		if err := p.ForgetApplied(ctx, lock); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintf(a.Out, "\nDone. Next: run %s.\n", render.Safe(a.otherLine("plan")))
	return err
}

// breaking is what lock break is about to do.
type breaking struct {
	held []reconcile.Lease
	// applied is what is to be forgotten; nil for nothing.
	applied *reconcile.AppliedLockfile
}

func leasesToBreak(leases []reconcile.Lease, forget bool) breaking {
	var b breaking
	for _, l := range leases {
		if l.Held {
			b.held = append(b.held, l)
		}
		if forget && l.Applied != nil && (b.applied == nil || l.Applied.Generation > b.applied.Generation) {
			b.applied = l.Applied
		}
	}
	return b
}

// check returns an error if there is nothing to do.
func (b breaking) check(a *App, forget bool, lockfile string) error {
	switch {
	case forget && b.applied == nil:
		return hint.With(fmt.Errorf("there is nothing to forget: the leases name no version of %s that was applied", lockfile),
			"run "+a.otherLine("plan")+": it says what is wrong")
	case !forget && len(b.held) == 0:
		return hint.With(errors.New("there is nothing to break: no run holds a lease of the manifest's stores"),
			"run "+a.otherLine("plan")+"; if a lockfile is refused because a newer one was applied and lost, add --forget-applied")
	}
	return nil
}

func (b breaking) print(a *App, lockfile string) error {
	var out strings.Builder
	var longest time.Duration
	for _, l := range b.held {
		fmt.Fprintf(&out, "%s\n  held by %s\n", l.Address, lockstatus.HeldBy(l.Holder))
		longest = max(longest, l.Holder.Duration)
	}
	if len(b.held) > 0 {
		fmt.Fprintf(&out, "If that run is alive, it notices within %s, and sends nothing more after that.\n"+
			"What it leaves undone, the next plan shows.\n", longest/3*2)
	}
	if b.applied != nil {
		fmt.Fprintf(&out, "%s\n  generation %d, applied %s, is to be forgotten\n", lockfile, b.applied.Generation, lockstatus.AppliedBy(b.applied))
		out.WriteString("If that version still exists, such as in git or as an older version of the object, restore it instead:\n" +
			"with an older one, what was created since looks like another client's, and what was changed since like drift.\n")
	}
	for line := range strings.Lines(out.String()) {
		if _, err := fmt.Fprintln(a.Out, render.Safe(strings.TrimSuffix(line, "\n"))); err != nil {
			return err
		}
	}
	return nil
}

func (b breaking) question() string {
	switch {
	case b.applied == nil:
		return "Break the lease?"
	case len(b.held) == 0:
		return "Forget that version?"
	}
	return "Break the lease, and forget that version?"
}
