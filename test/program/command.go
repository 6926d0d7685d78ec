package program

import (
	"slices"
	"strings"

	"github.com/secretsync/secretsync/internal/cli"
	"github.com/spf13/cobra"
)

// Root returns the root of all commands, including those that cobra adds.
func Root() *cobra.Command {
	root := (&cli.App{}).Command()
	root.InitDefaultCompletionCmd()
	return root
}

// With adds flags to a command's arguments, as far as the command has them. A flag is one
// argument, such as "--wait=0".
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
