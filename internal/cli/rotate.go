package cli

import (
	"fmt"

	"github.com/secretsync/secretsync/reconcile"
	"github.com/spf13/cobra"
)

// rotateOptions are the flags of rotate.
type rotateOptions struct {
	changeFlags
	limitFlags
}

func (a *App) rotateCommand() *cobra.Command {
	var o rotateOptions
	cmd := &cobra.Command{
		Use:   "rotate STORE/SECRET",
		Short: "Give generated secrets new values now",
		Long: `rotate generates new values for the generated secrets whose STORE/SECRET matches
the glob, and touches nothing else. Rotate values from other sources where they
come from.

` + exitCodesHelp,
		Example: "  secretsync rotate 'default_secrets_store/webhook-*'",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.changeFlags.check(); err != nil {
				return err
			}
			if !isTarget(args[0]) {
				return fmt.Errorf("--target %q is not a glob of the form STORE/SECRET or ACCOUNT/STORE/SECRET", args[0])
			}
			c := change{flags: &o.changeFlags, ask: approval{auto: o.auto, word: "yes"}, edits: []reconcile.Edit{reconcile.Rotate(args[0])}}
			return a.change(cmd.Context(), c, readValues, o.limitFlags.apply, func(c *reconcile.Config) { c.Targets = args })
		},
	}
	o.changeFlags.register(cmd.Flags())
	o.limitFlags.register(cmd.Flags())
	return cmd
}
