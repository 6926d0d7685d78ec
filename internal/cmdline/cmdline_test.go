package cmdline

import (
	"sync"
	"testing"

	"github.com/spf13/cobra"
)

func none(*cobra.Command, []string) {}

// executed runs a command line of a small program, and returns the command.
func executed(t *testing.T, args ...string) (ran *cobra.Command) {
	t.Helper()
	root := &cobra.Command{Use: "secretsync"}
	for _, name := range []string{"plan", "apply"} {
		c := &cobra.Command{Use: name, Run: none, PreRun: func(c *cobra.Command, _ []string) { ran = c }}
		c.Flags().String("file", "", "")
		c.Flags().StringArray("var", nil, "")
		c.Flags().Bool("offline", false, "")
		c.Flags().String("emulator", "", "")
		c.Flags().Lookup("emulator").NoOptDefVal = "state.json"
		c.Flags().Bool("auto-approve", false, "")
		c.Annotations = map[string]string{ArgumentsOf: "var"}
		root.AddCommand(c)
	}
	root.SetArgs(args)
	if err := root.Execute(); err != nil {
		t.Fatal(err)
	}
	return ran
}

func TestLine(t *testing.T) {
	args := []string{"plan", "--file", "a b.yaml", "--var", "x=1", "--var", "y=2", "--offline", "--auto-approve", "--emulator"}
	ran := executed(t, args...)
	const project = " --emulator --file 'a b.yaml' --var x=1 --var y=2"
	for _, c := range []struct{ what, got, want string }{
		{"the same command", Line(ran, "plan"), "secretsync plan --emulator --file 'a b.yaml' --offline --var x=1 --var y=2"},
		{"another command", Line(ran, "apply"), "secretsync apply" + project},
		{"another run of the same", Other(ran, "plan"), "secretsync plan" + project},
		{"a flag that it has already", Line(ran, "apply", "--file x.yaml"), "secretsync apply --file x.yaml --emulator --var x=1 --var y=2"},
		{"an emulator's file", Line(executed(t, "plan", "--emulator=o.json"), "apply"), "secretsync apply --emulator=o.json"},
		{"arguments", Line(executed(t, "plan", "--var", "x=1", "--offline", "y=2"), "plan"), "secretsync plan --offline --var x=1 --var y=2"},
		{"no command was parsed", Line(nil, "plan"), "secretsync plan"},
		{"an unknown command", Line(ran, "fly"), "secretsync fly"},
	} {
		if c.got != c.want {
			t.Errorf("%s: %s; want %s", c.what, c.got, c.want)
		}
	}
}

// TestConcurrently: checks that run side by side, like doctor's, name commands. The race detector
// reports mistakes.
func TestConcurrently(t *testing.T) {
	ran := executed(t, "plan", "--file", "a.yaml")
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if got := Line(ran, "apply"); got != "secretsync apply --file a.yaml" {
				t.Errorf("got %q", got)
			}
		})
	}
	all.Wait()
}
