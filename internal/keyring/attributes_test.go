package keyring_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/secretsync/secretsync/internal/keyring"
)

func TestMergeWith(t *testing.T) {
	for name, tt := range map[string]struct {
		old, file, want string
		added           bool
	}{
		"no file":         {"", "x.lock", "/x.lock merge=secretsync\n", true},
		"no line end":     {"*.png binary", "x.lock", "*.png binary\n/x.lock merge=secretsync\n", true},
		"there already":   {"a\r\n/x.lock merge=secretsync\r\n", "x.lock", "a\r\n/x.lock merge=secretsync\r\n", false},
		"byte order mark": {"\ufeff/x.lock merge=secretsync\r\n", "x.lock", "\ufeff/x.lock merge=secretsync\r\n", false},
		"another choice":  {"x.lock -merge\n", "x.lock", "x.lock -merge\n", false},
		"another's line":  {"/xx.lock merge=secretsync\n", "x.lock", "/xx.lock merge=secretsync\n/x.lock merge=secretsync\n", true},
		"an unusual name": {"", "a b [é]#.lock", "/a?b??????.lock merge=secretsync\n", true},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, ".gitattributes")
			if tt.old != "" {
				if err := os.WriteFile(path, []byte(tt.old), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			added, err := keyring.MergeWith(dir, tt.file, "secretsync")
			if got, _ := os.ReadFile(path); err != nil || added != tt.added || string(got) != tt.want {
				t.Errorf("%v, %v\n%q; want\n%q", added, err, got, tt.want)
			}
			initGit(t, dir) // later: the folder need not be a repository yet
			if _, err := exec.LookPath("git"); err != nil || name == "another choice" {
				return
			}
			cmd := exec.CommandContext(t.Context(), "git", "check-attr", "merge", "--", tt.file)
			cmd.Dir = dir
			if out, err := cmd.Output(); err != nil || !strings.HasSuffix(string(out), "merge: secretsync\n") {
				t.Errorf("git: %v, %s", err, out)
			}
		})
	}
}

// initGit makes dir a git repository or, without git, a folder that looks like one.
func initGit(t *testing.T, dir string) {
	cmd := exec.CommandContext(t.Context(), "git", "init", "--quiet")
	cmd.Dir = dir
	if err := cmd.Run(); err != nil {
		if err := os.MkdirAll(filepath.Join(dir, ".git"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

// A .gitattributes that is a link may have been planted: its target is not written.
func TestMergeWithRefusesALink(t *testing.T) {
	dir := t.TempDir()
	initGit(t, dir)
	victim := filepath.Join(dir, "victim")
	if err := os.WriteFile(victim, []byte("precious\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(victim, filepath.Join(dir, ".gitattributes")); err != nil {
		t.Skip("no links here:", err)
	}
	if _, err := keyring.MergeWith(dir, "x.lock", "secretsync"); err == nil {
		t.Error("it was followed")
	}
}

// git cannot read a file in UTF-16, so a line added to it would not keep a key out of git.
func TestUTF16IgnoresNothing(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, ".gitignore")
	before := "\xff\xfea\x00\r\x00\n\x00"
	if err := os.WriteFile(path, []byte(before), 0o644); err != nil {
		t.Fatal(err)
	}
	err := keyring.Ignore(dir, "x.key")
	if after, _ := os.ReadFile(path); err == nil || !strings.Contains(err.Error(), ".gitignore is encoded in UTF-16, and git reads none of it: save it as UTF-8") || string(after) != before {
		t.Errorf("%v, %q", err, after)
	}
}
