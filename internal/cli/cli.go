// Package cli is the command line: flags, wiring, output and exit codes, one file per
// command. Package reconcile does the work; package render words the results.
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
	"github.com/secretsync/secretsync/manifest"
	"github.com/spf13/cobra"
)

// App is the program and its environment: nothing below [Main] uses package os for it.
type App struct {
	In        io.Reader
	Out, Err  io.Writer
	LookupEnv func(string) (string, bool)
	// Transport sends the requests; nil means the default transport.
	Transport http.RoundTripper
	// Filter is the last line of defence in front of both outputs. Log receives the
	// requests. Run sets both.
	Filter *redact.Filter
	Log    *slog.Logger

	own      []ownFile         // what no output may replace
	shown    bool              // a result was shown, which need not be complete
	warnings []*manifest.Error // about the manifest
	executed *cobra.Command    // nil until it runs
}

// Main runs the program as a process of its own, and returns its exit code.
func Main() int {
	// net/http writes to the standard logger: with GODEBUG=http2debug=2 it logs every
	// header and body, including the token and the values. Discard it.
	log.SetOutput(io.Discard)
	// The first signal ends the work cleanly. After it, Go's default handling is restored,
	// so a second signal exits immediately.
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // as by nohup
		signals = append(signals, syscall.SIGHUP) // the terminal was closed
	}
	ctx, stop := signal.NotifyContext(context.Background(), signals...)
	context.AfterFunc(ctx, stop)
	// A reader that closes the output early, such as head, must not end an apply midway:
	// with SIGPIPE caught, writes fail instead, and the exit code reports it.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	a := &App{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, LookupEnv: os.LookupEnv}
	return a.Run(ctx, os.Args[1:])
}

// Run runs the program with the given arguments, and returns its exit code.
func (a *App) Run(ctx context.Context, args []string) int {
	a.FilterOutput()
	cmd := a.Command()
	refuseUnknownShells(cmd)
	cmd.SetArgs(args)
	cmd.SetIn(a.In)
	cmd.SetOut(a.Out)
	cmd.SetErr(a.Err)
	executed, err := cmd.ExecuteContextC(ctx)
	a.PrintError(err)
	a.PrintError(a.reportFailure(ctx, executed, args, err))
	return a.Finish(exitCode(err))
}
