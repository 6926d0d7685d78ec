package cli

import (
	"errors"
	"fmt"

	"github.com/secretsync/secretsync/internal/render"
	"github.com/secretsync/secretsync/lockfile"
	"github.com/spf13/cobra"
)

func (a *App) lockFoldCommand() *cobra.Command {
	var f manifestFlags
	var l lockFlags
	cmd := &cobra.Command{
		Use:   "fold",
		Short: "Add the journal of a killed apply to the lockfile",
		Long: `fold writes what an apply recorded in its journal, the file
.NAME.lock.journal, to the lockfile. An apply does that itself when it ends.
Only one that was killed leaves a journal behind; every command reads it, and
the next apply folds it. In CI, run fold before the lockfile is committed, also
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
