// Package ask asks questions on a terminal: with a suggested answer, or for hidden input.
package ask

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"
)

// ErrEnded means that the input ended before the answer.
var ErrEnded = errors.New("the input ended before the answer, and nothing was written")

// Questions asks for what flags leave open.
type Questions struct {
	// Off is set if nothing is asked: every answer is then the suggested one.
	Off bool

	in    *bufio.Reader
	out   io.Writer
	flush func() error
}

// New returns questions that are written to out, and answers from in. flush writes what out holds
// back.
func New(in io.Reader, out io.Writer, flush func() error) *Questions {
	return &Questions{in: bufio.NewReader(in), out: out, flush: flush}
}

// Text asks until an answer passes the check. An empty answer is the suggested one.
func (q *Questions) Text(ctx context.Context, question, suggested string, check func(string) error) (string, error) {
	if q.Off {
		return suggested, nil
	}
	for {
		fmt.Fprintf(q.out, "%s [%s]: ", question, suggested)
		_ = q.flush() // if the question cannot be written, the end of input answers it
		answer, err := q.line(ctx)
		if err != nil {
			fmt.Fprintln(q.out)
			return "", err
		}
		if answer == "" {
			return suggested, nil
		}
		if err := check(answer); err != nil {
			fmt.Fprintln(q.out, err)
			continue
		}
		return answer, nil
	}
}

// Yes asks a question to which yes is suggested.
func (q *Questions) Yes(ctx context.Context, question string) (bool, error) {
	answer, err := q.Text(ctx, question, "yes", func(answer string) error {
		switch strings.ToLower(answer) {
		case "y", "yes", "n", "no":
			return nil
		}
		return errors.New("answer yes or no")
	})
	return strings.HasPrefix(strings.ToLower(answer), "y"), err
}

// line reads an answer. An interrupt ends it, and so does the end of the input.
func (q *Questions) line(ctx context.Context) (string, error) {
	text, err := await(ctx, func() (string, error) { return q.in.ReadString('\n') })
	if errors.Is(err, io.EOF) {
		err = ErrEnded
	}
	return strings.TrimSpace(text), err
}

// ErrSeveralLines means that a text of several lines was pasted where one was asked for.
var ErrSeveralLines = errors.New("the answer has several lines, and nothing was written")

// Hidden asks on the terminal for a line that is not shown. An interrupt ends it, and the terminal
// shows again what is typed. The caller clears the answer.
func (q *Questions) Hidden(ctx context.Context, terminal *os.File, question string) ([]byte, error) {
	if err := ctx.Err(); err != nil { // what reads would turn off what the terminal shows, after this has ended
		return nil, err
	}
	fd := int(terminal.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(q.out, "%s (not shown): ", question)
	_ = q.flush()
	answer, err := await(ctx, func() ([]byte, error) { return term.ReadPassword(fd) })
	more := err == nil && discardRest(terminal)
	fmt.Fprintln(q.out)
	if ctx.Err() != nil {
		return nil, errors.Join(ctx.Err(), term.Restore(fd, before))
	}
	if more {
		clear(answer)
		return nil, ErrSeveralLines
	}
	return answer, err
}

// pasteTime is how long after a line the next ones of a text that was pasted arrive at most.
const pasteTime = 100 * time.Millisecond

// discardRest discards input pasted after the line, so that the shell does not show it, run it and keep
// it in its history. It reports whether there was any text. A terminal that is raw also returns a line
// without its end.
func discardRest(terminal *os.File) (text bool) {
	before, err := term.MakeRaw(int(terminal.Fd()))
	if err != nil {
		return false
	}
	defer term.Restore(int(terminal.Fd()), before) //nolint:errcheck // the state that it has just had
	found, done := make(chan bool), make(chan struct{})
	defer close(done)
	go func() { // a read cannot be cancelled, and outlives this
		data := make([]byte, 4096)
		for {
			n, err := terminal.Read(data)
			line := bytes.ContainsFunc(data[:n], func(r rune) bool { return r > ' ' })
			clear(data)
			select {
			case found <- line:
			case <-done:
				return
			}
			if err != nil {
				return
			}
		}
	}()
	for {
		select {
		case line := <-found:
			text = text || line
		case <-time.After(pasteTime):
			return text
		}
	}
}

// await waits for an answer, or for an interrupt. What reads outlives that, since a read cannot be
// cancelled.
func await[T any](ctx context.Context, read func() (T, error)) (T, error) {
	type result struct {
		answer T
		err    error
	}
	results := make(chan result, 1)
	go func() {
		answer, err := read()
		results <- result{answer, err}
	}()
	select {
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	case r := <-results:
		return r.answer, r.err
	}
}
