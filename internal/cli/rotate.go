package cli

import (
	"fmt"
	"path"

	"github.com/secretsync/secretsync/reconcile"
	"github.com/spf13/cobra"
)

func (a *App) rotateCommand() *cobra.Command {
	var o changeFlags
	cmd := &cobra.Command{
		Use:   "rotate SECRET|GLOB",
		Short: "Give generated secrets new values now",
		Long: `rotate generates new values for the generated secrets that match the argument,
and changes nothing else, whatever else the manifest asks for. Matching secrets
that cannot be rotated are listed with the reason.

The argument is a glob of the form STORE/SECRET or ACCOUNT/STORE/SECRET, or the
name of a secret that is in one store only. Names are those in Cloudflare.

` + exitCodesHelp,
		Example: "  secretsync rotate webhook-signing-secret\n  secretsync rotate 'default_secrets_store/webhook-*'",
		Args:    oneArg("the name of a secret, or a glob", "name it as in Cloudflare, or write a glob in quotes, as 'STORE/webhook-*'"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.check(); err != nil {
				return err
			}
			if _, err := path.Match(args[0], ""); err != nil || args[0] == "" {
				return fmt.Errorf("%q is neither the name of a secret nor a glob of the form STORE/SECRET or ACCOUNT/STORE/SECRET", args[0])
			}
			ask := approval{command: cmd.Name(), auto: o.auto, word: "yes"}
			c := change{flags: &o, ask: ask, edits: []reconcile.Edit{reconcile.Rotate(args[0])}}
			return a.change(cmd.Context(), c, readValues)
		},
	}
	o.register(cmd.Flags())
	return cmd
}
