package sopsfile_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/secretsync/secretsync/internal/secret"
	"github.com/secretsync/secretsync/internal/sopsfile"
	"github.com/secretsync/secretsync/internal/sopsfile/sopstest"
)

func named(pairs ...string) (all []sopsfile.Named) {
	for i := 0; i < len(pairs); i += 2 {
		all = append(all, sopsfile.Named{Key: pairs[i], Value: secret.New([]byte(pairs[i+1]))})
	}
	return all
}

// strange are values and keys that a format could change.
var strange = []string{"A", "0123", "true", "line\r\n\r\n  end\n", "null", " \t", "123", "\x00\x7f\u2028", "x-1", "ENC", "_", strings.Repeat("é🦀", 9000)}

// TestCreateAndExtend writes a new file without a key, and extends it with one.
func TestCreateAndExtend(t *testing.T) {
	for _, name := range []string{"s.yaml", "s.yml", "s.json"} {
		t.Run(name, func(t *testing.T) {
			id := identity(t)
			_, dir := project(t, "creation_rules: [{age: "+id.Recipient().String()+"}]")
			file := filepath.Join(dir, name)
			sopstest.OnlyKey(t, "")
			made, err := opener(t).Create(t.Context(), dir, file, named(strange...))
			if err != nil || made.Recipients != 1 || len(made.Added) != len(strange)/2 {
				t.Fatalf("%+v, %v", made, err)
			}
			sopstest.OnlyKey(t, id.String())
			more, err := opener(t).Extend(t.Context(), file, made.Data, named("A", "0123", "new", "value"))
			if err != nil || len(more.Added) != 1 {
				t.Fatalf("%+v, %v", more, err)
			}
			f, err := opener(t).Open(file, more.Data)
			if err != nil {
				t.Fatal(err)
			}
			before, err := opener(t).Open(file, made.Data)
			if err != nil {
				t.Fatal(err)
			}
			for i := 0; i < len(strange); i += 2 {
				path := []string{strange[i]}
				if v, err := f.Value(t.Context(), path); err != nil || string(v.Reveal()) != strange[i+1] {
					t.Errorf("%q comes back otherwise: %v", path, err)
				}
				was, err1 := before.Entry(path)
				is, err2 := f.Entry(path)
				if err1 != nil || err2 != nil || was.Digest != is.Digest {
					t.Errorf("the ciphertext of %q is another one: %v, %v", path, err1, err2)
				}
			}
			same, err := opener(t).Extend(t.Context(), file, more.Data, named("new", "value"))
			if err != nil || len(same.Added) != 0 || !bytes.Equal(same.Data, more.Data) {
				t.Errorf("nothing to add, and yet %v, %v", same.Added, err)
			}
		})
	}
}

// TestExtendRefuses extends files that cannot take a value. The errors quote none.
func TestExtendRefuses(t *testing.T) {
	recipient := newKey(t)
	sealed := string(encrypt(t, "s.yaml", "A: first canary\nN: 5\nM: {x: y}\n", recipient))
	for name, c := range map[string]struct{ file, data, want string }{
		"another value":             {"s.yaml", sealed, `s.yaml:1:4: has A already, with another value`},
		"a MAC that does not match": {"s.yaml", strings.Replace(sealed, "    x: ", "    z: ", 1), "altered"},
		"not SOPS":                  {"s.yaml", "A: canary\n", "is not encrypted with SOPS"},
		"dotenv":                    {"s.env", string(encrypt(t, "s.env", "A=first canary\n", recipient)), "in YAML or JSON only"},
		"a conflict":                {"s.yaml", "<<<<<<< ours\n" + sealed + "=======\n" + sealed + ">>>>>>> theirs\n", "conflict"},
	} {
		done, err := opener(t).Extend(t.Context(), c.file, []byte(c.data), named("A", "second canary"))
		if err == nil || done != nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	for _, key := range []string{"N", "M"} {
		if _, err := opener(t).Extend(t.Context(), "s.yaml", []byte(sealed), named(key, "5")); err == nil || !strings.Contains(err.Error(), "has "+key+" already") {
			t.Errorf("%s: %v", key, err)
		}
	}
	sopstest.OnlyKey(t, "")
	if _, err := opener(t).Extend(t.Context(), "s.yaml", []byte(sealed), named("B", "b")); err == nil || !strings.Contains(err.Error(), "no available key") {
		t.Errorf("without a key: %v", err)
	}
}

// TestCreateRefuses tries rules that would leave a value unencrypted, or encrypt it for no recipient.
func TestCreateRefuses(t *testing.T) {
	age := "age: " + identity(t).Recipient().String()
	for rules, want := range map[string]string{
		"": "no .sops.yaml in its folder or above it",
		"creation_rules: [{path_regex: other, " + age + "}]": "has no rule for ",
		"creation_rules: []": "has no rule for ",
		"creation_rules: [{" + age + ", encrypted_regex: ^B$}]":                            "its rules do not encrypt A",
		"creation_rules: [{" + age + ", unencrypted_regex: A}]":                            "its rules do not encrypt A",
		"creation_rules: [{" + age + ", encrypted_suffix: _secret}]":                       "its rules do not encrypt A",
		"creation_rules: [{path_regex: x}, {" + age + "}]":                                 "",
		"creation_rules: [{age: age1nonsense}]":                                            "not an age recipient",
		"creation_rules: [{" + age + ", kms: 'arn:aws:kms:us-east-1:123456789012:key/k'}]": "names key types that are not allowed: kms",
		"creation_rules: [{path_regex: s.yaml, " + age + ", mac_only_encrypted: true}]":    "",
		"creation_rules: [{" + age + "}]\nstores: {yaml: {indent: 2}}":                     "",
	} {
		root, dir := project(t, rules)
		file := filepath.Join(dir, "s.yaml")
		done, err := opener(t).Create(t.Context(), root, file, named("A", "canary"))
		switch {
		case want == "" && err != nil, want != "" && (err == nil || done != nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "canary")):
			t.Errorf("%s: %v, want %q", rules, err, want)
		}
		if _, err := os.Lstat(file); err == nil {
			t.Errorf("%s: it wrote the file", rules)
		}
	}
}

// TestReplace replaces one value, and leaves the ciphertext of the other as it is.
func TestReplace(t *testing.T) {
	id := identity(t)
	_, dir := project(t, "creation_rules: [{age: "+id.Recipient().String()+"}]")
	sopstest.OnlyKey(t, id.String())
	file := filepath.Join(dir, "s.yaml")
	made, err := opener(t).Create(t.Context(), dir, file, named("a", "one", "b", "two"))
	if err != nil {
		t.Fatal(err)
	}
	changed, err := opener(t).Replace(t.Context(), file, made.Data, named("a", "three", "c", "four"))
	if err != nil || len(changed.Replaced) != 1 || changed.Replaced[0] != "a" || len(changed.Added) != 1 {
		t.Fatalf("%+v, %v", changed, err)
	}
	before, err1 := opener(t).Open(file, made.Data)
	after, err2 := opener(t).Open(file, changed.Data)
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{"a": "three", "b": "two", "c": "four"} {
		if v, err := after.Value(t.Context(), []string{key}); err != nil || string(v.Reveal()) != want {
			t.Errorf("%s is wrong: %v", key, err)
		}
	}
	was, err1 := before.Entry([]string{"b"})
	is, err2 := after.Entry([]string{"b"})
	if err1 != nil || err2 != nil || was.Digest != is.Digest {
		t.Errorf("the other ciphertext changed: %v, %v", err1, err2)
	}
	same, err := opener(t).Replace(t.Context(), file, changed.Data, named("a", "three"))
	if err != nil || len(same.Added)+len(same.Replaced) > 0 || string(same.Data) != string(changed.Data) {
		t.Errorf("the same value: %+v, %v", same, err)
	}
}
