package main

import (
	"fmt"

	"github.com/secretsync/secretsync/internal/render"
	"github.com/secretsync/secretsync/internal/syntax"
	"github.com/secretsync/secretsync/lockfile"
	"github.com/spf13/cobra"
)

func (a *app) validateCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "validate",
		Short: "Check the manifest, without a key and without a request",
		Long: "validate reads the manifest and everything it names, wrangler configurations too, and tells every mistake at once. It needs no network,\n" +
			"no token, and no decryption key unless the manifest itself is wholly encrypted. Values are not looked up: variables that are\n" +
			"not set are told by plan and apply, with all other mistakes.\n\n" + exitCodesHelp,
		Args: a.noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := a.openManifest(cmd.Context())
			if err != nil {
				return err
			}
			_, _, workers := s.workerConfigs(&lockfile.File{})
			if err := together(s.manifest.Check(), syntax.ErrorList(workers).Err()); err != nil {
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
