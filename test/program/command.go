package program

import (
	"slices"
	"strings"

	"github.com/secretsync/secretsync/internal/cli"
	"github.com/spf13/cobra"
)

// Root is the root of all commands, those that cobra adds among them.
func Root() *cobra.Command {
	root := (&cli.App{}).Command()
	root.InitDefaultCompletionCmd()
	return root
}

// With adds flags to a command's arguments: those of them that the command has. A flag is
// one argument, as "--wait=0".
func With(args []string, flags ...string) []string {
	args = slices.Clone(args)
	cmd, _, err := Root().Find(args)
	if err != nil {
		return args
	}
	for _, flag := range flags {
		name, _, _ := strings.Cut(strings.TrimPrefix(flag, "--"), "=")
		if cmd.Flags().Lookup(name) != nil {
			args = append(args, flag)
		}
	}
	return args
}
