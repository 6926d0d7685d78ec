package main

import (
	"fmt"

	"github.com/secretsync/secretsync/internal/render"
	"github.com/spf13/cobra"
)

func (a *app) validateCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "validate",
		Short: "Check the manifest, without a key and without a request",
		Long: "validate reads the manifest and everything it names, and tells every mistake at once. It needs no network,\n" +
			"no token, and no decryption key unless the manifest itself is wholly encrypted.\n\n" + exitCodesHelp,
		Args: a.noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := a.openManifest(cmd.Context())
			if err != nil {
				return err
			}
			if err := s.manifest.Check(); err != nil {
				return err
			}
			secrets := 0
			for _, st := range s.manifest.Stores {
				secrets += len(st.Secrets)
			}
			_, err = fmt.Fprintf(a.std.out, "%s is valid: stores %d, secrets %d.\n", render.Safe(s.manifest.File), len(s.manifest.Stores), secrets)
			return err
		},
	}
}
