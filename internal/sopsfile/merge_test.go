package sopsfile_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/getsops/sops/v3"
	"github.com/secretsync/secretsync/internal/sopsfile"
)

// merging is a file as people write it before they encrypt it.
const merging = `base: &base
  user: ` + canary + `
  password: one
extra: &extra
  token: two
prod:
  <<: *base
  password: three
all:
  <<: [*base, *extra]
twice:
  <<: {<<: *extra, note: four}
plain: five
`

// leaves calls do for every value of a tree with the path to it.
func leaves(v any, path []string, do func(path []string, text string)) {
	switch v := v.(type) {
	case sops.TreeBranch:
		for _, item := range v {
			leaves(item.Value, append(slices.Clone(path), item.Key.(string)), do)
		}
	case []any:
		for i, item := range v {
			leaves(item, append(slices.Clone(path), strconv.Itoa(i)), do)
		}
	case string:
		do(path, v)
	}
}

// A file with merge keys has the values that SOPS's tree has, at the same paths.
func TestMergeKeys(t *testing.T) {
	data := encrypt(t, "a.yaml", merging, newKey(t))
	if !strings.Contains(string(data), "!!merge <<:") {
		t.Fatalf("SOPS writes no merge key any more:\n%s", data)
	}
	f := open(t, "a.yaml", data)
	n := 0
	edit(t, "a.yaml", data, func(tree sops.TreeBranch) sops.TreeBranch { // decrypted by SOPS
		leaves(tree, nil, func(path []string, want string) {
			n++
			v, err := f.Value(t.Context(), path)
			if err != nil || string(v.Reveal()) != want {
				t.Errorf("%q: %v", path, err)
			}
		})
		return tree
	})
	if n != 12 {
		t.Errorf("SOPS has %d values", n)
	}
	for path, words := range map[string]string{
		"prod.user":  "a.yaml:7:5: has no prod.user (it is in a merge key, which SOPS keeps as a separate key: write prod.<<.user)",
		"all.token":  "write all.<<.1.token)",
		"twice.note": "write twice.<<.note)",
		"prod.usr":   `has no prod.usr (known: "<<", "password")`,
	} {
		_, err := f.Entry(keys(path))
		wantError(t, err, []string{words}, canary)
		wantKind(t, err, sopsfile.Missing)
	}
}

// Anchors, aliases and tags in a SOPS file, which only an editor leaves there, are read as
// SOPS reads them. Positions refer to the text.
func TestAliases(t *testing.T) {
	data := encrypt(t, "a.yaml", "a: text\nb_unencrypted: {c: x}\nd_unencrypted: {c: x}\ne_unencrypted: !!binary /w==\n", newKey(t))
	data = replace(t, data, "b_unencrypted:\n", "b_unencrypted: &b\n")
	data = replace(t, data, "d_unencrypted:\n    c: x\n", "d_unencrypted: *b\n")
	if got, err := read(t, "a.yaml", data, "a"); err != nil || got != "text" {
		t.Errorf("%q, %v\n%s", got, err, data)
	}
	_, err := read(t, "a.yaml", data, "d_unencrypted.c")
	wantError(t, err, []string{"a.yaml:3:8: d_unencrypted.c is not encrypted"})
}

// A few aliases can expand to any number of values: SOPS would read them all.
func TestAliasBomb(t *testing.T) {
	var bomb strings.Builder
	bomb.WriteString("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n")
	for i := range 12 {
		fmt.Fprintf(&bomb, "a%d: &a%[1]d [%s]\n", i+1, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d, ", i), 10), ", "))
	}
	data := append([]byte(bomb.String()), encrypt(t, "a.yaml", "a: text\n", newKey(t))...)
	_, err := opener(t).Open("a.yaml", data)
	wantError(t, err, []string{"YAML aliases stand for more than 100000 values"})
	wantKind(t, err, sopsfile.Malformed)
}

// People name the recipients in .sops.yaml by anchors: a mistake in one is reported there.
func TestAnchorsInRules(t *testing.T) {
	dir := t.TempDir()
	recipient := newKey(t)
	for key, want := range map[string]string{recipient: "", "age1" + canary: ".sops.yaml:2:5: not an age recipient"} {
		rules := "keys:\n  - &a " + key + "\ncreation_rules:\n  - &r\n    path_regex: \\.lock$\n    key_groups: [{age: [*a]}]\n"
		if err := os.WriteFile(filepath.Join(dir, ".sops.yaml"), []byte(rules), 0o600); err != nil {
			t.Fatal(err)
		}
		err := opener(t).CheckSeal(t.Context(), true, dir, dir, filepath.Join(dir, "x.lock"))
		switch {
		case want == "" && err != nil:
			t.Error(err)
		case want != "":
			wantError(t, err, []string{want}, canary)
		}
	}
}
