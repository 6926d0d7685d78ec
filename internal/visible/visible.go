// Package visible makes foreign text harmless to display: names, comments and file names
// come from manifests, lockfiles and servers that may be hostile.
//
// Call [Text] for part of a line, and [JSON] or [YAML] for a whole document.
//
// Harmless text moves no cursor, hides nothing, changes no text direction, and is not a
// command to a CI runner. GitHub's runner accepts "::command::" at the start of a line,
// after blanks, and "##[command]" anywhere in it (ActionCommand.cs in actions/runner);
// Azure Pipelines accepts "##vso[" and TeamCity "##teamcity[".
package visible

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// runnerCommand matches "##" at the start of a command to a CI runner.
var runnerCommand = regexp.MustCompile(`##([A-Za-z]*\[)`)

// maxMarks is how many marks a letter may have. More could cover the lines above or below; no
// language needs them.
const maxMarks = 4

// Text escapes control characters, line breaks, invisible and direction-changing Unicode
// characters, stacks of marks, and the beginnings of commands to CI runners. Text that is already escaped is
// unchanged.
func Text(text string) string {
	var b strings.Builder
	marks := 0
	for _, r := range text {
		if marks++; !unicode.In(r, unicode.Mn, unicode.Me) {
			marks = 0
		}
		switch {
		case harmless(r) && marks <= maxMarks:
			b.WriteRune(r)
		case r < 0x100:
			fmt.Fprintf(&b, `\x%02x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	text = runnerCommand.ReplaceAllString(b.String(), `#\x23$1`)
	if rest := strings.TrimLeft(text, " "); strings.HasPrefix(rest, "::") {
		text = text[:len(text)-len(rest)] + `\x3a` + rest[1:]
	}
	return text
}

// JSON does the same for a JSON document, using JSON's own escapes, so that its meaning is
// unchanged: escaped characters occur only in strings. Any JSON encoder escapes control
// characters below space, but not DEL, the other 32 control characters or the rest (RFC
// 8259, section 7).
func JSON(document []byte) []byte {
	out := escape(document, func(out []byte, r rune) []byte {
		high, low := utf16.EncodeRune(r)
		return fmt.Appendf(out, `\u%04x\u%04x`, high, low)
	})
	return runnerCommand.ReplaceAll(out, []byte(`#\u0023$1`))
}

// YAML does the same for a YAML document in which everything that [Text] would change is in
// double quotes.
func YAML(document []byte) []byte {
	out := escape(document, func(out []byte, r rune) []byte { return fmt.Appendf(out, `\U%08x`, r) })
	return runnerCommand.ReplaceAll(out, []byte(`#\u0023$1`))
}

// escape escapes everything that is not harmless except control characters below space;
// large writes characters of more than 16 bits.
func escape(document []byte, large func(out []byte, r rune) []byte) []byte {
	out := make([]byte, 0, len(document))
	for {
		n := slices.IndexFunc(document, func(b byte) bool { return b >= 0x7f })
		if n < 0 {
			return append(out, document...)
		}
		out, document = append(out, document[:n]...), document[n:]
		r, n := utf8.DecodeRune(document)
		switch {
		case harmless(r):
			out = append(out, document[:n]...)
		case r <= 0xffff:
			out = fmt.Appendf(out, `\u%04x`, r)
		default:
			out = large(out, r)
		}
		document = document[n:]
	}
}

// harmless reports whether a character shows as itself. Those that show as nothing, or as a
// blank of some width, could hide text or push it out of sight.
func harmless(r rune) bool {
	return r == ' ' || unicode.IsGraphic(r) && !looksBlank(r) &&
		!unicode.In(r, unicode.Cf, unicode.Zs, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

// looksBlank reports whether a character looks blank although Unicode counts it as a letter, a mark
// or a symbol.
func looksBlank(r rune) bool {
	switch r {
	case '\u2800', // BRAILLE PATTERN BLANK
		'\U00013441', '\U00013442', // EGYPTIAN HIEROGLYPH FULL BLANK, HALF BLANK
		'\U00016fe4', // KHITAN SMALL SCRIPT FILLER
		'\U0001d159': // MUSICAL SYMBOL NULL NOTEHEAD
		return true
	}
	return false
}
