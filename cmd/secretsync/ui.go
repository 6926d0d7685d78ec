package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"

	"github.com/secretsync/secretsync/internal/keyring"
	"github.com/secretsync/secretsync/internal/redact"
	"github.com/secretsync/secretsync/internal/render"
	"github.com/secretsync/secretsync/internal/secret"
	"github.com/secretsync/secretsync/internal/syntax"
	"github.com/secretsync/secretsync/internal/visible"
	"golang.org/x/term"
)

// The rules of output: results go to stdout, everything else to stderr. An error
// is "error: what", one a line, and what to do about it is "hint: ..." below it.
// Colours are for terminals alone. Both streams go through a [redact.Filter], which
// lets requests under way at once log, wait and report one at a time.

// say writes a line for the person who waits, on stderr. Foreign text in it is made
// harmless.
func (a *app) say(format string, args ...any) {
	fmt.Fprintln(a.std.err, render.Safe(fmt.Sprintf(format, args...)))
}

// printJSON writes a result that has only plain data in it. It may be shown on a
// terminal as it is.
func (a *app) printJSON(v any) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return err
	}
	_, err := a.std.out.Write(visible.JSON(b.Bytes()))
	return err
}

// hinted is an error with what to do about it.
type hinted struct {
	err  error
	hint string
}

func (h *hinted) Error() string { return h.err.Error() }
func (h *hinted) Unwrap() error { return h.err }

func hint(err error, text string) error {
	return &hinted{err, text}
}

// together is one error of several: of mistakes, all in order, with the first hint.
func together(errs ...error) error {
	var all syntax.ErrorList
	var h *hinted
	for _, err := range errs {
		var list syntax.ErrorList
		if err != nil && !errors.As(err, &list) {
			return err
		}
		all = append(all, list...)
		if h == nil {
			errors.As(err, &h)
		}
	}
	if h != nil {
		return hint(all.Err(), h.hint)
	}
	return all.Err()
}

func (a *app) printError(err error) {
	var list syntax.ErrorList
	var h *hinted
	switch {
	case err == nil || err.Error() == "":
	case errors.Is(err, syscall.EPIPE) && exitCode(err) == exitError: // its reader has left, as head does
	case errors.Is(err, context.Canceled):
		a.say("error: interrupted")
	case errors.As(err, &list):
		for _, e := range list {
			a.say("error: %s: %s", e.Pos, e.What)
			a.sayHint(advised(e.Hint, e))
		}
		if errors.As(err, &h) {
			a.sayHint(h.hint)
		}
	default:
		text, suggestion, _ := strings.Cut(err.Error(), "\n\nDid you mean this?\n") // cobra's, for an unknown command
		for line := range strings.Lines(text) {
			a.say("error: %s", strings.TrimSuffix(line, "\n"))
		}
		if errors.As(err, &h) {
			a.sayHint(h.hint)
		} else {
			a.sayHint(advice(err))
		}
		if suggestion != "" {
			a.sayHint("did you mean " + strings.Join(strings.Fields(suggestion), " or ") + "?")
		}
	}
}

func (a *app) sayHint(text string) {
	if text != "" {
		a.say("hint: %s", text)
	}
}

// style is how results look on stdout.
func (a *app) style() render.Style {
	_, noColor := a.env("NO_COLOR")
	return render.Style{Color: !noColor && !a.flags.noColor && isTerminal(a.std.out)}
}

// confirm asks on the terminal. Anything but the word is no. An interrupt ends it.
func (a *app) confirm(ctx context.Context, question, word string) (bool, error) {
	fmt.Fprintf(a.std.err, "%s Only %q goes ahead: ", question, word)
	_ = a.filter.Flush() // what cannot be asked is answered by the end of input
	answers := make(chan string, 1)
	go func() { // outlives an interrupt, as a read cannot be called off
		answer, err := bufio.NewReader(a.std.in).ReadString('\n')
		if err != nil {
			a.say("") // the end of input leaves the cursor behind the question
		}
		answers <- answer
	}()
	select {
	case answer := <-answers:
		return strings.TrimSpace(answer) == word, nil
	case <-ctx.Done():
		a.say("")
		return false, ctx.Err()
	}
}

// isTerminal reports whether a stream is a terminal.
func isTerminal(stream any) bool {
	if w, ok := stream.(io.Writer); ok {
		stream = redact.Unwrap(w)
	}
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// filterOutput puts the last resort in front of both streams. It knows the credentials
// of the environment from the beginning, and values as soon as they are read.
func (a *app) filterOutput() {
	a.filter = redact.New()
	for _, name := range []string{"CLOUDFLARE_API_TOKEN", keyring.Variable} {
		if text, ok := a.env(name); ok {
			a.filter.Know(secret.New([]byte(text)))
		}
	}
	a.std.out, a.std.err = a.filter.Writer(a.std.out), a.filter.Writer(a.std.err)
}

// finish writes what the filter holds back, and owns up to what it had to withhold.
func (a *app) finish(code int) int {
	if n := a.filter.Hits(); n > 0 {
		a.say("warning: a secret value was about to be printed, and was withheld: %d times. This is a bug in secretsync: please report it", n)
	}
	if err := a.filter.Flush(); err != nil && code == exitOK {
		code = exitError
	}
	a.filter.Forget()
	return code
}
