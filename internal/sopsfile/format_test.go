package sopsfile_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/secretsync/secretsync/internal/sopsfile"
	"github.com/secretsync/secretsync/internal/sopstext"
)

// document is a file as SOPS writes it in each of its formats, and the value that is read.
var documents = map[sopstext.Format]struct{ file, plain, path string }{
	sopstext.YAML:   {"a.yaml", "# a comment\na: {b: " + canary + "}\n", "a.b"},
	sopstext.JSON:   {"a.json", `{"data":"x","a":{"b":"` + canary + `"}}`, "a.b"},
	sopstext.Dotenv: {"a.env", "# a comment\nA=" + canary + "\n", "A"},
	sopstext.INI:    {"a.ini", "top = x\n[s]\na = " + canary + "\n", "s.a"},
	sopstext.Binary: {"a.pem", canary, ""},
}

// A file is read by its content, whatever it is called.
func TestFormatByContent(t *testing.T) {
	recipient := newKey(t)
	for format, doc := range documents {
		data := encrypt(t, doc.file, doc.plain, recipient)
		for _, name := range []string{
			"x", "x.conf", ".env.production", ".dev.vars", "x.env.enc", "x.yaml.enc", "x.YAML", "x.JSON", "x.ENV", "x.INI", "x.toml",
			"x.env", "x.ini", "a.b/x.enc",
		} {
			if got, err := read(t, name, data, doc.path); err != nil || got != canary {
				t.Errorf("%s as %s: %q, %v", format, name, got, err)
			}
		}
		f, err := opener(t).OpenAs(format, "x.conf", data)
		if err != nil {
			t.Errorf("%s by its name: %v", format, err)
		} else if v, err := f.Value(t.Context(), keys(doc.path)); err != nil || string(v.Reveal()) != canary {
			t.Errorf("%s by its name: %v", format, err)
		}
	}
}

// Where the metadata fits several formats, the name or the caller decides.
func TestFormatByName(t *testing.T) {
	data := encrypt(t, "a.json", `{"data":"`+canary+`"}`, newKey(t))
	for name, path := range map[string]string{"a.json": "data", "a.yaml": "data", "a.yml": "data", "a.json.enc": "", "a.JSON": "", "a": ""} {
		if got, err := read(t, name, data, path); err != nil || got != canary {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	f, err := opener(t).OpenAs(sopstext.JSON, "a", data)
	if err != nil {
		t.Fatal(err)
	}
	if v, err := f.Value(t.Context(), []string{"data"}); err != nil || string(v.Reveal()) != canary {
		t.Errorf("as JSON: %v", err)
	}
	_, err = read(t, "a", data, "data")
	wantError(t, err, []string{"was encrypted as a whole", "leave the key out, or set the format to json"}, canary)
	wantKind(t, err, sopsfile.Missing)
}

// A wrong format is an error that names the file's format.
func TestWrongFormat(t *testing.T) {
	recipient := newKey(t)
	for format, doc := range documents {
		data := encrypt(t, doc.file, doc.plain, recipient)
		for _, as := range sopstext.Formats {
			both := as == format || format == sopstext.Binary && (as == sopstext.JSON || as == sopstext.YAML) || format == sopstext.JSON && (as == sopstext.YAML || as == sopstext.Binary)
			_, err := opener(t).OpenAs(as, doc.file, data)
			switch {
			case both && err != nil:
				t.Errorf("%s as %s: %v", format, as, err)
			case !both:
				wantError(t, err, []string{"is a SOPS file of the format " + string(format) + ", not " + string(as), "set it to " + string(format)}, canary)
				wantKind(t, err, sopsfile.Malformed)
			}
		}
	}
	if _, err := opener(t).OpenAs("toml", "a", nil); err == nil {
		t.Error("a format that SOPS does not have is accepted")
	}
}

// A file with SOPS metadata, or with ciphertext, is never called "not encrypted": people would
// encrypt it again.
func TestNeverCalledPlain(t *testing.T) {
	recipient := newKey(t)
	for format, doc := range documents {
		data := string(encrypt(t, doc.file, doc.plain, recipient))
		for what, damaged := range map[string]string{
			"cut at the end":       data[:len(data)*9/10],
			"cut at the beginning": data[len(data)/10:],
			"text after it":        data + "\n}\n" + canary + "\n",
		} {
			for _, name := range []string{doc.file, "x.conf", ".env.production", "x.yaml.enc", "x.YAML"} {
				f, err := opener(t).Open(name, []byte(damaged))
				if err == nil {
					_, err = f.Value(t.Context(), keys(doc.path))
				}
				if err == nil { // nothing that counts was damaged
					continue
				}
				wantError(t, err, []string{name}, canary)
				var e *sopsfile.Error
				if errors.As(err, &e) && e.Kind == sopsfile.NotSOPS {
					t.Errorf("%s, %s as %s: %v", format, what, name, err)
				}
			}
		}
	}
}

// The hint about a file that is not encrypted gives the command that encrypts its values, not
// the file as a whole.
func TestHowToEncrypt(t *testing.T) {
	for name, want := range map[string]string{
		".env.production": "sops encrypt -i --input-type dotenv --output-type dotenv .env.production",
		".dev.vars":       "sops encrypt -i --input-type dotenv --output-type dotenv .dev.vars",
		"x.env.enc":       "sops encrypt -i --input-type dotenv --output-type dotenv x.env.enc",
		"x.yaml.enc":      "sops encrypt -i --input-type yaml --output-type yaml x.yaml.enc",
		"x.YAML":          "sops encrypt -i --input-type yaml --output-type yaml x.YAML",
		"x.env":           "sops encrypt -i x.env",
		"x.conf":          "sops encrypt -i x.conf",
	} {
		plain := "A=" + canary + "\n"
		if strings.Contains(want, "yaml") {
			plain = "A: " + canary + "\n"
		}
		_, err := opener(t).Open(name, []byte(plain))
		wantError(t, err, []string{want}, canary)
	}
}
