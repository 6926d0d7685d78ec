package cli

import (
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// TestEveryFlagCompletes: each name in the tables is one of a flag or a command, so that none is
// misspelt; and a flag whose help lists its words completes exactly those.
func TestEveryFlagCompletes(t *testing.T) {
	a := &App{LookupEnv: func(string) (string, bool) { return "", false }}
	root, c := a.Command(), a.completions()
	flags, args := map[string]bool{}, map[string]bool{}
	var visit func(*cobra.Command)
	visit = func(cmd *cobra.Command) {
		path := strings.TrimPrefix(cmd.CommandPath(), "secretsync ")
		args[path] = true
		cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
			flags[f.Name], flags[path+" --"+f.Name] = true, true
			complete, ok := cmd.GetFlagCompletionFunc(f.Name)
			if !ok {
				t.Errorf("%s --%s completes the names of files", path, f.Name)
				return
			}
			if f.Name != "format" {
				return
			}
			found, _ := complete(cmd, nil, "")
			for _, word := range found {
				if !strings.Contains(f.Usage, word) {
					t.Errorf("%s --format completes %s, which its help does not have: %s", path, word, f.Usage)
				}
			}
			if listed := strings.Count(strings.ReplaceAll(strings.Split(f.Usage, " (")[0], " or ", ","), ",") + 1; listed != len(found) {
				t.Errorf("%s --format completes %q, its help has %s", path, found, f.Usage)
			}
		})
		for _, sub := range cmd.Commands() {
			visit(sub)
		}
	}
	c.register(root)
	visit(root)
	for name := range c.flags {
		if !flags[name] {
			t.Errorf("there is no flag %s", name)
		}
	}
	for name := range c.args {
		if !args[name] {
			t.Errorf("there is no command %s", name)
		}
	}
}
