package manifest

import (
	"path/filepath"

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
