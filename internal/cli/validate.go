package cli

import (
	"fmt"

	"github.com/secretsync/secretsync/internal/render"
	"github.com/spf13/cobra"
)

func (a *App) validateCommand() *cobra.Command {
	var o manifestFlags
	cmd := &cobra.Command{
		Use:   "validate",
		Short: "Check the manifest without keys or requests",
		Long: `validate reads the manifest and everything it names, wrangler configurations
included, and reports all mistakes at once. It needs no network, no token, and
no decryption key unless the manifest itself is wholly encrypted. It does not
read values: plan and apply report environment variables that are not set.

` + exitCodesHelp,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			project, err := a.project(cmd.Context(), &o, nil)
			if err != nil {
				return err
			}
			if err := project.Check(); err != nil {
				return err
			}
			m, secrets := project.Manifest(), 0
			for _, st := range m.Stores {
				secrets += len(st.Secrets)
			}
			_, err = fmt.Fprintf(a.Out, "%s is valid: stores %d, secrets %d.\n", render.Safe(m.File), len(m.Stores), secrets)
			return err
		},
	}
	o.register(cmd.Flags())
	return cmd
}
