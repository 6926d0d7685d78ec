// Package visible makes foreign text harmless where it is shown: names, comments
// and file names come from manifests, lockfiles and servers that may be hostile.
//
// Call [Text] for a piece of a line, and [JSON] or [YAML] for a whole document.
//
// Harmless is what moves no cursor, hides nothing, turns no direction, and is no
// command to a CI runner. GitHub's takes "::command::" at the start of a line, after
// blanks, and "##[command]" anywhere in one (ActionCommand.cs in actions/runner);
// Azure Pipelines has "##vso[" and TeamCity "##teamcity[".
package visible

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// runnerCommand is where "##" begins a command to a CI runner.
var runnerCommand = regexp.MustCompile(`##([A-Za-z]*\[)`)

// Text shows control characters, line breaks, the invisible and direction-changing
// characters of Unicode, and the beginnings of commands to CI runners as escapes. Text
// that was already escaped stays as it is.
func Text(text string) string {
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
	text = runnerCommand.ReplaceAllString(b.String(), `#\x23$1`)
	if rest := strings.TrimLeft(text, " "); strings.HasPrefix(rest, "::") {
		text = text[:len(text)-len(rest)] + `\x3a` + rest[1:]
	}
	return text
}

// JSON does the same to a JSON document by JSON's own escapes, so that it still means
// the same: what is escaped stands in strings alone. Control characters below space
// are escaped in any JSON, but not DEL and the other 32, nor the rest (RFC 8259,
// section 7).
func JSON(document []byte) []byte {
	out := escape(document, func(out []byte, r rune) []byte {
		high, low := utf16.EncodeRune(r)
		return fmt.Appendf(out, `\u%04x\u%04x`, high, low)
	})
	return runnerCommand.ReplaceAll(out, []byte(`#\u0023$1`))
}

// YAML does the same to a YAML document in which whatever [Text] would change stands in
// double quotes.
func YAML(document []byte) []byte {
	out := escape(document, func(out []byte, r rune) []byte { return fmt.Appendf(out, `\U%08x`, r) })
	return runnerCommand.ReplaceAll(out, []byte(`#\u0023$1`))
}

// escape escapes what is not harmless, but control characters below space; large writes
// characters of more than 16 bits.
func escape(document []byte, large func(out []byte, r rune) []byte) []byte {
	out := make([]byte, 0, len(document))
	for i := 0; i < len(document); {
		r, n := utf8.DecodeRune(document[i:])
		switch {
		case r < 0x7f || harmless(r):
			out = append(out, document[i:i+n]...)
		case r <= 0xffff:
			out = fmt.Appendf(out, `\u%04x`, r)
		default:
			out = large(out, r)
		}
		i += n
	}
	return out
}

// harmless reports whether a character shows as itself. Those that show as nothing, or as a
// blank of some width, could hide text or push it out of sight.
func harmless(r rune) bool {
	return r == ' ' || unicode.IsGraphic(r) && !unicode.In(r, unicode.Cf, unicode.Zs, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector) && !looksBlank(r)
}

// looksBlank reports whether a character that Unicode counts as a letter, a mark or a symbol
// shows as a blank all the same.
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
