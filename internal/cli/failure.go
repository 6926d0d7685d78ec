package cli

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"os"
	"strings"
	"syscall"

	"github.com/secretsync/secretsync/internal/advice"
	"github.com/secretsync/secretsync/internal/hint"
	"github.com/secretsync/secretsync/internal/outfile"
	"github.com/secretsync/secretsync/internal/render"
	"github.com/secretsync/secretsync/internal/results"
	"github.com/secretsync/secretsync/internal/syntax"
	"github.com/secretsync/secretsync/manifest"
	"github.com/secretsync/secretsync/planner/planfile"
	"github.com/secretsync/secretsync/reconcile"
	"github.com/spf13/cobra"
)

// The exit codes.
const (
	exitOK          = 0
	exitError       = 1
	exitChanges     = 2 // plan --detailed-exitcode or drift found changes, or verify another value
	exitStale       = 3 // the reviewed plan no longer holds
	exitIncomplete  = 4
	exitInterrupted = 130
)

// exitCodesHelp is the end of the root command's help.
const exitCodesHelp = `Exit codes:
    0  done, or nothing to do
    1  error
    2  plan --detailed-exitcode or drift found changes, or verify another value
    3  the reviewed plan no longer holds
    4  the apply is incomplete; the lockfile says what was done
  130  interrupted
`

// status ends the program with an exit code. Err may be nil: then everything was already
// printed.
type status struct {
	code int
	err  error
}

func (s *status) Error() string {
	if s.err == nil {
		return ""
	}
	return s.err.Error()
}

func (s *status) Unwrap() error { return s.err }

func exitCode(err error) int {
	var s *status
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &s):
		return s.code
	case errors.Is(err, planfile.ErrStale):
		return exitStale
	case errors.Is(err, context.Canceled):
		return exitInterrupted
	}
	return exitError
}

// complaints returns what an error says, in terms of the command line: the mistakes, and hints
// about all of them.
func (a *App) complaints(err error) (mistakes []render.Mistake, hints []string) {
	var list syntax.ErrorList
	switch {
	case errors.Is(err, context.Canceled):
		return []render.Mistake{{Rule: render.RuleInterrupted, What: "interrupted"}}, nil
	case len(joined(err)) > 1:
		for _, part := range joined(err) {
			m, h := a.complaints(part)
			mistakes, hints = append(mistakes, m...), append(hints, h...)
		}
		return mistakes, hints
	case errors.As(err, &list):
		for _, e := range list {
			mistakes = append(mistakes, render.Mistake{Pos: e.Pos, Rule: cmp.Or(e.Rule, render.RuleError), What: e.What, Hint: a.advised(e.Hint, e)})
		}
		return mistakes, nonempty(hint.Of(err))
	}
	text, suggestion, _ := strings.Cut(err.Error(), "\n\nDid you mean this?\n") // cobra's, for an unknown command
	for line := range strings.Lines(text) {
		mistakes = append(mistakes, render.Mistake{Rule: render.RuleError, What: strings.TrimSuffix(line, "\n")})
	}
	hints = nonempty(cmp.Or(hint.Of(err), a.adviser().For(err)))
	if suggestion != "" {
		hints = append(hints, "did you mean "+strings.Join(strings.Fields(suggestion), " or ")+"?")
	}
	return mistakes, hints
}

func (a *App) adviser() *advice.Adviser { return &advice.Adviser{Line: a.line, Other: a.otherLine} }

// advised is a library's hint followed by the command line's advice.
func (a *App) advised(hint string, err error) string {
	return strings.TrimPrefix(strings.TrimSuffix(hint+"; "+a.adviser().For(err), "; "), "; ")
}

// joined returns the parts of an error that errors.Join made of several. A list of mistakes is
// one error.
func joined(err error) []error {
	several, ok := err.(interface{ Unwrap() []error })
	if _, list := err.(syntax.ErrorList); !ok || list { //nolint:errorlint // not a list that err wraps
		return nil
	}
	return several.Unwrap()
}

func nonempty(text string) []string {
	if text == "" {
		return nil
	}
	return []string{text}
}

// quiet reports whether an error has nothing to say: everything was already printed, or the
// reader has closed the output, as head does.
func quiet(err error) bool {
	return err == nil || err.Error() == "" || errors.Is(err, syscall.EPIPE) && exitCode(err) == exitError
}

// reported are the commands whose failure is reported in the format of their result, and what
// the report says has failed.
var reported = map[string]string{"plan": "plan", "show": "plan", "drift": "drift", "verify": "verify", "validate": "validate"}

// reportFailure writes an error in the format that the command's result would have had, in the
// same place: otherwise a CI system would go on showing an earlier result. It returns an error
// if that fails too.
func (a *App) reportFailure(ctx context.Context, cmd *cobra.Command, args []string, err error) error {
	what, flag := reported[cmd.Name()], cmd.Flags().Lookup("format")
	if what == "" || flag == nil || quiet(err) || a.shown {
		return nil
	}
	format := cmp.Or(askedFormat(args), flag.Value.String())
	if format == results.Text { // stderr has it
		return nil
	}
	mistakes, hints := a.complaints(err)
	file := reportedManifest(cmd)
	if a.files.Empty() { // it failed before it read the manifest
		a.protectUnread(ctx, cmd, file)
	}
	return a.results(format, false).Failure(&render.Failure{
		Command: what, Manifest: file, ExitCode: exitCode(err), Mistakes: mistakes, Hints: hints, Warnings: a.warned(),
		Origin: a.origin(context.WithoutCancel(ctx), file),
	})
}

// askedFormat returns the value of the last --format among the arguments; empty without one. The
// parser stops at a flag that it does not know, which may come before --format.
func askedFormat(args []string) (format string) {
	for i, arg := range args {
		if value, ok := strings.CutPrefix(arg, "--format="); ok {
			format = value
		} else if arg == "--format" && i+1 < len(args) {
			format = args[i+1]
		}
	}
	return format
}

// reportedManifest is the manifest that a failed command was to read.
func reportedManifest(cmd *cobra.Command) string {
	if f := cmd.Flags().Lookup("file"); f != nil && f.Value.String() != "" {
		return f.Value.String()
	}
	if found, err := manifest.Find("."); err == nil {
		return found
	}
	return "secretsync.yaml"
}

// protectUnread keeps later output out of the files of a project whose manifest the command did
// not read.
func (a *App) protectUnread(ctx context.Context, cmd *cobra.Command, file string) {
	c := reconcile.Config{Manifest: file, LookupEnv: a.LookupEnv}
	if lock := cmd.Flags().Lookup("lockfile"); lock != nil {
		c.Lockfile = lock.Value.String()
	}
	a.files.ProtectUnread(ctx, c)
}

// removeOld removes the plan that an earlier run wrote to the file of -o. It is called before
// anything is planned, even if the manifest cannot be used: if this run fails, the earlier plan
// could be mistaken for its plan. The caller calls say at the end, which reports the removal if no
// new plan was written.
func (a *App) removeOld(cmd *cobra.Command, path string) (say func(), err error) {
	if a.files.Empty() { // it failed before it read the manifest
		a.protectUnread(cmd.Context(), cmd, reportedManifest(cmd))
	}
	removed, err := a.files.Remove(outfile.Plan(path))
	return func() {
		if _, err := os.Lstat(path); removed && errors.Is(err, fs.ErrNotExist) {
			a.inform("removed %s, which an earlier run wrote", path)
		}
	}, err
}

// origin is where a report about a manifest comes from, if it is written now.
func (a *App) origin(ctx context.Context, file string) render.Origin {
	return results.Origin(ctx, file, a.LookupEnv)
}

// results writes the result of a command, in a format.
func (a *App) results(format string, noColor bool) *results.Writer {
	a.shown = true
	return &results.Writer{
		Out: a.Out, Format: format, Style: a.style(noColor), LookupEnv: a.LookupEnv, Filter: a.Filter, Outputs: &a.files,
	}
}
