package manifest

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestWorkerFiles(t *testing.T) {
	dir, outside := t.TempDir(), t.TempDir()
	put := func(path, text string) {
		t.Helper()
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	put(filepath.Join(dir, "apps", "a", "wrangler.toml"), "a")
	put(filepath.Join(dir, "apps", "b", "wrangler.toml"), "b")
	put(filepath.Join(outside, "wrangler.toml"), "theirs")
	if err := os.Symlink(filepath.Join(outside, "wrangler.toml"), filepath.Join(dir, "apps", "link.toml")); err != nil {
		t.Fatal(err)
	}
	put(filepath.Join(dir, "secretsync.yaml"), `version: 1
workers:
  - apps/*/wrangler.toml
  - apps/a/wrangler.toml
  - apps/none/*.toml
  - apps/link.toml
stores: {prod: {secrets: {a: {external: true}}}}
`)
	m := mustLoad(t, dir, Options{})
	found, mistakes := m.WorkerFiles()
	if len(found) != 2 || string(found[0].Data) != "a" || string(found[1].Data) != "b" {
		t.Errorf("found %v", found)
	}
	if len(mistakes) != 2 {
		t.Fatalf("mistakes: %v", mistakes)
	}
	for i, want := range []string{"no file matches", "leads out of the manifest's folder"} {
		if mistakes[i].Pos.Line != 5+i || !strings.Contains(mistakes[i].Error(), want) {
			t.Errorf("mistake %d: %v, want %q", i, mistakes[i], want)
		}
	}
}
