package cli

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/secretsync/secretsync/applier"
	"github.com/secretsync/secretsync/internal/ask"
	"github.com/secretsync/secretsync/internal/hint"
	"github.com/secretsync/secretsync/internal/keyring"
	"github.com/secretsync/secretsync/internal/notify/delivery"
	"github.com/secretsync/secretsync/internal/redact"
	"github.com/secretsync/secretsync/internal/render"
	"github.com/secretsync/secretsync/internal/secret"
	"github.com/secretsync/secretsync/internal/troubleshooting"
	"github.com/secretsync/secretsync/internal/visible"
	"github.com/secretsync/secretsync/reconcile"
	"golang.org/x/term"
)

// The rules of output: results go to stdout, everything else to stderr. An error is "error:
// what", one per line, with what to do about it as "hint: ..." below it. Colours are for
// terminals only. Both streams go through a [redact.Filter], which also keeps lines of
// concurrent requests from being interleaved.

// Say writes a line for the user to stderr. Foreign text in it is escaped.
func (a *App) Say(format string, args ...any) {
	fmt.Fprintln(a.Err, render.Safe(fmt.Sprintf(format, args...)))
}

// inform is Say for messages that are not results, warnings or errors.
func (a *App) inform(format string, args ...any) {
	if !a.isQuiet() {
		a.Say(format, args...)
	}
}

// printJSON writes a result that contains only plain data. It is safe to show on a
// terminal.
func (a *App) printJSON(v any) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return err
	}
	_, err := a.Out.Write(visible.JSON(b.Bytes()))
	return err
}

// PrintError writes an error with its hint, unless the error was already reported.
func (a *App) PrintError(err error) {
	if quiet(err) {
		return
	}
	mistakes, hints := a.complaints(err)
	for _, m := range mistakes {
		if m.Pos.IsZero() {
			a.Say("error: %s", m.What)
		} else {
			a.Say("error: %s: %s", m.Pos, m.What)
		}
		a.sayHint(m.Hint)
	}
	for _, text := range hints {
		a.sayHint(text)
	}
	if isTerminal(a.Err) && !a.isQuiet() {
		a.sayMore(mistakes)
	}
}

// maxMore bounds the addresses below an error: many mistakes at once have one cause, or are better read
// one by one.
const maxMore = 3

// sayMore writes where the errors are explained, each address once.
func (a *App) sayMore(mistakes []render.Mistake) {
	var said []string
	for _, m := range mistakes {
		address := troubleshooting.Address(m.What, m.Rule)
		if address != "" && !slices.Contains(said, address) && len(said) < maxMore && m.Rule != render.RuleInterrupted {
			said = append(said, address)
			a.Say("more: %s", address)
		}
	}
}

// isQuiet reports whether the command writes only results, warnings and errors.
func (a *App) isQuiet() bool { return a.flag("quiet") == "true" }

// flag returns the value of a flag of the command; empty if it has no such flag.
func (a *App) flag(name string) string {
	if a.executed == nil {
		return ""
	}
	f := a.executed.Flags().Lookup(name)
	if f == nil {
		return ""
	}
	return f.Value.String()
}

func (a *App) sayHint(text string) {
	if text != "" {
		a.Say("hint: %s", text)
	}
}

// style returns how to format results on stdout.
func (a *App) style(noColor bool) render.Style {
	_, unwanted := a.LookupEnv("NO_COLOR")
	return render.Style{Color: !unwanted && !noColor && isTerminal(a.Out)}
}

// confirm asks on the terminal. Any answer but the word means no. An interrupt ends it.
func (a *App) confirm(ctx context.Context, question, word string) (bool, error) {
	a.view.Pause()
	defer a.view.Resume()
	fmt.Fprintf(a.Err, "%s Only %q is accepted: ", question, word)
	_ = a.Filter.Flush() // if the question cannot be written, the end of input answers it
	answers := make(chan string, 1)
	go func() { // outlives an interrupt, since a read cannot be cancelled
		answer, err := bufio.NewReader(a.In).ReadString('\n')
		if err != nil {
			a.Say("") // at the end of input the cursor is still on the question's line
		}
		answers <- answer
	}()
	select {
	case answer := <-answers:
		return strings.TrimSpace(answer) == word, nil
	case <-ctx.Done():
		a.Say("")
		return false, ctx.Err()
	}
}

// questions asks on the terminal. Without one, or if it is off, suggested answers are taken.
func (a *App) questions(off bool) *ask.Questions {
	q := ask.New(a.In, a.Err, a.Filter.Flush)
	q.Off = off || !isTerminal(a.In)
	return q
}

// isTerminal reports whether a stream is a terminal.
func isTerminal(stream any) bool {
	_, ok := terminalOf(stream)
	return ok
}

// terminalOf returns the file of a stream that is a terminal.
func terminalOf(stream any) (*os.File, bool) {
	if above, ok := stream.(interface{ Unwrap() io.Writer }); ok { // the live view
		stream = above.Unwrap()
	}
	if w, ok := stream.(io.Writer); ok {
		stream = redact.Unwrap(w)
	}
	f, ok := stream.(*os.File)
	return f, ok && term.IsTerminal(int(f.Fd()))
}

// FilterOutput puts the filter in front of both streams. It knows the credentials in the
// environment from the start, and each value as soon as it is read.
func (a *App) FilterOutput() {
	a.Filter = redact.New()
	for _, name := range []string{"CLOUDFLARE_API_TOKEN", keyring.Variable, "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"} {
		if text, ok := a.LookupEnv(name); ok {
			a.Filter.Know(secret.New([]byte(text)))
		}
	}
	for _, address := range strings.Fields(a.env(delivery.Variable)) {
		a.Filter.Know(secret.New([]byte(address)))
	}
	a.Out, a.Err = a.Filter.Writer(a.Out), a.Filter.Writer(a.Err)
}

// Finish writes what the filter still holds, and reports how often it withheld something.
func (a *App) Finish(code int) int {
	if n := a.Filter.Hits(); n > 0 {
		a.Say("warning: a secret value was about to be printed, and was withheld: %d times. This is a bug in secretsync: please report it", n)
	}
	if err := a.Filter.Flush(); err != nil && code == exitOK {
		code = exitError
	}
	a.Filter.Forget()
	return code
}

// notify prints an event of the engine.
func (a *App) notify(e reconcile.Event) {
	if w, ok := e.(reconcile.ManifestWarning); ok {
		a.warnings = append(a.warnings, w.Mistake)
	}
	a.view.Event(e)
	in := render.Setting{CI: a.env("CI") != "", Emulator: a.flag("emulator") != ""}
	_, created := e.(reconcile.KeyCreated) // its id is a result
	for _, line := range render.Event(e, in) {
		if !a.isQuiet() || created && !in.Emulator || strings.HasPrefix(line, "warning: ") {
			a.Say("%s", line)
		}
	}
}

// sayPending lists the secrets that Workers cannot read yet. waited is empty if an
// interrupt ended the wait.
func (a *App) sayPending(r *applier.Report, waited string) {
	var pending []string
	names := render.ReportNames(r)
	for _, res := range r.Pending() {
		pending = append(pending, names.Secret(res.Action.Store, res.Action.Secret))
	}
	if len(pending) > 0 {
		a.Say("warning: still pending in Cloudflare%s, so Workers cannot read them yet: %s", waited, strings.Join(pending, ", "))
	}
}

// approval says how a plan is approved: by an earlier review, automatically, or by an
// answer on the terminal.
type approval struct {
	command  string // that asks
	auto     bool
	word     string
	reviewed reconcile.Review
	// question replaces the question about the actions of a plan, for a command that has none.
	question string
}

// approve asks for approval of the given number of actions.
func (a *App) approve(ctx context.Context, things int, ask approval) error {
	switch {
	case ask.auto || ask.reviewed.Given():
		return nil
	case !isTerminal(a.In) && ask.question != "":
		return hint.With(errors.New("approval is needed, and there is no terminal to ask on"),
			"read the list, then run this again with --auto-approve")
	case !isTerminal(a.In):
		todo := fmt.Sprintf("read the plan, then run %s again with --auto-approve", ask.command)
		if ask.command == "apply" {
			todo += " or with the reviewed plan"
		}
		return hint.With(fmt.Errorf("%s needs approval, and there is no terminal to ask on", ask.command), todo)
	}
	question := "\nApply this action?"
	if things > 1 {
		question = fmt.Sprintf("\nApply these %d actions?", things)
	}
	if ask.question != "" {
		question = "\n" + ask.question
	}
	switch ok, err := a.confirm(ctx, question, ask.word); {
	case err != nil:
		return &status{exitInterrupted, errors.New("interrupted: nothing was changed")}
	case !ok:
		return errors.New("not approved: nothing was changed")
	}
	return nil
}
