// Package cli is the command line: flags, wiring, output and exit codes, one file a
// command. What the commands do is in package reconcile; the words for it are in package
// render.
//
// The main flow reads from top to bottom in apply.go.
package cli

import (
	"context"
	"io"
	"log"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"syscall"

	"github.com/secretsync/secretsync/internal/redact"
)

// App is the program with its surroundings: nothing below [Main] reaches for os.
type App struct {
	In        io.Reader
	Out, Err  io.Writer
	LookupEnv func(string) (string, bool)
	// Transport sends the requests; nil for the usual one.
	Transport http.RoundTripper
	// Filter is the last resort in front of both outputs, and Log receives the requests:
	// Run sets both.
	Filter *redact.Filter
	Log    *slog.Logger
}

// Main runs the program in a process of its own, and returns its exit code.
func Main() int {
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
	// middle: writing fails from then on, which the exit code reports.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	a := &App{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, LookupEnv: os.LookupEnv}
	return a.Run(ctx, os.Args[1:])
}

// Run runs the program with the given arguments, and returns its exit code.
func (a *App) Run(ctx context.Context, args []string) int {
	a.FilterOutput()
	cmd := a.Command()
	cmd.SetArgs(args)
	cmd.SetIn(a.In)
	cmd.SetOut(a.Out)
	cmd.SetErr(a.Err)
	err := cmd.ExecuteContext(ctx)
	a.PrintError(err)
	return a.Finish(exitCode(err))
}
