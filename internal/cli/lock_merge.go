package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/secretsync/secretsync/internal/lockmerge"
	"github.com/secretsync/secretsync/internal/render"
	"github.com/secretsync/secretsync/internal/shell"
	"github.com/secretsync/secretsync/lockfile"
	"github.com/spf13/cobra"
)

// mergeOptions are the flags of lock merge.
type mergeOptions struct {
	manifestFlags
	lockFlags
	path string
}

func (a *App) mergeCommand() *cobra.Command {
	var o mergeOptions
	cmd := &cobra.Command{
		Use:   "merge [BASE OURS THEIRS]",
		Short: "Merge lockfiles record by record, as git's merge driver",
		Long: `merge merges two versions of a lockfile record by record: a secret that one
branch added, changed or removed becomes what that branch made of it. If both
branches wrote a secret, the later write is what is live, so its record is kept.

With three files it is a merge driver for git, and writes the result to OURS:
  ` + lockmerge.GitDriver + `
  ` + lockmerge.GitRecursive + `
init writes the line of .gitattributes that names the driver.

Without files it resolves the conflict that a merge without the driver left in
the lockfile. It also adds the records that an apply saved beside the lockfile,
because another program had replaced that during the apply.

What only a person can decide, such as a secret that one branch removed and the
other changed, is left as a conflict between git's markers and explained; then
merge exits with 1. Two lockfiles under different fingerprint keys, or of
different accounts, are not merged.`,
		Example: "  secretsync lock merge\n  secretsync lock merge base.lock secretsync.lock theirs.lock",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 0 && len(args) != 3 {
				return fmt.Errorf("lock merge takes the files BASE, OURS and THEIRS, or none: got %d", len(args))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 3 {
				return lockmerge.Drive(cmp.Or(o.path, args[1]), args[0], args[1], args[2], a.Say)
			}
			return a.resolveLockfile(cmd.Context(), &o)
		},
	}
	o.manifestFlags.registerNames(cmd.Flags())
	o.lockFlags.registerTimeout(cmd.Flags())
	cmd.Flags().StringVar(&o.path, "path", "", "with three files: the lockfile's name, for messages")
	return cmd
}

// resolveLockfile merges the versions of a lockfile that git could not merge.
func (a *App) resolveLockfile(ctx context.Context, o *mergeOptions) error {
	if o.path != "" {
		return errors.New("--path goes with the files BASE, OURS and THEIRS; --lockfile names the lockfile")
	}
	path, err := a.localLockfile(ctx, &o.manifestFlags,
		"nothing to merge: a lockfile in a bucket has no branches; to merge versions in files, name the three files, or one with --lockfile")
	if err != nil {
		return err
	}
	r := lockmerge.Resolution{Path: path, Getenv: a.env, Note: a.Say}
	err = lockfile.Resolve(ctx, path, o.lockFlags.timeout, func(content []byte) ([]byte, error) {
		return r.Resolve(ctx, content)
	})
	if err != nil {
		return err
	}
	for _, s := range r.Joined {
		err = errors.Join(err, s.Remove())
	}
	return errors.Join(r.Conflict, err, a.reportMerge(&r))
}

// reportMerge says what was done.
func (a *App) reportMerge(r *lockmerge.Resolution) error {
	path := render.Safe(r.Path)
	var names []string
	for _, s := range r.Joined {
		names = append(names, render.Safe(s.Ours))
	}
	var err error
	switch {
	case r.Conflict != nil: // it says what to do
	case len(names) > 0:
		_, err = fmt.Fprintf(a.Out, "Added the records of %s to %s. Next: run %s.\n",
			strings.Join(names, " and "), path, render.Safe(a.line("plan")))
	case r.Merged:
		_, err = fmt.Fprintf(a.Out, "Merged %s. Next: %s, and run %s.\n",
			path, render.Safe(shell.Git(r.Path, "add")), render.Safe(a.line("plan")))
	default:
		_, err = fmt.Fprintf(a.Out, "%s has no conflict.\n", path)
	}
	return err
}
