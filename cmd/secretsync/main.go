// Command secretsync makes Cloudflare's Secrets Store what a manifest in git says.
//
// The main flow reads from top to bottom in apply.go: manifest, lockfile, values
// and fingerprints, live state, plan, approval, apply, report.
package main

import (
	"context"
	"io"
	"log"
	"os"
	"os/signal"
	"syscall"

	"github.com/secretsync/secretsync/internal/harden"
)

func main() {
	// Where the system forbids it, the work goes on: it is one defence of several.
	_ = harden.Process()
	os.Exit(process())
}

// process is the program in a process of its own: it returns the exit code.
func process() int {
	// The standard logger is not ours: with GODEBUG=http2debug=2, net/http writes every
	// header and body to it, the token and the values among them.
	log.SetOutput(io.Discard)
	// The first signal ends the work in an orderly way. The second finds Go's
	// default handling restored, which leaves at once.
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // as by nohup
		signals = append(signals, syscall.SIGHUP) // the terminal has gone
	}
	ctx, stop := signal.NotifyContext(context.Background(), signals...)
	context.AfterFunc(ctx, stop)
	// A reader of the output that goes away, as head does, must not end an apply in the
	// middle: writing fails from then on, which is told of by the exit code.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	return run(ctx, os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr}, os.LookupEnv)
}

// streams are the three that a process is born with.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// run is the whole program: it returns the exit code.
func run(ctx context.Context, args []string, std streams, env func(string) (string, bool)) int {
	return (&app{std: std, env: env}).run(ctx, args)
}

func (a *app) run(ctx context.Context, args []string) int {
	a.filterOutput()
	cmd := a.rootCommand()
	cmd.SetArgs(args)
	cmd.SetIn(a.std.in)
	cmd.SetOut(a.std.out)
	cmd.SetErr(a.std.err)
	err := cmd.ExecuteContext(ctx)
	a.printError(err)
	return a.finish(exitCode(err))
}
