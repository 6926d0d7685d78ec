package cli

import (
	"fmt"

	"github.com/secretsync/secretsync/internal/hint"
	"github.com/secretsync/secretsync/internal/setup"
	"github.com/secretsync/secretsync/manifest/schema"
	"github.com/secretsync/secretsync/planner/planfile"
	"github.com/spf13/cobra"
)

func (a *App) schemaCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "schema [manifest|plan]",
		Short: "Print the JSON Schema of manifests, for editors, or of plan files",
		Long: "schema prints a JSON Schema. An editor completes and checks a manifest that\nnames it in its first line:\n\n" +
			"  # yaml-language-server: $schema=./" + setup.SchemaFile + "   (YAML)\n" +
			"  #:schema ./" + setup.SchemaFile + "                          (TOML)",
		Example: "  secretsync schema > " + setup.SchemaFile + "\n  secretsync schema plan",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return hint.With(fmt.Errorf("%s takes one argument, but got %d", cmd.CommandPath(), len(args)), "use manifest or plan")
			}
			return nil
		},
		ValidArgs: []string{"manifest", "plan"},
		RunE: func(_ *cobra.Command, args []string) error {
			text := schema.JSON
			if len(args) > 0 {
				switch args[0] {
				case "manifest":
				case "plan":
					text = planfile.Schema
				default:
					return fmt.Errorf("no schema of %q: use manifest or plan", args[0])
				}
			}
			_, err := a.Out.Write(text)
			return err
		},
	}
}
