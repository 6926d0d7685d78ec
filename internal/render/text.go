// Package render turns plans, drift and reports into what people and other
// programs read. It decides nothing: reasons become words here and nowhere else.
//
// Names, comments and server answers are foreign text: everything that comes
// from outside goes through [Safe] before it is written.
package render

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/secretsync/secretsync/internal/render/foreign"
	"github.com/secretsync/secretsync/internal/visible"
	"github.com/secretsync/secretsync/planner"
)

// Style is how text output looks.
type Style struct {
	// Color allows ANSI colours.
	Color bool
}

// The colours, by meaning.
const (
	colorAdd    = "\x1b[32m"
	colorChange = "\x1b[33m"
	colorRemove = "\x1b[31m"
	colorQuiet  = "\x1b[2m"
	colorStrong = "\x1b[1m"
	colorReset  = "\x1b[0m"
)

func (s Style) paint(color, text string) string {
	if !s.Color || color == "" {
		return text
	}
	return color + text + colorReset
}

// Status is the word for the result of a check: ok, warning, error or skipped.
func (s Style) Status(word string) string {
	switch word {
	case "ok":
		return s.paint(colorAdd, word)
	case "warning":
		return s.paint(colorChange, word)
	case "error":
		return s.paint(colorRemove, word)
	}
	return s.paint(colorQuiet, word)
}

// heading is the line above what is about a store.
func (s Style) heading(store string, account planner.AccountID) string {
	return s.paint(colorStrong, store) + "  " + s.paint(colorQuiet, "account "+foreign.Word(string(account)))
}

// Safe makes foreign text harmless on a terminal and in a log: [visible.Text].
func Safe(text string) string { return visible.Text(text) }

// printer writes lines and keeps the first error, so that callers check once.
type printer struct {
	w   io.Writer
	err error
}

func (p *printer) line(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format+"\n", args...)
	}
}

// count is "1 secret", "2 secrets".
func count(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %ss", n, one)
}

// wrapped breaks a text into lines of up to limit characters, where it has blanks.
func wrapped(text string, limit int) []string {
	var lines []string
	line := ""
	for i, w := range strings.Split(text, " ") {
		switch {
		case i == 0:
			line = w
		case utf8.RuneCountInString(line)+1+utf8.RuneCountInString(w) > limit:
			lines = append(lines, line)
			line = w
		default:
			line += " " + w
		}
	}
	return append(lines, line)
}

func withHint(what, hint string) string {
	if hint == "" {
		return what
	}
	return what + " (" + hint + ")"
}

// WriteJSON writes JSON that may be shown on a terminal as it is.
func WriteJSON(w io.Writer, v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	_, err = w.Write(visible.JSON(append(b, '\n')))
	return err
}
