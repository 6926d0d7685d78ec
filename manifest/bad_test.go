package manifest

import (
	"bytes"
	"encoding/binary"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden errors")

func readFile(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// Every mistake in testdata/bad is reported as its .err file says, and no error
// shows a value: all values contain "canary".
//
// SOPS is a fake here, which needs no key: a wrong key, a broken MAC, a swapped ciphertext
// and missing keys have their golden errors in testdata/scripts/sops-mistakes.txtar of the
// repository, encrypted by the real SOPS.
func TestBad(t *testing.T) {
	var names []string
	for _, pattern := range []string{"*.yaml", "*.toml", "*.json"} {
		found, err := filepath.Glob(filepath.Join("testdata", "bad", pattern))
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, found...)
	}
	if len(names) < 30 {
		t.Fatalf("only %d files", len(names))
	}
	for _, name := range names {
		t.Run(filepath.Base(name), func(t *testing.T) {
			m, err := load(t, "", Options{File: name})
			if err == nil {
				err = m.Check()
			}
			if err == nil {
				_, err = m.Resolve(t.Context())
			}
			if err == nil {
				t.Fatal("no error")
			}
			got := filepath.ToSlash(err.Error()) + "\n"
			if strings.Contains(strings.ToLower(got), "canary") {
				t.Errorf("an error shows a value:\n%s", got)
			}
			golden := strings.TrimSuffix(name, filepath.Ext(name)) + ".err"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(string(readFile(t, golden)), got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// utf16Text encodes a text as editors on Windows do.
func utf16Text(order binary.AppendByteOrder, text string) string {
	var b []byte
	for _, u := range utf16.Encode([]rune(text)) {
		b = order.AppendUint16(b, u)
	}
	return string(b)
}

const (
	madeYAML = "version: 1\nstores:\n  s:\n    secrets:\n      k: {form: {env: canary-x}}\n"
	madeTOML = "version = 1\n[stores.s.secrets.k]\nform = {env = \"canary-x\"}\n"
)

// made are files that git would not keep unchanged, or that do not belong in a repository: a
// name with the extension of a format, and a function that writes the file.
func made() map[string]func(t *testing.T, name string) {
	text := func(content string) func(*testing.T, string) {
		return func(t *testing.T, name string) { put(t, name, content) }
	}
	sparse := func(t *testing.T, name string) {
		put(t, name, "")
		if err := os.Truncate(name, 1<<30); err != nil {
			t.Fatal(err)
		}
	}
	folder := func(t *testing.T, name string) {
		if err := os.Mkdir(name, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	crlf := func(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }
	binaryFile := "\x7fELF\x02\x01\x01\x00canary"
	bomb := "a: &a [canary, canary]\n"
	for c := 'b'; c < 'e'; c++ {
		bomb += string(c) + ": &" + string(c) + " [" + strings.Repeat("*"+string(c-1)+",", 9) + "]\n"
	}
	return map[string]func(*testing.T, string){
		"bom.yaml": text("\ufeff" + madeYAML), "bom.toml": text("\ufeff" + madeTOML), "bom.json": text("\ufeff{\"version\": 1, \"store\": \"canary\"}"),
		"crlf.yaml": text(crlf(madeYAML)), "crlf.toml": text(crlf(madeTOML)), "crlf-tab.yaml": text("version: 1\r\nstores:\r\n\ts: canary\r\n"),
		"utf16.yaml": text("\xff\xfe" + utf16Text(binary.LittleEndian, madeYAML)), "utf16be.toml": text("\xfe\xff" + utf16Text(binary.BigEndian, madeTOML)),
		"utf16-no-mark.yaml": text(utf16Text(binary.LittleEndian, madeYAML)), "latin1.toml": text("version = 1\nstores.s.name = \"canary\xe9\"\n"),
		"binary.yaml": text(binaryFile), "binary.toml": text(binaryFile), "binary.json": text(binaryFile),
		"empty.yaml": text(""), "empty.toml": text(""), "empty.json": text(""), "comment-alone.toml": text("# canary\n"), "null.yaml": text("~\n"),
		"large.yaml": sparse, "large.toml": sparse, "large.json": sparse, "folder.yaml": folder, "folder.toml": folder,
		"bomb.yaml": text(bomb), "deep.yaml": text("a: " + strings.Repeat("[", 200_000)), "deep.toml": text("a = " + strings.Repeat("[", 200_000)),
		"deep.json":      text(strings.Repeat(`{"a":`, 200_000)),
		"no-format.conf": text(madeYAML), "absent.yaml": func(*testing.T, string) {},
		"dead-link.yaml": func(t *testing.T, name string) { link(t, "nowhere", name) },
		"own-link.yaml":  func(t *testing.T, name string) { link(t, name, name) },
		"sources.yaml": func(t *testing.T, name string) {
			sparse(t, "large.key")
			sparse(t, "large.enc.yaml")
			folder(t, "folder")
			put(t, "latin1.key", "canary\xe9")
			put(t, "empty.key", "")
			put(t, "line-end.key", "\n")
			put(t, "large-by-one.key", strings.Repeat("x", maxValue+1))
			put(t, name, "version: 1\nstores:\n  s:\n    secrets:\n"+
				"      a: {from: {file: large.key}}\n      b: {from: {sops: large.enc.yaml, key: k}}\n      c: {from: {file: folder}}\n"+
				"      d: {from: {file: absent.key}}\n      e: {from: {env: UNSET}}\n      f: {from: {file: latin1.key}}\n"+
				"      g: {from: {file: empty.key}}\n      h: {from: {file: line-end.key, trim: true}}\n      i: {from: {file: large-by-one.key}}\n"+
				"      j: {from: {file: .git/config}}\n      k: {from: {file: ../outside}}\n")
		},
	}
}

func put(t *testing.T, name, content string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func link(t *testing.T, to, name string) {
	t.Helper()
	if err := os.Symlink(to, name); err != nil {
		t.Skip(err)
	}
}

// Every such file is reported as testdata/bad/made says.
func TestBadMade(t *testing.T) {
	goldens, err := filepath.Abs(filepath.Join("testdata", "bad", "made"))
	if err != nil {
		t.Fatal(err)
	}
	for name, makeFile := range made() {
		t.Run(name, func(t *testing.T) {
			t.Chdir(write(t, map[string]string{".git/config": "canary"}))
			makeFile(t, name)
			got := mistakesIn(t, name)
			golden := filepath.Join(goldens, name+".err")
			if *update {
				put(t, golden, got)
			}
			if diff := cmp.Diff(string(readFile(t, golden)), got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// mistakesIn returns the mistakes that loading, checking and resolving report, one per line.
func mistakesIn(t *testing.T, name string) string {
	t.Helper()
	m, err := load(t, "", Options{File: name})
	if err == nil {
		_, err = m.Resolve(t.Context())
	}
	if err == nil {
		t.Fatal("no error")
	}
	got := []byte(filepath.ToSlash(err.Error()) + "\n")
	if bytes.Contains(bytes.ToLower(got), []byte("canary")) {
		t.Errorf("an error shows a value:\n%s", got)
	}
	return string(got)
}

// TestRules: every mistake in testdata/bad has the rule that testdata/rules.txt says. Programs
// rely on rules: code scanning closes an alert and opens another if one changes.
func TestRules(t *testing.T) {
	names, err := filepath.Glob("testdata/bad/*.[tyj]*")
	if err != nil || len(names) < 30 {
		t.Fatal(names, err)
	}
	var got strings.Builder
	for _, name := range names {
		m, err := load(t, "", Options{File: name})
		if err == nil {
			err = m.Check()
		}
		if err == nil {
			_, err = m.Resolve(t.Context())
		}
		for _, e := range mistakesOf(err) {
			if e.Rule == "" {
				t.Errorf("%v has no rule", e)
			}
			fmt.Fprintf(&got, "%s %s\n", strings.TrimPrefix(filepath.ToSlash(e.Pos.String()), "testdata/bad/"), e.Rule)
		}
	}
	const golden = "testdata/rules.txt"
	if *update {
		if err := os.WriteFile(golden, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(string(readFile(t, golden)), got.String()); diff != "" {
		t.Error(diff)
	}
}
