package manifest

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/secretsync/secretsync/internal/syntax"
)

// frames hold an entry of a secret, a store or the manifest, in each language.
var frames = map[string]map[string]string{
	"yaml": {
		"secret":   "version: 1\nstores: {prod: {secrets: {a: {HERE, from: {env: X}}}}}\n",
		"source":   "version: 1\nstores: {prod: {secrets: {a: {HERE}}}}\n",
		"file":     "version: 1\nstores: {prod: {secrets: {a: {from: {file: f, HERE}}}}}\n",
		"store":    "version: 1\nstores: {prod: {HERE, secrets: {a: {from: {env: X}}}}}\n",
		"secrets":  "version: 1\nstores: {prod: {HERE}}\n",
		"stores":   "version: 1\nstores: {HERE}\n",
		"generate": "version: 1\nstores: {prod: {secrets: {a: {generate: {encoding: hex, HERE}}}}}\n",
		"safety":   "version: 1\nsafety: {HERE}\nstores: {prod: {secrets: {a: {from: {env: X}}}}}\n",
		"manifest": "version: 1\nHERE\nstores: {prod: {secrets: {a: {from: {env: X}}}}}\n",
		"version":  "HERE\nstores: {prod: {secrets: {a: {from: {env: X}}}}}\n",
	},
	"toml": {
		"secret":   "version = 1\n[stores.prod.secrets.a]\nfrom = {env = 'X'}\nHERE\n",
		"source":   "version = 1\n[stores.prod.secrets.a]\nHERE\n",
		"file":     "version = 1\n[stores.prod.secrets.a.from]\nfile = 'f'\nHERE\n",
		"store":    "version = 1\n[stores.prod]\nsecrets = {a = {from = {env = 'X'}}}\nHERE\n",
		"secrets":  "version = 1\n[stores.prod]\nHERE\n",
		"stores":   "version = 1\n[stores]\nHERE\n",
		"generate": "version = 1\n[stores.prod.secrets.a.generate]\nencoding = 'hex'\nHERE\n",
		"safety":   "version = 1\nstores = {prod = {secrets = {a = {from = {env = 'X'}}}}}\n[safety]\nHERE\n",
		"manifest": "version = 1\nHERE\nstores = {prod = {secrets = {a = {from = {env = 'X'}}}}}\n",
		"version":  "HERE\nstores = {prod = {secrets = {a = {from = {env = 'X'}}}}}\n",
	},
	"json": {
		"secret":   `{"version": 1, "stores": {"prod": {"secrets": {"a": {"from": {"env": "X"}, HERE}}}}}`,
		"source":   `{"version": 1, "stores": {"prod": {"secrets": {"a": {HERE}}}}}`,
		"file":     `{"version": 1, "stores": {"prod": {"secrets": {"a": {"from": {"file": "f", HERE}}}}}}`,
		"store":    `{"version": 1, "stores": {"prod": {"secrets": {"a": {"from": {"env": "X"}}}, HERE}}}`,
		"secrets":  `{"version": 1, "stores": {"prod": {HERE}}}`,
		"stores":   `{"version": 1, "stores": {HERE}}`,
		"generate": `{"version": 1, "stores": {"prod": {"secrets": {"a": {"generate": {"encoding": "hex", HERE}}}}}}`,
		"safety":   `{"version": 1, "safety": {HERE}, "stores": {"prod": {"secrets": {"a": {"from": {"env": "X"}}}}}}`,
		"manifest": `{"version": 1, HERE, "stores": {"prod": {"secrets": {"a": {"from": {"env": "X"}}}}}}`,
		"version":  `{HERE, "stores": {"prod": {"secrets": {"a": {"from": {"env": "X"}}}}}}`,
	},
}

// Every hint about a wrong type can be pasted over the mistake, in each language.
func TestHintsCanBePasted(t *testing.T) {
	for _, c := range []struct{ frame, key, wrong, hint string }{
		{"version", "version", "'1'", "the number without quotes"},
		{"version", "version", "1.0", "a whole number"},
		{"version", "version", "2", "version: 1"},
		{"secret", "delete", "no", "delete: false"},
		{"secret", "delete", "'False'", "delete: false"},
		{"secret", "delete", "0", "delete: false"},
		{"secret", "delete", "'maybe'", "delete: true"},
		{"secret", "delete", "[]", "delete: true"},
		{"secret", "scopes", "'workers'", "scopes: [workers]"},
		{"secret", "scopes", "[]", "scopes: [workers]"},
		{"secret", "rotate_after", "90", "rotate_after: 90d"},
		{"secret", "rotate_after", "'90 days'", "rotate_after: 90d"},
		{"source", "external", "yes", "external: true"},
		{"source", "from", "'env:X'", "from: {env: NAME}"},
		{"source", "generate", "true", "generate: {bytes: 32, encoding: hex}"},
		{"source", "generate", "{}", "generate: {bytes: 32, encoding: hex}"},
		{"file", "trim", "on", "trim: true"},
		{"store", "create", "'y'", "create: true"},
		{"store", "delete", "off", "delete: false"},
		{"store", "unmanaged", "true", "unmanaged: report"},
		{"secrets", "secrets", "['a']", "secrets: {my-secret"},
		{"stores", "prod", "[]", "prod: {secrets"},
		{"generate", "bytes", "'32'", "the number without quotes"},
		{"generate", "bytes", "true", "bytes: 32"},
		{"safety", "strict_bindings", "yes", "strict_bindings: true"},
		{"safety", "max_deletes", "'5'", "the number without quotes"},
		{"manifest", "accounts", "['prod']", "accounts: {prod"},
		{"manifest", "defaults", "['workers']", "defaults: {scopes"},
		{"manifest", "safety", "5", "safety: {max_deletes"},
		{"manifest", "lockfile", "'secretsync.lock'", "lockfile: s3://BUCKET/PREFIX/NAME.lock"},
		{"manifest", "vars", "['a']", "vars: {environment"},
		{"manifest", "include", "'teams/*.yaml'", "include: ["},
		{"manifest", "workers", "'apps/*/wrangler.jsonc'", "workers: ["},
	} {
		for language, all := range frames {
			t.Run(strings.Join([]string{language, c.frame, c.key, c.wrong}, " "), func(t *testing.T) {
				wrong := c.wrong
				if word := strings.Trim(wrong, "abcdefghijklmnopqrstuvwxyz") == ""; word && language != "yaml" && wrong != "true" {
					wrong = "'" + wrong + "'" // as YAML 1.2 reads it
				}
				if language == "json" {
					wrong = strings.ReplaceAll(wrong, "'", `"`)
				}
				format, _ := syntax.FormatOf("a." + language)
				given := map[string]string{"toml": c.key + " = " + wrong, "yaml": c.key + ": " + wrong, "json": `"` + c.key + `": ` + wrong}[language]
				hint := hintFor(t, language, strings.ReplaceAll(all[c.frame], "HERE", given))
				if hint == nil {
					t.Fatal("no mistake")
				}
				if plain := strings.NewReplacer(`"`, "", "'", "", " = ", ": ", "{ ", "{", " }", "}").Replace(hint.Hint); !strings.Contains(plain, c.hint) {
					t.Fatalf("the hint of %s is %q, want %q in it", given, hint.Hint, c.hint)
				}
				var pasted string
				switch _, after, found := strings.Cut(hint.Hint, "for example: "); {
				case found:
					pasted = after
				case strings.HasPrefix(hint.Hint, "write the number"), strings.HasPrefix(hint.Hint, "write a whole number"):
					pasted = entry(format, c.key, strings.TrimSuffix(strings.Trim(c.wrong, "'"), ".0"))
					pasted = strings.ReplaceAll(pasted, `"`+strings.TrimSuffix(strings.Trim(c.wrong, "'"), ".0")+`"`, strings.TrimSuffix(strings.Trim(c.wrong, "'"), ".0"))
				default:
					pasted, _, _ = strings.Cut(strings.TrimPrefix(strings.TrimPrefix(hint.Hint, "write "), "this secretsync supports "), " or ")
				}
				if still := hintFor(t, language, strings.ReplaceAll(all[c.frame], "HERE", pasted)); still != nil {
					t.Errorf("%s: with the hint %q pasted: %v", given, pasted, still)
				}
			})
		}
	}
}

// hintFor loads a manifest and returns its first mistake, except mistakes about missing files.
func hintFor(t *testing.T, language, text string) *Error {
	t.Helper()
	file := filepath.Join(t.TempDir(), "secretsync."+language)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Load(t.Context(), Options{File: file})
	var list ErrorList
	errors.As(err, &list)
	for _, e := range list {
		if e.Rule == "syntax" {
			t.Fatalf("%s: %v", text, e)
		}
		if e.Rule != "file" && !strings.Contains(e.What, "no file matches") {
			return e
		}
	}
	return nil
}
