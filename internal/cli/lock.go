package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/secretsync/secretsync/internal/advice"
	"github.com/secretsync/secretsync/internal/hint"
	"github.com/secretsync/secretsync/internal/lockstatus"
	"github.com/secretsync/secretsync/internal/render"
	"github.com/secretsync/secretsync/lockfile"
	"github.com/secretsync/secretsync/objectstore"
	"github.com/secretsync/secretsync/reconcile"
	"github.com/spf13/cobra"
)

func (a *App) lockCommand() *cobra.Command {
	return group(&cobra.Command{
		Use:   "lock",
		Short: "Inspect and maintain the lockfile",
	}, a.lockStatusCommand(), a.lockAcceptCommand(), a.lockFoldCommand(), a.mergeCommand(), a.rekeyCommand(),
		a.lockBreakCommand(), a.lockPushCommand(), a.lockPullCommand())
}

// lockfilePath returns the lockfile's path, for a command that does not need a manifest.
func lockfilePath(f *manifestFlags) (string, error) {
	if f.lockfile != "" {
		return f.lockfile, nil
	}
	file, err := f.path()
	if err != nil {
		return "", hint.With(err, "run secretsync init, or name the lockfile with --lockfile, or its manifest with -f")
	}
	path := lockfile.PathFor(file)
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Lstat(file); errors.Is(err, fs.ErrNotExist) {
			return "", hint.With(fmt.Errorf("there is neither %s nor its lockfile, %s", file, path), advice.MissingManifest(file))
		}
	}
	return path, nil
}

// lockfileOf finds the lockfile and the leases of a project, for a command that needs nothing else
// of the manifest, and not even that where --lockfile names a lockfile.
func (a *App) lockfileOf(ctx context.Context, f *manifestFlags, options ...func(*reconcile.Config)) (*reconcile.Project, error) {
	path, err := lockfilePath(f)
	if err != nil {
		return nil, err
	}
	file, err := f.path()
	if err == nil {
		_, err = os.Lstat(file)
	}
	if err != nil { // there is a lockfile only
		file = ""
	}
	c, err := a.config(f, file, nil)
	if err != nil {
		return nil, err
	}
	if file == "" {
		c.Lockfile = path
	}
	for _, option := range options {
		option(&c)
	}
	p, err := reconcile.OpenLockfile(ctx, c)
	if err != nil {
		a.Say("warning: the manifest cannot be read, and may name a lease or a lockfile in a bucket: %v", err)
	}
	return p, nil
}

// localLockfile is the path of the lockfile, for a command that is about files.
func (a *App) localLockfile(ctx context.Context, f *manifestFlags, why string) (string, error) {
	path, err := lockfilePath(f)
	if err != nil {
		return "", err
	}
	if f.lockfile == "" {
		p, err := a.lockfileOf(ctx, f)
		if err != nil {
			return "", err
		}
		path = p.Lockfile()
	}
	if objectstore.IsURL(path) {
		return "", hint.With(fmt.Errorf("the lockfile is %s, not a file", path), why)
	}
	return path, nil
}

func (a *App) lockStatusCommand() *cobra.Command {
	var f manifestFlags
	var format string
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show the state of the lockfile and its key",
		Long: `status reads the lockfile and looks for its fingerprint key. It needs no token,
no values and no key, and sends no request to Cloudflare. Of the manifest it
needs only the name, and not even that with --lockfile. It exits with 1 if the
lockfile is damaged, or lacks records that wait beside it.

If several machines share the lockfile, or exclude each other by leases, it also
shows who holds them, or held them last, and which version of the lockfile was
applied last. It writes nothing to the bucket.`,
		Example: "  secretsync lock status\n  secretsync lock status --format json",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if format != "text" && format != "json" {
				return fmt.Errorf("--format %q is neither text nor json", format)
			}
			return a.lockStatus(cmd.Context(), &f, format == "json")
		},
	}
	f.registerFiles(cmd.Flags())
	cmd.Flags().StringVar(&format, "format", "text", "text or json")
	return cmd
}

func (a *App) lockStatus(ctx context.Context, f *manifestFlags, asJSON bool) error {
	p, err := a.lockfileOf(ctx, f)
	if err != nil {
		return err
	}
	st, damaged := lockstatus.Inspect(ctx, p)
	for _, w := range a.tracked(ctx, p.LocalLockfile()) {
		st.Tracked = append(st.Tracked, w.Pos.File)
		a.Say("warning: %s", w)
	}
	if !asJSON {
		return errors.Join(st.Print(a.Out), damaged)
	}
	return errors.Join(a.printJSON(st), damaged)
}

func (a *App) lockFoldCommand() *cobra.Command {
	var f manifestFlags
	var l lockFlags
	cmd := &cobra.Command{
		Use:   "fold",
		Short: "Add the journal of a killed apply to the lockfile",
		Long: `fold writes what an apply recorded in its journal, the file
.NAME.lock.journal, to the lockfile. An apply does that itself when it ends.
Only one that was killed leaves a journal behind; every command reads it, and
the next apply folds it. In CI, run fold before the lockfile is committed, even
if apply failed: git ignores the journal, and the machine may be gone by the
next run.

It needs no token, no values and no key, and sends no request. Without a
journal it does nothing.`,
		Example: "  secretsync lock fold && git add secretsync.lock",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			path, err := a.localLockfile(cmd.Context(), &f,
				"there is nothing to fold: the journal of a killed apply is in the bucket too, and the next apply adds it to the lockfile")
			if err != nil {
				return err
			}
			h, err := lockfile.Open(cmd.Context(), path, l.timeout)
			if err != nil {
				return err
			}
			if h.Folded() == 0 {
				_, err = fmt.Fprintf(a.Out, "%s has no journal.\n", render.Safe(path))
			} else {
				_, err = fmt.Fprintf(a.Out, "Added the journal of an apply that was killed to %s. Next: run %s.\n",
					render.Safe(path), render.Safe(a.line("plan")))
			}
			return errors.Join(err, h.Close())
		},
	}
	f.registerNames(cmd.Flags())
	l.registerTimeout(cmd.Flags())
	return cmd
}

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
			"a local lockfile needs no lease: its lock is released when the run ends; name a lease with --lease")
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
	b := lockstatus.ToBreak(leases, o.forget)
	if err := b.Check(o.forget, p.Lockfile(), a.otherLine("plan")); err != nil {
		return err
	}
	if err := b.Print(a.Out, p.Lockfile()); err != nil {
		return err
	}
	if err := a.approve(ctx, len(b.Held), approval{auto: o.auto, word: "yes", question: b.Question()}); err != nil {
		return err
	}
	if err := b.Do(ctx, p, lock); err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.Out, "\nDone. Next: run %s.\n", render.Safe(a.otherLine("plan")))
	return err
}
