package manifest

import (
	"fmt"
	"path/filepath"
	"strconv"

	"github.com/secretsync/secretsync/internal/shell"
	"github.com/secretsync/secretsync/internal/sopstext"
	"github.com/secretsync/secretsync/internal/syntax"
)

// checkEncrypted refuses a value that SOPS encrypted, or a text that contains one, wherever it
// comes from: a Worker would be given the ciphertext.
func checkEncrypted(s Source, v Value) *Error {
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
		return mistake(ruleCiphertext, s.Pos, "set it to the decrypted value"+or, "the environment variable %q is encrypted with SOPS"+effect, s.target)
	case s.Kind == SourceCommand:
		return mistake(ruleCiphertext, s.Pos, "let it print the decrypted value"+or, "the output of the command %q is encrypted with SOPS"+effect, program(s.argv()))
	case s.Kind == SourceSOPS && len(s.path) == 0 && sopstext.Detect(text) != "":
		types := ""
		if sopstext.SOPSFormat(s.target) != sopstext.Binary {
			types = "--input-type binary --output-type binary "
		}
		return mistake(ruleCiphertext, s.Pos, "remove the outer encryption: sops decrypt -i "+types+shell.File(s.target), "the file was encrypted twice with SOPS"+effect)
	case s.Kind == SourceSOPS || s.sealed != nil:
		return mistake(ruleCiphertext, s.Pos, "put the plain value there with sops edit", "the value was encrypted twice with SOPS"+effect)
	}
	return mistake(ruleCiphertext, s.Pos, "put the plain value there"+or, "the value is encrypted with SOPS"+effect)
}

// decrypted says how the manifest names a SOPS file whose ciphertext it takes for a value.
func (s Source) decrypted(text []byte) string {
	if sopstext.Detect(text) == "" { // ciphertext without metadata
		return "read the SOPS file that it was copied from: " + s.fromSOPS("FILE", true)
	}
	path := s.shown
	if rel, err := filepath.Rel(filepath.Dir(s.Pos.File), s.target); err == nil {
		path = filepath.ToSlash(rel)
	}
	return "let secretsync decrypt it: " + s.fromSOPS(path, sopstext.FormatOf(s.target, text) != sopstext.Binary)
}

// fromSOPS is a SOPS source in the language of the manifest that s is in.
func (s Source) fromSOPS(path string, keyed bool) string {
	form, key := "from: {sops: %s%s}", ", key: KEY"
	switch format, _ := syntax.FormatOf(s.Pos.File); {
	case format == syntax.TOML:
		form, key, path = "from = { sops = %s%s }", `, key = "KEY"`, strconv.Quote(path)
	case format == syntax.JSON:
		form, key, path = `"from": {"sops": %s%s}`, `, "key": "KEY"`, strconv.Quote(path)
	case shell.Word(path) != path:
		path = strconv.Quote(path)
	}
	if !keyed {
		key = ""
	}
	return fmt.Sprintf(form, path, key)
}
