package sopsfile_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/getsops/sops/v3"
	"github.com/secretsync/secretsync/internal/position"
	"github.com/secretsync/secretsync/internal/sopsfile/sopstest"
)

// What was encrypted is decrypted byte for byte.
func TestFidelity(t *testing.T) {
	recipient := newKey(t)
	long := strings.Repeat("0123456789abcdef", 4096)
	for name, c := range map[string]struct{ file, plain, path, want string }{
		"YAML text":             {"a.yaml", "a: {b: text}\n", "a.b", "text"},
		"YAML yml":              {"a.yml", "a: text\n", "a", "text"},
		"YAML trailing newline": {"a.yaml", "a: \"x\\n\"\n", "a", "x\n"},
		"YAML CRLF":             {"a.yaml", "a: \"x\\r\\ny\\r\\n\"\n", "a", "x\r\ny\r\n"},
		"YAML literal block":    {"a.yaml", "a: |\n  one\n\n    two\n  three\n", "a", "one\n\n  two\nthree\n"},
		"YAML stripped block":   {"a.yaml", "a: |-\n  one\n  two\n", "a", "one\ntwo"},
		"YAML kept block":       {"a.yaml", "a: |+\n  one\n\n\nb: x\n", "a", "one\n\n\n"},
		"YAML folded block":     {"a.yaml", "a: >\n  one\n  two\n", "a", "one two\n"},
		"YAML quoted number":    {"a.yaml", "a: \"0123\"\n", "a", "0123"},
		"YAML tagged number":    {"a.yaml", "a: !!str 0123\n", "a", "0123"},
		"YAML yes":              {"a.yaml", "a: yes\n", "a", "yes"},
		"YAML emoji":            {"a.yaml", "a: \"\\U0001F511 é\"\n", "a", "🔑 é"},
		"YAML quotes":           {"a.yaml", `a: 'it''s "so" \n'` + "\n", "a", `it's "so" \n`},
		"YAML NUL":              {"a.yaml", `a: "x\0y"` + "\n", "a", "x\x00y"},
		"YAML 65,536 bytes":     {"a.yaml", "a: " + long + "\n", "a", long},
		"YAML odd key":          {"a.yaml", "\"a:b \\u00e9\": text\n", "a:b é", "text"},
		"YAML after comments":   {"a.yaml", "# one\na:\n  # two\n  b: x # three\n  # four\n  c: text\n", "a.c", "text"},
		"YAML list":             {"a.yaml", "a:\n  # a comment\n  - x\n  # another\n  - b: text\n", "a.3.b", "text"},
		"YAML alias":            {"a.yaml", "a: &x {k: text}\nb: *x\n", "b.k", "text"},
		"YAML looks encrypted":  {"a.yaml", "a: \"ENC[not really]\"\n", "a", "ENC[not really]"},
		"JSON text":             {"a.json", `{"a":{"b":"text"}}`, "a.b", "text"},
		"JSON escapes":          {"a.json", `{"a":"\"\\\/\b\f\n\r\t\u00e9\u2028"}`, "a", "\"\\/\b\f\n\r\té\u2028"},
		"JSON surrogate pair":   {"a.json", `{"a":"\ud83d\udd11"}`, "a", "🔑"},
		"JSON odd key":          {"a.json", `{"\ud83d\udd11":{"\"":"text"}}`, "🔑.\"", "text"},
		"JSON list":             {"a.json", `{"a":["x",["y","text"]]}`, "a.1.1", "text"},
		"JSON 65,536 bytes":     {"a.json", `{"a":"` + long + `"}`, "a", long},
		"dotenv text":           {"a.env", "A=text\n", "A", "text"},
		"dotenv name":           {".env", "A=text\n", "A", "text"},
		"dotenv quotes stay":    {"a.env", `A="q uoted"` + "\n", "A", `"q uoted"`},
		"dotenv equals sign":    {"a.env", "A=x=y==\n", "A", "x=y=="},
		"dotenv newline":        {"a.env", "A=x\\ny\n", "A", "x\ny"},
		"dotenv carriage":       {"a.env", "A=x\r\n", "A", "x\r"},
		"dotenv emoji":          {"a.env", "# 🔑\nA=🔑\n", "A", "🔑"},
		"INI section":           {"a.ini", "[s]\nk = text\n", "s.k", "text"},
		"INI no section":        {"a.ini", "k = text\n", "DEFAULT.k", "text"},
		"INI equals sign":       {"a.ini", "[s]\nk = a=b:c\n", "s.k", "a=b:c"},
		"binary":                {"a.pem", "-----BEGIN-----\r\n\x00\x01\n", "", "-----BEGIN-----\r\n\x00\x01\n"},
		"binary not UTF-8":      {"a.key", "\xff\xfe\x80x", "", "\xff\xfe\x80x"},
		"binary TOML":           {"a.toml", "a = 1\n", "", "a = 1\n"},
		"binary 65,536 bytes":   {"a", long, "", long},
	} {
		got, err := read(t, c.file, encrypt(t, c.file, c.plain, recipient), c.path)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if got != c.want {
			t.Errorf("%s: %.40q; want %.40q", name, got, c.want)
		}
	}
}

func TestEntry(t *testing.T) {
	recipient := newKey(t)
	for name, c := range map[string]struct {
		file, plain, path string
		line, column      int
		inList            bool
	}{
		"YAML":            {"a.yaml", "a:\n    é: text\n", "a.é", 2, 8, false},
		"YAML comment":    {"a.yaml", "# one\n# two\na:\n    # three\n    b: text\n", "a.b", 5, 8, false},
		"YAML list":       {"a.yaml", "a:\n    - x\n    # comment\n    - {b: text}\n", "a.2.b", 4, 10, true},
		"YAML below list": {"a.yaml", "a:\n    - b: {c: text}\n", "a.0.b.c", 3, 12, true},
		"JSON":            {"a.json", `{"a":{"🔑":"text"}}`, "a.🔑", 3, 8, false},
		"JSON list":       {"a.json", `{"a":["text"]}`, "a.0", 3, 3, true},
		"dotenv":          {"a.env", "# comment\nB=x\nÄÖ=text\n", "ÄÖ", 3, 4, false},
		"INI":             {"a.ini", "[s]\nk = x\n[t]\nk = text\n", "t.k", 5, 5, false},
		"binary":          {"a.pem", "text", "", 1, 1, false},
	} {
		data := encrypt(t, c.file, c.plain, recipient)
		e, err := open(t, c.file, data).Entry(keys(c.path))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		want := position.Position{File: c.file, Line: c.line, Column: c.column}
		if e.Pos != want || e.Type != "str" || e.InList != c.inList {
			t.Errorf("%s: %+v; want %s, in a list: %v\n%s", name, e, want, c.inList, data)
		}
		parts := keys(c.path)
		last := "data"
		if len(parts) > 0 {
			last = parts[len(parts)-1]
		}
		if c.inList && last == "0" || last == "k" {
			continue // ciphertext finds values by their key
		}
		sum := sha256.Sum256([]byte(ciphertext(t, data, last)))
		if want := "sha256:" + hex.EncodeToString(sum[:]); e.Digest != want {
			t.Errorf("%s: digest %s; want %s", name, e.Digest, want)
		}
	}
}

// Entry needs no key.
func TestEntryNeedsNoKey(t *testing.T) {
	data := encrypt(t, "a.yaml", "a: text\n", identity(t).Recipient().String())
	sopstest.OnlyKey(t, "")
	if _, err := open(t, "a.yaml", data).Entry([]string{"a"}); err != nil {
		t.Error(err)
	}
}

// An unchanged value keeps its digest, whatever happens to the others.
func TestDigestIsStable(t *testing.T) {
	recipient := newKey(t)
	before := encrypt(t, "a.yaml", "a: one\nb: {c: two}\n", recipient)
	after := edit(t, "a.yaml", before, func(b sops.TreeBranch) sops.TreeBranch {
		b[0].Value = "changed"
		return append(sops.TreeBranch{{Key: "new", Value: "three"}}, b...)
	})
	digest := func(data []byte, path string) string {
		e, err := open(t, "a.yaml", data).Entry(keys(path))
		if err != nil {
			t.Fatal(err)
		}
		return e.Digest
	}
	if digest(before, "b.c") != digest(after, "b.c") {
		t.Error("the digest of an unchanged value changed")
	}
	if digest(before, "a") == digest(after, "a") {
		t.Error("the digest of a changed value stayed")
	}
	if got, err := read(t, "a.yaml", after, "a"); err != nil || got != "changed" {
		t.Errorf("%q, %v", got, err)
	}
}

// Files with some unencrypted values are read like any other.
func TestRules(t *testing.T) {
	recipient := newKey(t)
	for name, c := range map[string]struct {
		rule  func(*sops.Metadata)
		plain string
	}{
		"encrypted_regex":    {func(m *sops.Metadata) { m.EncryptedRegex = "^value$" }, "n: 0123\nd: 2024-01-02\ns: {value: text, comment: in clear}\n"},
		"unencrypted_suffix": {func(*sops.Metadata) {}, "a_unencrypted: in clear\ns: {value: text}\n"},
		"encrypted_suffix":   {func(m *sops.Metadata) { m.EncryptedSuffix = "ue" }, "a: in clear\ns: {value: text}\n"},
		"unencrypted_regex":  {func(m *sops.Metadata) { m.UnencryptedRegex = "^a$" }, "a: in clear\ns: {value: text}\n"},
		"only encrypted": {func(m *sops.Metadata) { m.EncryptedRegex = "^value$"; m.MACOnlyEncrypted = true },
			"a: in clear\ns: {value: text}\n"},
		"encrypted comments": {func(*sops.Metadata) {}, "# one\ns:\n  # two\n  value: text # three\n"},
	} {
		data := encrypt(t, "a.yaml", c.plain, recipient, c.rule)
		if got, err := read(t, "a.yaml", data, "s.value"); err != nil || got != "text" {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

func TestShamir(t *testing.T) {
	mine, theirs, third := identity(t), identity(t), identity(t)
	data := encrypt(t, "a.yaml", "a: text\n", mine.Recipient().String(), func(m *sops.Metadata) {
		m.KeyGroups = append(m.KeyGroups, group(t, theirs.Recipient().String()), group(t, third.Recipient().String()))
		m.ShamirThreshold = 2
	})
	sopstest.OnlyKey(t, mine.String()+"\n"+third.String())
	if got, err := read(t, "a.yaml", data, "a"); err != nil || got != "text" {
		t.Errorf("two of three: %q, %v", got, err)
	}
	sopstest.OnlyKey(t, mine.String())
	_, err := read(t, "a.yaml", data, "a")
	wantError(t, err, []string{theirs.Recipient().String(), third.Recipient().String()}, "text")
}

// A file can be used concurrently, and every result is a copy.
func TestConcurrentUse(t *testing.T) {
	f := open(t, "a.yaml", encrypt(t, "a.yaml", "a: the text\nb: [x]\n", newKey(t)))
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			e, err := f.Entry([]string{"a"})
			if err != nil || e.Type != "str" {
				t.Errorf("%+v, %v", e, err)
			}
			v, err := f.Value(context.Background(), []string{"a"})
			if err != nil || string(v.Reveal()) != "the text" {
				t.Errorf("%q, %v", v.Reveal(), err)
			}
			v.Wipe()
		})
	}
	all.Wait()
	if e, err := f.Entry([]string{"a"}); err != nil || e.Type != "str" || e.Digest == "" {
		t.Errorf("after decryption: %+v, %v", e, err)
	}
}

func TestInterrupted(t *testing.T) {
	f := open(t, "a.yaml", encrypt(t, "a.yaml", "a: text\n", newKey(t)))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := f.Value(ctx, []string{"a"}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v; want context.Canceled", err)
	}
	if v, err := f.Value(t.Context(), []string{"a"}); err != nil || string(v.Reveal()) != "text" {
		t.Errorf("asked again: %v", err)
	}
}
