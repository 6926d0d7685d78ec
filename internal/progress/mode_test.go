package progress_test

import (
	"testing"

	"github.com/secretsync/secretsync/internal/progress"
)

// TestMode: a view is live only where someone can look at it. An explicit choice has priority, and
// --quiet comes before both.
func TestMode(t *testing.T) {
	type env map[string]string
	const variable = progress.Variable
	for name, c := range map[string]struct {
		flag                string
		quiet, notATerminal bool
		env                 env
		want                progress.Mode
		err                 string
	}{
		"a terminal":             {env: env{"TERM": "xterm"}, want: progress.Live},
		"auto":                   {flag: "auto", env: env{"TERM": "xterm", variable: "none"}, want: progress.Live},
		"a file":                 {notATerminal: true, env: env{"TERM": "xterm"}, want: progress.Plain},
		"a dumb terminal":        {env: env{"TERM": "dumb"}, want: progress.Plain},
		"the terminal of a job":  {env: env{"TERM": "xterm", "CI": "true"}, want: progress.Plain},
		"asked for lines":        {flag: "plain", env: env{"TERM": "xterm"}, want: progress.Plain},
		"asked for nothing":      {env: env{"TERM": "xterm", variable: "none"}, want: progress.None},
		"the flag goes first":    {flag: "plain", env: env{variable: "none"}, want: progress.Plain},
		"quiet":                  {flag: "plain", quiet: true, env: env{"TERM": "xterm"}, want: progress.None},
		"an unknown flag":        {flag: "live", err: `--progress "live" is not one of auto, plain and none`},
		"an unknown variable":    {env: env{variable: "x"}, err: variable + ` "x" is not one of auto, plain and none`},
		"unknown, and not shown": {flag: "x", quiet: true, err: `--progress "x" is not one of auto, plain and none`},
	} {
		got, err := progress.Setting{
			Flag: c.flag, Quiet: c.quiet, Terminal: !c.notATerminal, Getenv: func(name string) string { return c.env[name] },
		}.Mode()
		if got != c.want || (err == nil) != (c.err == "") || err != nil && err.Error() != c.err {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}
