//go:build unix

package lockfile

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// Reading a pipe would block.
func TestPipe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.lock")
	try(t, syscall.Mkfifo(path, 0o644))
	if _, err := Read(path); !errors.Is(err, ErrNotRegular) || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("Read: %v", err)
	}
	if _, err := Open(t.Context(), path, 0); !errors.Is(err, ErrNotRegular) {
		t.Errorf("Open: %v", err)
	}
}

// Open checks that there is room for what an apply adds. A limit on the size of files
// replaces a full disk; ulimit counts blocks of 512 bytes.
func TestOpenMakesSureOfRoom(t *testing.T) {
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("needs a shell to set the limit:", err)
	}
	exe, err := os.Executable()
	try(t, err)
	size := len(full().Format())
	const room = 64 << 10
	for blocks, want := range map[int]string{room/512 - 1: "file too large", max(room, size)/512 + 1: "holding"} {
		path := filepath.Join(t.TempDir(), "x.lock")
		try(t, os.WriteFile(path, full().Format(), 0o644))
		cmd := exec.CommandContext(t.Context(), sh, "-c", `ulimit -f "$1" && exec "$0"`, exe, strconv.Itoa(blocks))
		cmd.Env = append(os.Environ(), holdEnv+"="+path)
		out, _ := cmd.CombinedOutput() // its input ends at once, and so does it
		if !strings.Contains(string(out), want) {
			t.Errorf("with room for %d bytes: %s; want %q", blocks*512, out, want)
		}
	}
}
