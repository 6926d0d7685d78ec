//go:build unix

package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A limit on the size of files simulates a disk that fills up halfway through a file.
func TestDiskFull(t *testing.T) {
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("needs a shell to set the limit:", err)
	}
	path := filepath.Join(t.TempDir(), "f")
	put(t, path, "old", 0o644)
	cmd := child(t, "write once", path)
	cmd.Args = append([]string{"sh", "-c", `ulimit -f 8 && exec "$0" "$1"`}, cmd.Args...)
	cmd.Path = sh
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "file too large") {
		t.Errorf("Write: %s (%v); want the system's error", out, err)
	}
	wantContent(t, path, "old")
	wantFiles(t, filepath.Dir(path), "f")
}

func TestSyncDir(t *testing.T) {
	dir := t.TempDir()
	try(t, syncDir(dir))
	if err := syncDir(filepath.Join(dir, "missing")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a folder that is not there: %v", err)
	}
}

func TestRefusedPipe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	try(t, syscall.Mkfifo(path, 0o644))
	wantRefused(t, path, "not a regular file")
	if info, err := os.Lstat(path); err != nil || info.Mode()&os.ModeNamedPipe == 0 {
		t.Errorf("the pipe was replaced: %v %v", info, err)
	}
}
