// Package program runs secretsync for the suites below test/, in this process or as a child
// process.
package program

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/secretsync/secretsync/internal/cli"
	"github.com/secretsync/secretsync/internal/harden"
	"github.com/secretsync/secretsync/internal/racetest"
)

// The exit codes that secretsync documents.
const (
	OK          = 0
	Error       = 1
	Changes     = 2
	Stale       = 3
	Incomplete  = 4
	Interrupted = 130
)

// Account is the account that the suites use.
const Account = "0123456789abcdef0123456789abcdef"

// Main is what a suite's TestMain calls. It makes the test binary act as secretsync in child
// processes: "secretsync" is the program, and "traceable" is the same without the protection
// against tracers. It acts as more programs too, by their names. The tests do not see what the
// environment says about its user, its terminal and its CI job.
func Main(m *testing.M, more ...map[string]func()) {
	// These tests mostly wait. A -parallel on the command line takes precedence.
	_ = flag.Set("test.parallel", "8")
	programs := map[string]func(){
		"secretsync": func() {
			_ = harden.Process()
			os.Exit(cli.Main())
		},
		"traceable": func() { os.Exit(cli.Main()) },
	}
	for _, others := range more {
		maps.Copy(programs, others)
	}
	testscript.Main(sheltered{m}, programs)
}

// sheltered runs the tests without the variables that change what secretsync and its libraries do.
// The programs above keep them, since the tests set them.
type sheltered struct{ tests *testing.M }

func (s sheltered) Run() int {
	for _, entry := range os.Environ() {
		name, _, _ := strings.Cut(entry, "=")
		if slices.Contains([]string{"CI", "TERM", "NO_COLOR", "COLUMNS", "GNUPGHOME", "XDG_CONFIG_HOME"}, name) ||
			slices.ContainsFunc([]string{"AWS_", "CI_", "CLOUDFLARE_", "GITHUB_", "GITLAB_", "SECRETSYNC_", "SOPS_"}, func(prefix string) bool {
				return strings.HasPrefix(name, prefix)
			}) {
			_ = os.Unsetenv(name)
		}
	}
	return s.tests.Run()
}

// ErrArguments is the error of a fake program for arguments that it does not know.
var ErrArguments = errors.New("the fake does not know these arguments")

// Fake is a fake of another program, for [Main].
func Fake(run func(args []string) error) func() {
	return func() {
		if err := run(os.Args[1:]); err != nil {
			fmt.Fprintf(os.Stderr, "error: fake %s %q: %v\n", os.Args[0], os.Args[1:], err)
			os.Exit(1)
		}
		os.Exit(0)
	}
}

// Program is secretsync in this process.
type Program struct {
	// Env is its whole environment.
	Env map[string]string
	// Transport sends its requests; nil for the default.
	Transport http.RoundTripper
	// Out and Err receive its output. If they are nil, Run returns it.
	Out, Err io.Writer
}

// Run runs a command, and returns its exit code and the output that has no writer.
func (p Program) Run(ctx context.Context, args ...string) (code int, output string) {
	var both bytes.Buffer
	a := p.App()
	if a.Out == nil {
		a.Out = &both
	}
	if a.Err == nil {
		a.Err = &both
	}
	return a.Run(ctx, args), both.String()
}

// App is the program, ready to run.
func (p Program) App() *cli.App {
	return &cli.App{In: strings.NewReader(""), Out: p.Out, Err: p.Err, Transport: p.Transport, LookupEnv: func(name string) (string, bool) {
		v, ok := p.Env[name]
		return v, ok
	}}
}

// SkipUnderRace skips a test that starts the program some hundred times, for commands that the scripts
// run with the race detector as well.
func SkipUnderRace(t testing.TB) {
	t.Helper()
	if racetest.Enabled {
		t.Skip("the scripts run the same commands with the race detector")
	}
}

// Must fails the test after an error.
func Must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
