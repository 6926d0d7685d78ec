package manifest

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A pattern without a match is an error. If a link in its path leads outside, the error says
// so, because that folder was not searched.
func TestPatternsAndLinks(t *testing.T) {
	outside := write(t, map[string]string{"m.yaml": "stores: {s: {}}\n", "sub/m.yaml": "stores: {s: {}}\n"})
	for pattern, want := range map[string]string{
		"link.yaml": `no file matches "link.yaml", and `, "dir/m.yaml": `"dir/m.yaml", and `, "d*/m.yaml": `"d*/m.yaml", and `, "dir/sub/*.yaml": ", and ",
		"none/*.yaml": `no file matches "none/*.yaml" (paths are relative`, "*.yml": `no file matches "*.yml" (paths`,
		"*.link": "lies outside the repository", "/etc/*.yaml": "lies outside", "a/../../*.yaml": "lies outside", "**/a.yaml": "** is not supported", "a[": "not a pattern",
	} {
		for _, key := range []string{"include", "workers"} {
			dir := write(t, map[string]string{"secretsync.yaml": "version: 1\n" + key + ": ['" + pattern + "']\nstores: {s: {}}\n"})
			for link, to := range map[string]string{"link.yaml": "m.yaml", "a.link": "m.yaml", "dir": ""} {
				if err := os.Symlink(filepath.Join(outside, to), filepath.Join(dir, link)); err != nil {
					t.Skip(err)
				}
			}
			m, err := load(t, dir, Options{})
			if err == nil {
				_, mistakes := m.WorkerFiles()
				err = ErrorList(mistakes).Err()
			}
			wantError(t, err, ":2:", want)
			if strings.HasSuffix(want, ", and ") {
				wantError(t, err, "leads out of the repository")
				if !errors.Is(err, ErrOutside) {
					t.Errorf("%v: not ErrOutside", err)
				}
			}
		}
	}
}

// Files with secretsync's or git's own credentials cannot be sources, under any name.
func TestCredentialsAreNoSource(t *testing.T) {
	for name, target := range map[string]string{
		"git": ".git/config", "git by a link": "link", "git in capitals": "sub/.GIT/config", "key": "secretsync.key", "key by a link": "key-link", "age key": "age.txt",
	} {
		dir := write(t, map[string]string{
			"secretsync.yaml": one("from: {file: " + target + "}"), ".git/config": "canary", "sub/.GIT/config": "canary",
			"secretsync.key": "canary", "age.txt": "canary",
		})
		for link, to := range map[string]string{"link": ".git/config", "key-link": "secretsync.key"} {
			if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
				t.Skip(err)
			}
		}
		o := Options{Private: []string{filepath.Join(dir, "secretsync.key"), filepath.Join(dir, "age.txt"), filepath.Join(dir, "none")}}
		for _, o.AllowOutside = range []bool{false, true} {
			m := mustLoad(t, dir, o)
			wantError(t, m.Check(), ":5:11: ", "holds credentials of secretsync or git")
			if _, err := m.Resolve(t.Context()); err == nil || strings.Contains(err.Error(), "canary") {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// A work tree may be inside the .git folder of another.
func TestWorkTreeBelowGit(t *testing.T) {
	dir := write(t, map[string]string{".git/tree/secretsync.yaml": one("from: {file: v}"), ".git/tree/.git": "", ".git/tree/v": "value"})
	if got, err := resolveOne(t, filepath.Join(dir, ".git", "tree"), Options{}); err != nil || got != "value" {
		t.Errorf("%q, %v", got, err)
	}
}

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
