package manifest

import (
	"bytes"

	"github.com/secretsync/secretsync/internal/charset"
	"github.com/secretsync/secretsync/internal/syntax"
)

// noteOf returns a note about something at the ends of a value that its author may not see, or
// nil. from is the SOPS file that the value was in, if any.
func noteOf(s Source, from *sealed, res Resolved) *Error {
	text := res.Value.Reveal()
	note := func(hint, what, or string) *Error {
		if from == nil {
			return mistake(ruleValue, s.Pos, hint+or, "%s", what)
		}
		return mistake(ruleValue, res.at, hint+" with "+from.edit()+or, "%s", what)
	}
	switch {
	case bytes.HasPrefix(text, []byte(charset.BOM)):
		return note("if it is not meant, remove it", "the value begins with a byte order mark, which is sent with it", "")
	case bytes.HasSuffix(bytes.TrimSuffix(text, []byte("\n")), []byte("\r")):
		return note("if it is not meant, remove it",
			"the value ends with a carriage return, as in line ends of Windows, which is sent with it", s.orTrim())
	case from != nil && isQuoted(text) && from.dotenv():
		return note("SOPS takes them for a part of the value: if they are not, remove them", "the value is in quotes, which are sent with it", "")
	}
	return nil
}

// orTrim is the alternative to removing line ends, for sources that have it.
func (s Source) orTrim() string {
	switch s.Kind {
	case SourceFile, SourceSOPS, SourceCommand:
		format, _ := syntax.FormatOf(s.Pos.File)
		return ", or set " + entry(format, "trim", true)
	}
	return ""
}

// isQuoted reports whether a text is in quotes, which other readers of dotenv files drop.
func isQuoted(text []byte) bool {
	return len(text) >= 2 && text[0] == text[len(text)-1] && bytes.IndexByte([]byte("\"'`"), text[0]) >= 0
}
