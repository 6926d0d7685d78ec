package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"github.com/secretsync/secretsync/internal/render"
	"github.com/secretsync/secretsync/internal/syntax"
	"golang.org/x/term"
)

// The rules of output: results go to stdout, everything else to stderr. An error
// is "error: what", one a line, and what to do about it is "hint: ..." below it.
// Colours are for terminals alone.

// oneAtATime is stderr, on which requests under way at once log, wait and report.
type oneAtATime struct {
	mu sync.Mutex
	w  io.Writer
}

func (o *oneAtATime) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.w.Write(b)
}

// say writes a line for the person who waits, on stderr.
func (a *app) say(format string, args ...any) {
	fmt.Fprintf(a.std.err, format+"\n", args...)
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

func (a *app) printError(err error) {
	var list syntax.ErrorList
	var h *hinted
	switch {
	case err == nil || err.Error() == "":
	case errors.Is(err, context.Canceled):
		a.say("error: interrupted")
	case errors.As(err, &list):
		for _, e := range list {
			a.say("error: %s: %s", render.Safe(e.Pos.String()), render.Safe(e.What))
			a.sayHint(e.Hint)
		}
		if errors.As(err, &h) {
			a.sayHint(h.hint)
		}
	default:
		text, suggestion, _ := strings.Cut(err.Error(), "\n\nDid you mean this?\n") // cobra's, for an unknown command
		for line := range strings.Lines(text) {
			a.say("error: %s", render.Safe(strings.TrimSuffix(line, "\n")))
		}
		if errors.As(err, &h) {
			a.sayHint(h.hint)
		}
		if suggestion != "" {
			a.sayHint("did you mean " + strings.Join(strings.Fields(suggestion), " or ") + "?")
		}
	}
}

func (a *app) sayHint(text string) {
	if text != "" {
		a.say("hint: %s", render.Safe(text))
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
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
