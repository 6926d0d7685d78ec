package main

import (
	"context"

	"github.com/secretsync/secretsync/lockfile"
	"github.com/secretsync/secretsync/planner"
	"github.com/spf13/cobra"
)

func (a *app) destroyCommand() *cobra.Command {
	var autoApprove bool
	cmd := &cobra.Command{
		Use:   "destroy",
		Short: "Delete every secret that the lockfile owns",
		Long: "destroy deletes every secret that the lockfile owns, or those that --target names; secrets under delete: false are\n" +
			"forgotten and stay. A store is deleted only if it was applied with delete: true and nobody else has secrets in it.\n" +
			"It reads no values. What secretsync did not make is never touched.\n\n" + exitCodesHelp,
		Args: a.noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.destroy(cmd.Context(), autoApprove) },
	}
	cmd.Flags().BoolVar(&autoApprove, "auto-approve", false, "do not ask")
	a.eventsFlag(cmd)
	return cmd
}

// destroy applies a manifest that wants nothing.
func (a *app) destroy(ctx context.Context, autoApprove bool) error {
	return a.underLock(ctx, func(s *session, handle *lockfile.Handle) error {
		w := &workspace{session: s, lock: handle.File(), wanted: map[planner.SecretKey]want{}, options: s.options()}
		if err := s.checkAPI(w.lock); err != nil {
			return err
		}
		s.filter.Public(lockText(w.lock)...)
		var err error
		if w.references, w.unbound, err = s.references(w.lock); err != nil {
			return err
		}
		return w.planAndExecute(ctx, handle, approval{auto: autoApprove, word: "destroy"})
	})
}
