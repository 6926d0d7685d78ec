package cli

import (
	"cmp"
	"github.com/secretsync/secretsync/reconcile"
	"github.com/spf13/cobra"
)

// destroyOptions are the flags of destroy.
type destroyOptions struct {
	changeFlags
	targetFlags
	limitFlags
}

func (a *App) destroyCommand() *cobra.Command {
	var o destroyOptions
	cmd := &cobra.Command{
		Use:   "destroy",
		Short: "Delete every secret that the lockfile owns",
		Long: `destroy deletes every secret that the lockfile owns, or those that --target
selects. Secrets under delete: false are forgotten and stay in Cloudflare. A
store is deleted only if it was applied with delete: true and has no other
secrets. It reads no values, and never touches what secretsync does not manage.

` + exitCodesHelp,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := cmp.Or(o.changeFlags.check(), o.targetFlags.check()); err != nil {
				return err
			}
			ask := approval{command: cmd.Name(), auto: o.auto, word: "destroy"}
			c := change{flags: &o.changeFlags, ask: ask, edits: []reconcile.Edit{reconcile.Destroy()}}
			return a.change(cmd.Context(), c, o.limitFlags.apply, func(c *reconcile.Config) { c.Targets = o.targets })
		},
	}
	o.changeFlags.register(cmd.Flags())
	o.targetFlags.register(cmd.Flags())
	o.limitFlags.register(cmd.Flags())
	return cmd
}
