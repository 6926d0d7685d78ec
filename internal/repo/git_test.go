package repo_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/secretsync/secretsync/internal/repo"
)

// A pull request can add a folder that is a repository itself. git must not take its configuration,
// which names commands.
func TestGitInPlantedRepository(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip(err)
	}
	work := t.TempDir()
	planted, ran := filepath.Join(work, "planted"), filepath.Join(work, "ran")
	git := func(args ...string) {
		cmd := exec.Command("git", args...)
		cmd.Dir = work
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	git("init", "-q")
	git("init", "-q", "--bare", planted)
	config := "[core]\n\trepositoryformatversion = 0\n\tbare = false\n\tworktree = .\n"
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(planted, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("config", config)
	write(".gitattributes", "secretsync.lock filter=planted\n")
	write("secretsync.lock", "{}\n")
	git("-C", planted, "add", "secretsync.lock")
	write("config", config+"[filter \"planted\"]\n\tclean = \"touch '"+filepath.ToSlash(ran)+"'; cat\"\n")
	write("secretsync.lock", "[]\n") // git compares it with the index, and so filters it

	out, err := repo.Git(t.Context(), planted, os.Getenv, "status", "--porcelain", "--", "secretsync.lock")
	if err == nil {
		t.Errorf("git used the planted repository: %q", out)
	}
	if _, err := os.Lstat(ran); err == nil {
		t.Error("git ran a command of the planted repository")
	}
}
