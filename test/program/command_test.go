package program

import (
	"slices"
	"strings"
	"testing"
)

// TestWith: the suites pass each flag to every command that has it.
func TestWith(t *testing.T) {
	const logs, commands, wait = "--log-level=debug --log-format=json", " --allow-commands", " --wait=0"
	for command, want := range map[string]string{
		"apply":                  logs + commands + wait,
		"apply plan.json --json": logs + commands + wait,
		"destroy":                logs,
		"rotate prod/a":          logs + commands + wait,
		"plan":                   logs + commands,
		"drift":                  logs,
		"import":                 logs + commands,
		"lock rekey":             commands,
		"validate":               "",
		"lock status":            "",
		"show plan.json":         "",
		"completion bash":        "",
		"no-command":             "",
	} {
		args := strings.Fields(command)
		added := With(args, strings.Fields(logs+commands+wait)...)[len(args):]
		if !slices.Equal(added, strings.Fields(want)) {
			t.Errorf("%s: %v are added, want %s", command, added, want)
		}
	}
}
