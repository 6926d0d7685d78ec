// Package render turns plans, drift and reports into what people and other
// programs read. It decides nothing: reasons become words here and nowhere else.
//
// Names, comments and server answers are foreign text: everything that comes
// from outside goes through [Safe] before it is written.
package render

import (
	"fmt"
	"io"
	"strings"
	"unicode"
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

// Safe makes foreign text harmless on a terminal and in a log: control
// characters, line breaks, and the invisible and direction-changing characters
// of Unicode become visible escapes.
func Safe(text string) string {
	harmless := func(r rune) bool {
		return r == ' ' || unicode.IsGraphic(r) && !unicode.Is(unicode.Cf, r) && !unicode.Is(unicode.Zs, r)
	}
	if strings.IndexFunc(text, func(r rune) bool { return !harmless(r) || r == unicode.ReplacementChar }) < 0 {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		switch {
		case harmless(r):
			b.WriteRune(r)
		case r < 0x100:
			fmt.Fprintf(&b, `\x%02x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

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
