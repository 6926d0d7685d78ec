package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/secretsync/secretsync/internal/hint"
	"github.com/secretsync/secretsync/internal/render"
	"github.com/secretsync/secretsync/internal/render/rows"
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
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.lockBreak(cmd.Context(), &o) },
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
		fmt.Fprintf(&out, "%s\n  held by %s\n", l.Address, heldBy(l.Holder))
		longest = max(longest, l.Holder.Duration)
	}
	if len(b.held) > 0 {
		fmt.Fprintf(&out, "If that run is alive, it notices within %s, and sends nothing more after that.\n"+
			"What it leaves undone, the next plan shows.\n", longest/3*2)
	}
	if b.applied != nil {
		fmt.Fprintf(&out, "%s\n  generation %d, applied %s, is to be forgotten\n", lockfile, b.applied.Generation, appliedBy(b.applied))
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

// leaseStatus is a lease in the output of lock status as JSON, as documented in docs/formats.md.
type leaseStatus struct {
	AccountID string `json:"account_id"`
	Store     string `json:"store"`
	Address   string `json:"address"`
	State     string `json:"state"` // held, free or unused
	Host      string `json:"host,omitempty"`
	RunURL    string `json:"run_url,omitempty"`
	// Since is when the last holder acquired it.
	Since      *time.Time     `json:"since,omitempty"`
	Generation int64          `json:"generation,omitempty"`
	Duration   string         `json:"duration,omitempty"`
	BrokenBy   string         `json:"broken_by,omitempty"`
	Applied    *appliedStatus `json:"applied,omitempty"`
}

// appliedStatus is the version of the lockfile that was applied last under a lease.
type appliedStatus struct {
	Generation int64     `json:"generation"`
	Host       string    `json:"host,omitempty"`
	RunURL     string    `json:"run_url,omitempty"`
	Time       time.Time `json:"time"`
}

// inspectLeases reads the leases of a project that has some. The error says which could not be
// read.
func inspectLeases(ctx context.Context, p *reconcile.Project, lock *lockfile.File) ([]leaseStatus, error) {
	if !p.Shared() {
		return nil, nil
	}
	leases, err := p.Leases(ctx, lock)
	if err != nil {
		return nil, err
	}
	var all []leaseStatus
	for _, l := range leases {
		h := l.Holder
		st := leaseStatus{AccountID: string(l.Store.Account), Store: l.Store.Name, Address: l.Address, State: "unused", BrokenBy: l.BrokenBy}
		if h.Generation > 0 {
			st.State, st.Host, st.RunURL, st.Since = "free", h.Host, h.RunURL, &h.Since
			st.Generation, st.Duration = h.Generation, h.Duration.String()
		}
		if l.Held {
			st.State = "held"
		}
		if v := l.Applied; v != nil {
			st.Applied = &appliedStatus{Generation: v.Generation, Host: v.Host, RunURL: v.RunURL, Time: v.Time}
		}
		all = append(all, st)
	}
	return all, nil
}

// print adds the lease to a status as text. own is the generation of the lockfile.
func (l *leaseStatus) print(out *rows.Writer, own int) {
	holder := ""
	if l.Since != nil {
		holder = heldBy(reconcile.LeaseHolder{Host: l.Host, RunURL: l.RunURL, Since: *l.Since, Generation: l.Generation})
	}
	state := map[string]string{
		"held": "held by " + holder, "free": "free; last held by " + holder, "unused": "never used",
	}[l.State]
	if l.BrokenBy != "" {
		state = fmt.Sprintf("free; broken on %s; last held by %s", l.BrokenBy, holder)
	}
	out.Add("lease", "%s: %s", render.Safe(l.Address), render.Safe(state))
	if l.State == "held" {
		out.Add("", "a run works, or was killed: then the lease is free after %s without a renewal", l.Duration)
	}
	if p := l.Applied; p != nil {
		older := ""
		if p.Generation > int64(own) {
			older = ": the lockfile is older, and is refused"
		}
		by := appliedBy(&reconcile.AppliedLockfile{Host: p.Host, RunURL: p.RunURL, Time: p.Time})
		out.Add("", "generation %d of the lockfile was applied %s%s", p.Generation, render.Safe(by), older)
	}
}

// heldBy describes the holder of a lease.
func heldBy(h reconcile.LeaseHolder) string {
	since := h.Since.UTC().Format(time.RFC3339)
	if age := time.Since(h.Since).Round(time.Second); age > 0 {
		since += fmt.Sprintf(" (%s ago)", age)
	}
	return fmt.Sprintf("%s since %s, generation %d", hostAndRun(h.Host, h.RunURL), since, h.Generation)
}

// appliedBy says where and when a version of a lockfile was applied.
func appliedBy(p *reconcile.AppliedLockfile) string {
	return fmt.Sprintf("at %s on %s", p.Time.UTC().Format(time.RFC3339), hostAndRun(p.Host, p.RunURL))
}

func hostAndRun(host, run string) string {
	if host == "" {
		host = "an unknown host"
	}
	if run != "" {
		host += " (" + run + ")"
	}
	return host
}
