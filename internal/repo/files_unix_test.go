//go:build unix

package repo_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/secretsync/secretsync/internal/position"
	"github.com/secretsync/secretsync/internal/repo"
)

// A file that becomes a pipe, a folder or a link out of the repository between the check and
// the opening neither blocks nor is read.
func TestSwappedFile(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "repo", "v")
	for _, folder := range []string{"repo/.git", "outside"} {
		if err := os.MkdirAll(filepath.Join(dir, folder), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "outside", "v"), []byte("canary"), 0o600); err != nil {
		t.Fatal(err)
	}
	swaps := []func(string) error{
		func(tmp string) error { return syscall.Mkfifo(tmp, 0o600) },
		func(tmp string) error { return os.Symlink(filepath.Join(dir, "outside", "v"), tmp) },
		func(tmp string) error { return os.WriteFile(tmp, []byte("value"), 0o600) },
	}
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			tmp := filepath.Join(dir, "tmp")
			if err := swaps[i%len(swaps)](tmp); err == nil {
				_ = os.Rename(tmp, name)
			}
		}
	}()
	for end := time.Now().Add(300 * time.Millisecond); time.Now().Before(end); {
		data, bad := repo.New(filepath.Join(dir, "repo"), false).Read(position.Position{File: "m"}, name, 100)
		if bad == nil && string(data) != "value" {
			t.Fatalf("read %q", data)
		}
	}
	close(stop)
	<-done
}
