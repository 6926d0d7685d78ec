package devvalues

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/secretsync/secretsync/internal/bindings"
	"github.com/secretsync/secretsync/internal/redact"
	"github.com/secretsync/secretsync/lockfile"
	"github.com/secretsync/secretsync/manifest"
)

// project changes to a new folder with a manifest and a Worker that binds its only secret. said gets
// the messages and the failures.
func project(t *testing.T) (l *Local, said *bytes.Buffer) {
	t.Helper()
	t.Chdir(t.TempDir())
	t.Setenv("VALUE", "the value in clear")
	const account, store = "11111111111111111111111111111111", "22222222222222222222222222222222"
	for name, text := range map[string]string{
		"secretsync.yaml": "version: 1\nworkers: [wrangler.jsonc]\naccounts: {main: {id: \"" + account + "\"}}\n" +
			"stores: {shop: {account: main, secrets: {key: {from: {env: VALUE}, scopes: [workers]}}}}\n",
		"wrangler.jsonc": `{"name": "front", "secrets_store_secrets": [{"binding": "KEY", "store_id": "` + store + `", "secret_name": "key"}]}`,
	} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	m, err := manifest.Load(t.Context(), manifest.Options{File: "secretsync.yaml", LookupEnv: os.LookupEnv})
	if err != nil {
		t.Fatal(err)
	}
	lock := new(lockfile.File)
	lock.PutStore(lockfile.StoreKey{Account: account, Name: "shop"}, store)
	said = new(bytes.Buffer)
	l = &Local{
		Manifest: m, Out: said, Filter: redact.New(), Getenv: os.Getenv,
		Say:    func(format string, args ...any) { fmt.Fprintf(said, format+"\n", args...) },
		Failed: func(err error) { fmt.Fprintln(said, "failed:", err) },
		Line:   func(words ...string) string { return "secretsync " + strings.Join(words, " ") },
	}
	l.Bindings, l.Mistakes = bindings.New(bindings.Options{Manifest: m, Lock: lock})
	return l, said
}

// TestRun: a command gets the values, its output does not have them unless it is a terminal, and
// its exit code is passed on.
func TestRun(t *testing.T) {
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip(err)
	}
	l, said := project(t)
	values, err := l.Bindings.Values(t.Context(), l.Bindings.Configs, l.Filter.Know)
	if err != nil || len(values) != 1 {
		t.Fatalf("values: %d, %v, %v", len(values), err, l.Mistakes)
	}
	for _, terminal := range []bool{false, true} {
		var out bytes.Buffer
		c := Command{
			Args: []string{"sh", "-c", `printf '%s\n' "$` + Variable + `"; exit 7`},
			In:   strings.NewReader(""), Out: &out, Err: &out, IsTerminal: func(any) bool { return terminal },
		}
		err = l.Run(t.Context(), c, l.Bindings.Configs, values)
		if exit, ok := errors.AsType[*ExitError](err); !ok || exit.Code != 7 {
			t.Errorf("%v is not the exit code 7", err)
		}
		if shown := strings.Contains(out.String(), `{"front":{"KEY":"the value in clear"}}`); shown != terminal {
			t.Errorf("on a terminal: %t; the output is %q", terminal, out.String())
		}
	}
	if want := "values of secrets in the output of sh were withheld: 1 times\n"; said.String() != want {
		t.Errorf("said %q, want %q", said, want)
	}
	err = l.Run(t.Context(), Command{Args: []string{"./absent"}, IsTerminal: func(any) bool { return false }}, nil, nil)
	if err == nil || !strings.Contains(err.Error(), "./absent could not be run") {
		t.Errorf("a command that does not exist: %v", err)
	}
}

// TestRunEndsWithItsContext: the error is the interrupt, however the command ends.
func TestRunEndsWithItsContext(t *testing.T) {
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip(err)
	}
	l, _ := project(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out bytes.Buffer
	err := l.Run(ctx, Command{Args: []string{"sh", "-c", "exit 0"}, Out: &out, Err: &out, IsTerminal: func(any) bool { return false }}, nil, nil)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// TestStoreWithoutWrangler: a failure is reported at once, with what to do, and fails the whole.
func TestStoreWithoutWrangler(t *testing.T) {
	l, said := project(t)
	values, err := l.Bindings.Values(t.Context(), l.Bindings.Configs, l.Filter.Know)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Store(t.Context(), l.Bindings.Configs, values); !errors.Is(err, ErrReported) {
		t.Errorf("%v", err)
	}
	if !strings.Contains(said.String(), "failed: wrangler.jsonc: ") {
		t.Errorf("said %q", said)
	}
	if _, err := os.Stat(filepath.Join(".wrangler", "state", "v3", "secrets-store")); err == nil {
		t.Error("something was stored")
	}
}

func TestClear(t *testing.T) {
	l, said := project(t)
	if err := l.Clear(t.Context(), []string{"other.jsonc"}); !errors.Is(err, ErrReported) ||
		!strings.Contains(said.String(), "other.jsonc is not one of the manifest's Workers, and dev stored nothing beside it") {
		t.Errorf("%v; said %q", err, said)
	}
	said.Reset()
	if err := l.Clear(t.Context(), nil); err != nil || said.String() != "wrangler.jsonc: removed nothing\n" {
		t.Errorf("nothing is stored: %v; said %q", err, said)
	}
	l.Manifest = new(manifest.Manifest)
	if err := l.Clear(t.Context(), nil); !errors.Is(err, ErrNoWorkers) {
		t.Errorf("without Workers: %v", err)
	}
}
