package ask_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/secretsync/secretsync/internal/ask"
)

func questions(in io.Reader) (*ask.Questions, *bytes.Buffer) {
	var out bytes.Buffer
	return ask.New(in, &out, func() error { return nil }), &out
}

func TestText(t *testing.T) {
	short := func(answer string) error {
		if len(answer) > 4 {
			return errors.New("too long")
		}
		return nil
	}
	for _, tt := range []struct{ in, want, out string }{
		{"\n", "none", "Name [none]: "},
		{" a \r\n", "a", "Name [none]: "},
		{"longer\nb\n", "b", "Name [none]: too long\nName [none]: "},
	} {
		q, out := questions(strings.NewReader(tt.in))
		if got, err := q.Text(t.Context(), "Name", "none", short); err != nil || got != tt.want || out.String() != tt.out {
			t.Errorf("%q: %q, %v, %q", tt.in, got, err, out)
		}
	}
}

// Answers to later questions, which come in one read, are kept.
func TestYes(t *testing.T) {
	q, _ := questions(strings.NewReader("\nYES\nn\nperhaps\nNo\n"))
	for i, want := range []bool{true, true, false, false} {
		if got, err := q.Yes(t.Context(), "Sure"); err != nil || got != want {
			t.Errorf("answer %d: %v, %v", i, got, err)
		}
	}
	if _, err := q.Yes(t.Context(), "Sure"); !errors.Is(err, ask.ErrEnded) {
		t.Errorf("at the end: %v", err)
	}
}

func TestOff(t *testing.T) {
	q, out := questions(strings.NewReader("no\n"))
	q.Off = true
	if got, err := q.Yes(t.Context(), "Sure"); err != nil || !got || out.Len() > 0 {
		t.Errorf("%v, %v, %q", got, err, out)
	}
}

func TestInterrupt(t *testing.T) {
	in, _ := io.Pipe() // nothing is ever written
	defer in.Close()
	q, _ := questions(in)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := q.Yes(ctx, "Sure"); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}
