package manifest

import (
	"bytes"
	"path/filepath"

	"github.com/secretsync/secretsync/internal/charset"
	"github.com/secretsync/secretsync/internal/sopstext"
	"github.com/secretsync/secretsync/internal/syntax"
)

// checkEncrypted refuses a value that SOPS encrypted, or a text that contains one, wherever it
// comes from: a Worker would be given the ciphertext. from is the SOPS file that it was in, if any.
func checkEncrypted(s Source, from *sealed, v Value) *Error {
	text := v.Reveal()
	if !sopstext.Encrypted(text) {
		return nil
	}
	const effect = ", so its ciphertext would be the value"
	or := ", or read the SOPS file: " + s.fromSOPS("FILE", true)
	switch {
	case s.Kind == SourceFile:
		return mistake(ruleCiphertext, s.Pos, s.decrypted(text), "the file %q is encrypted with SOPS"+effect, s.shown)
	case s.Kind == SourceEnv:
		return mistake(ruleCiphertext, s.Pos, "set it to the decrypted value"+or,
			"the environment variable %q is encrypted with SOPS"+effect, s.target)
	case s.Kind == SourceCommand:
		return mistake(ruleCiphertext, s.Pos, "let it print the decrypted value"+or,
			"the output of the command %q is encrypted with SOPS"+effect, program(s.argv()))
	case s.Kind == SourceSOPS && len(s.path) == 0 && sopstext.Detect(text) != "":
		todo := "remove the outer encryption: " + sopstext.Command("decrypt -i", s.target, sopstext.Binary)
		if sopstext.FormatOf(s.target, text) != sopstext.Binary {
			todo += "; then name the value: " + s.fromSOPS(s.relative(), true)
		}
		return mistake(ruleCiphertext, s.Pos, todo, "the file was encrypted twice with SOPS"+effect)
	case from != nil:
		return mistake(ruleCiphertext, s.Pos, "set the plain value with "+from.edit(), "the value was encrypted twice with SOPS"+effect)
	}
	return mistake(ruleCiphertext, s.Pos, "put the plain value there"+or, "the value is encrypted with SOPS"+effect)
}

// decrypted says how the manifest names a SOPS file whose ciphertext it takes for a value.
func (s Source) decrypted(text []byte) string {
	if sopstext.Detect(text) == "" { // ciphertext without metadata
		return "read the SOPS file that it was copied from: " + s.fromSOPS("FILE", true)
	}
	return "let secretsync decrypt it: " + s.fromSOPS(s.relative(), sopstext.FormatOf(s.target, text) != sopstext.Binary)
}

// relative is the path of the source's file as the manifest writes it.
func (s Source) relative() string {
	if rel, err := filepath.Rel(filepath.Dir(s.Pos.File), s.target); err == nil {
		return filepath.ToSlash(rel)
	}
	return s.target
}

// fromSOPS is a SOPS source in the language of the manifest that s is in.
func (s Source) fromSOPS(path string, keyed bool) string {
	key := ""
	if keyed {
		key = "KEY"
	}
	format, _ := syntax.FormatOf(s.Pos.File)
	return entry(format, "from", sopsSource(path, key))
}

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
		return note("if it is not intended, remove it", "the value begins with a byte order mark, which is sent with it", "")
	case bytes.HasSuffix(bytes.TrimSuffix(text, []byte("\n")), []byte("\r")):
		return note("if it is not intended, remove it",
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
