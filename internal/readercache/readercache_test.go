package readercache

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/planner/outside"
)

const account planner.AccountID = "0123456789abcdef0123456789abcdef"

var workers = []outside.Reader{
	{Kind: planner.ReaderDeployed, Name: "api", Modified: "2026-11-20T12:00:00Z", ETag: "e", Uses: []outside.Use{{Binding: "KEY", Store: "st", Secret: "key"}}},
	{Kind: planner.ReaderDispatched, Namespace: "customers", Name: "a", Modified: "2026-11-20T12:00:00Z"},
}

func saved(t *testing.T) (Cache, string) {
	t.Helper()
	c := Cache{Dir: filepath.Join(t.TempDir(), "readers"), API: "https://api.test"}
	c.Save(account, append([]outside.Reader{{Kind: planner.ReaderGateway, Name: "chat"}, {Kind: planner.ReaderDeployed, Name: "no time"}}, workers...))
	return c, c.file(account)
}

func TestRoundTrip(t *testing.T) {
	c, _ := saved(t)
	if diff := cmp.Diff(workers, c.Load(account)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	for name, other := range map[string]Cache{"API": {Dir: c.Dir, API: "https://other.test"}, "folder": {Dir: t.TempDir(), API: c.API}} {
		if got := other.Load(account); got != nil {
			t.Errorf("another %s has %v", name, got)
		}
	}
	if got := c.Load("fedcba9876543210fedcba9876543210"); got != nil {
		t.Errorf("another account has %v", got)
	}
}

// TestHostileContents: what cannot have been saved is ignored as a whole.
func TestHostileContents(t *testing.T) {
	for name, edit := range map[string]func(string) string{
		"empty":           func(string) string { return "" },
		"truncated":       func(s string) string { return s[:len(s)/2] },
		"another version": func(s string) string { return strings.Replace(s, `"readers_cache":1`, `"readers_cache":2`, 1) },
		"another account": func(s string) string { return strings.Replace(s, string(account), strings.Repeat("f", 32), 1) },
		"another API":     func(s string) string { return strings.Replace(s, "https://api.test", "https://evil.test", 1) },
		"unknown fields":  func(s string) string { return strings.Replace(s, `"api":`, `"x":1,"api":`, 1) },
		"no name":         func(s string) string { return strings.Replace(s, `"Name":"api"`, `"Name":""`, 1) },
		"a line break":    func(s string) string { return strings.Replace(s, `"Name":"api"`, `"Name":"a\npi"`, 1) },
		"an escape":       func(s string) string { return strings.Replace(s, `"KEY"`, `"\u001b[2J"`, 1) },
		"a long name":     func(s string) string { return strings.Replace(s, `"KEY"`, `"`+strings.Repeat("K", 1000)+`"`, 1) },
		"another kind":    func(s string) string { return strings.Replace(s, "deployed_worker", "ai_gateway", 1) },
		"no namespace":    func(s string) string { return strings.Replace(s, `"customers"`, `""`, 1) },
	} {
		c, file := saved(t)
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		text := edit(string(data))
		if text == string(data) {
			t.Fatalf("%s: nothing was edited in %s", name, data)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := c.Load(account); got != nil {
			t.Errorf("%s: %v is believed", name, got)
		}
	}
}

// TestHostileFiles: a file that others can write to, or that is not a regular file, is ignored, and
// nothing is written through it.
func TestHostileFiles(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no such permissions")
	}
	for name, spoil := range map[string]func(c Cache, file string) error{
		"file that others can write to":   func(_ Cache, file string) error { return os.Chmod(file, 0o666) },
		"folder that others can write to": func(c Cache, _ string) error { return os.Chmod(c.Dir, 0o777) },
		"link": func(_ Cache, file string) error {
			if err := os.Rename(file, file+".target"); err != nil {
				return err
			}
			return os.Symlink(file+".target", file)
		},
		"folder": func(_ Cache, file string) error {
			if err := os.Remove(file); err != nil {
				return err
			}
			return os.Mkdir(file, 0o700)
		},
	} {
		c, file := saved(t)
		if err := spoil(c, file); err != nil {
			t.Fatal(err)
		}
		if got := c.Load(account); got != nil {
			t.Errorf("%s: %v is believed", name, got)
		}
		before, _ := os.ReadFile(file + ".target")
		c.Save(account, workers[:1])
		if after, _ := os.ReadFile(file + ".target"); string(after) != string(before) {
			t.Errorf("%s: the link's target was written to", name)
		}
	}
}

func TestFolder(t *testing.T) {
	for _, c := range []struct{ system, env, value, want string }{
		{"linux", "XDG_CACHE_HOME", "/cache", "/cache/secretsync/readers"},
		{"linux", "HOME", "/home/me", "/home/me/.cache/secretsync/readers"},
		{"linux", "XDG_CACHE_HOME", "relative", ""},
		{"linux", "", "", ""},
		{"darwin", "HOME", "/Users/me", "/Users/me/Library/Caches/secretsync/readers"},
		{"windows", "HOME", "/home/me", ""},
	} {
		got := Folder(c.system, func(name string) string {
			if name == c.env {
				return c.value
			}
			return ""
		})
		if filepath.ToSlash(got) != c.want {
			t.Errorf("%s with %s=%s: %q, want %q", c.system, c.env, c.value, got, c.want)
		}
	}
}

// TestReplaced: a file that others can write to is ignored, and the next one in its place is not.
func TestReplaced(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("files have no modes")
	}
	c, file := saved(t)
	if err := os.Chmod(file, 0o666); err != nil {
		t.Fatal(err)
	}
	if got := c.Load(account); got != nil {
		t.Errorf("%v is believed", got)
	}
	c.Save(account, workers)
	if diff := cmp.Diff(workers, c.Load(account)); diff != "" {
		t.Errorf("saved again, -want +got:\n%s", diff)
	}
}
