package cli

import (
	"context"
	"fmt"

	"github.com/secretsync/secretsync/internal/render"
	"github.com/secretsync/secretsync/internal/shell"
	"github.com/secretsync/secretsync/objectstore"
	"github.com/secretsync/secretsync/reconcile"
	"github.com/spf13/cobra"
)

// copyOptions are the flags of lock push and lock pull.
type copyOptions struct {
	manifestFlags
	lockFlags
	overwrite bool
}

func (a *App) lockPushCommand() *cobra.Command {
	return a.copyCommand(&cobra.Command{
		Use:   "push URL",
		Short: "Copy the lockfile into a bucket, for many machines",
		Long: `push copies the lockfile, with the journal of a killed apply if there is one,
into a bucket, where many machines share it: then write

  lockfile: s3://BUCKET/PREFIX/NAME.lock

into the manifest, and remove the file from git. While it copies, it holds the
leases of all stores, so that no other run writes.

A lockfile in the bucket with records of another project, or with newer ones, is
kept unless --overwrite is given. It needs no token for Cloudflare, no values
and no key.`,
		Example: "  secretsync lock push s3://team-state/secretsync/shop.lock",
	}, (*reconcile.Project).Push, a.afterPush)
}

func (a *App) lockPullCommand() *cobra.Command {
	return a.copyCommand(&cobra.Command{
		Use:   "pull URL",
		Short: "Copy the lockfile from a bucket into a file",
		Long: `pull copies a lockfile from a bucket, with the journal of a killed apply if
there is one, to the file beside the manifest or that --lockfile names: the
reverse of push. While it copies, it holds the leases of all stores. The one in
the bucket is the older version from then on: runs that use it are refused.

A file with records of another project, or with newer ones, is kept unless
--overwrite is given. It needs no token for Cloudflare, no values and no key.`,
		Example: "  secretsync lock pull s3://team-state/secretsync/shop.lock",
	}, (*reconcile.Project).Pull, a.afterPull)
}

// copyCommand completes a command that copies a lockfile from or to a URL.
func (a *App) copyCommand(
	cmd *cobra.Command, do func(*reconcile.Project, context.Context, string, bool) (*reconcile.Copied, error),
	next func(*reconcile.Project, *reconcile.Copied) []string,
) *cobra.Command {
	var o copyOptions
	cmd.Args = oneArg("the place in a bucket, as s3://BUCKET/PREFIX/NAME.lock", "--lockfile names the file that it is copied from or to")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		switch {
		case !objectstore.IsURL(args[0]):
			return fmt.Errorf("%q is not a bucket URL: want s3://BUCKET/PREFIX/NAME.lock", args[0])
		case objectstore.IsURL(o.manifestFlags.lockfile):
			return fmt.Errorf("--lockfile names the file beside the manifest for %s, not a place in a bucket", cmd.CommandPath())
		}
		p, err := a.project(cmd.Context(), &o.manifestFlags, nil, o.lockFlags.configure)
		if err != nil {
			return err
		}
		copied, err := do(p, cmd.Context(), args[0], o.overwrite)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(a.Out, "Copied %s to %s: secrets: %d, generation %d.\n",
			render.Safe(copied.From), render.Safe(copied.To), copied.Secrets, copied.Generation)
		for _, todo := range next(p, copied) {
			_, err = fmt.Fprintf(a.Out, "Next: %s.\n", render.Safe(todo))
		}
		return err
	}
	o.manifestFlags.register(cmd.Flags())
	o.lockFlags.register(cmd.Flags())
	cmd.Flags().BoolVar(&o.overwrite, "overwrite", false, "replace the other copy even if it has other or newer records")
	return cmd
}

// afterPush says what is left to do so that every run uses the lockfile in the bucket.
func (a *App) afterPush(p *reconcile.Project, c *reconcile.Copied) []string {
	var todo []string
	if p.Lockfile() != c.To {
		todo = append(todo, fmt.Sprintf("write \"lockfile: %s\" into %s", c.To, p.Manifest().File))
	}
	remove := "remove " + c.From
	if commit(c.From) == "commit" {
		remove = "run " + shell.Git(c.From, "rm") + ", and commit both"
	}
	return append(todo, remove)
}

// afterPull says what is left to do so that every run uses the file.
func (a *App) afterPull(p *reconcile.Project, c *reconcile.Copied) []string {
	var todo []string
	if m := p.Manifest().Lockfile; m.URL != "" {
		todo = append(todo, fmt.Sprintf("remove lockfile from the manifest (%s)", m.Pos))
	}
	if p.Manifest().Lease.URL == "" {
		todo = append(todo, fmt.Sprintf("write \"lease: %s\" into %s, so that machines still exclude each other", c.Lease, p.Manifest().File))
	}
	return append(todo, commit(c.To)+" "+c.To+": runs that use the one in the bucket are refused from now on")
}
