package envfile

import (
	"strings"
	"unicode/utf8"
)

// assignment is a line NAME=VALUE, or several if the value is in quotes.
type assignment struct {
	name, value string
	line        int
	cut         bool // a comment begins right behind the value, without a space
	open        bool // the value begins with a quote that is not closed
}

// The parts of an assignment as the npm package dotenv has them, which wrangler reads these
// files with (docs/migrate-env.md). White space and line ends are
// JavaScript's: there, a byte order mark is a space and U+2028 ends a line.
const (
	blank   = `[\t\n\v\f\r \x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}\x{feff}]`
	name    = `(?:export` + blank + `+)?([A-Za-z0-9_.-]+)`
	sign    = `(?:` + blank + `*=` + blank + `*?|:` + blank + `+?)`
	single  = blank + `*'(?:\\'|[^'])*'`
	double  = blank + `*"(?:\\"|[^"])*"`
	tick    = blank + "*`(?:\\\\`|[^`])*`"
	bare    = `[^#\r\n]+`
	value   = `(` + single + `|` + double + `|` + tick + `|` + bare + `)?`
	comment = blank + `*(#[^\n\r\x{2028}\x{2029}]*)?`
	lineEnd = `(\z|[\n\x{2028}\x{2029}])`
)

// assigned matches an assignment without the white space before it, even blank lines. Go's
// regular expressions prefer the same match as JavaScript's, and take linear time.
var assigned = lazy(`\A` + name + sign + value + comment + lineEnd)

// dotenv returns the assignments of a file, and the lines that are neither that, nor blank,
// nor comments: dotenv skips them.
func dotenv(text string) (all []assignment, ignored []int) {
	text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n")
	number, counted := 1, 0
	lineOf := func(at int) int {
		number += strings.Count(text[counted:at], "\n")
		counted = at
		return number
	}
	for at := 0; at < len(text); {
		if at += len(text[at:]) - len(strings.TrimLeftFunc(text[at:], isBlank)); at == len(text) {
			break
		}
		m := assigned().FindStringSubmatchIndex(text[at:])
		if m == nil {
			if text[at] != '#' {
				ignored = append(ignored, lineOf(at))
			}
			at += nextLine(text[at:])
			continue
		}
		part := func(i int) string {
			if m[2*i] < 0 {
				return ""
			}
			return text[at+m[2*i] : at+m[2*i+1]]
		}
		a := assignment{name: part(1), line: lineOf(at + m[2])}
		raw := part(2)
		a.value, a.open = unquoted(trim(raw))
		a.cut = part(3) != "" && a.value != "" && m[5] == m[6] && trim("x"+raw) == "x"+raw && !isQuoted(trim(raw))
		if a.name != "__proto__" { // an object in JavaScript keeps its prototype
			all = append(all, a)
		}
		at += m[1]
	}
	return all, ignored
}

// unquoted removes quotes around a value, and resolves \n and \r if the value begins with a
// double one. open reports a quote at the beginning that was not removed.
func unquoted(text string) (value string, open bool) {
	if text == "" {
		return "", false
	}
	value = withoutQuotes(text)
	open = isQuoted(text) && value == text
	if text[0] == '"' {
		value = strings.ReplaceAll(value, `\n`, "\n")
		value = strings.ReplaceAll(value, `\r`, "\r")
	}
	return value, open
}

// withoutQuotes removes a quote at the beginning of a line, and the last one of its kind at
// the end of a line: every such pair, one after the other.
func withoutQuotes(text string) string {
	var out strings.Builder
	for at := 0; at < len(text); {
		quote, end := text[at], -1
		if isQuoted(text[at:]) {
			for i := len(text) - 1; i > at; i-- {
				if text[i] == quote && (i+1 == len(text) || startsLineEnd(text[i+1:])) {
					end = i
					break
				}
			}
		}
		next := at + nextLine(text[at:])
		if end >= 0 {
			out.WriteString(text[at+1 : end])
			// What follows on the line of the second quote is not at the beginning of one.
			next = end + 1 + nextLine(text[end+1:])
			at = end + 1
		}
		out.WriteString(text[at:next])
		at = next
	}
	return out.String()
}

// isQuoted reports whether a text begins with a quote.
func isQuoted(text string) bool { return text != "" && strings.IndexByte("'\"`", text[0]) >= 0 }

// nextLine is the offset of the next line.
func nextLine(text string) int {
	for i, r := range text {
		if r == '\n' || r == '\r' || r == '\u2028' || r == '\u2029' {
			return i + utf8.RuneLen(r)
		}
	}
	return len(text)
}

func startsLineEnd(text string) bool {
	r, _ := utf8.DecodeRuneInString(text)
	return r == '\n' || r == '\r' || r == '\u2028' || r == '\u2029'
}

// trim removes white space as JavaScript does.
func trim(text string) string { return strings.TrimFunc(text, isBlank) }

func isBlank(r rune) bool {
	return r >= '\t' && r <= '\r' || r == ' ' || r == 0xa0 || r == 0x1680 || r >= 0x2000 && r <= 0x200a ||
		r == 0x2028 || r == 0x2029 || r == 0x202f || r == 0x205f || r == 0x3000 || r == 0xfeff
}
