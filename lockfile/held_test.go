package lockfile

import (
	"os"
	"path/filepath"
	"testing"
)

func TestHeld(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secretsync.lock")
	if h, err := Held(path); h != nil || err != nil {
		t.Fatalf("nothing there: held by %v, error %v", h, err)
	}
	if _, err := os.Lstat(sidePath(path)); err == nil {
		t.Error("looking made the side file")
	}
	cmd, in := hold(t, path)
	h, err := Held(path)
	if err != nil || h == nil || h.PID != cmd.Process.Pid {
		t.Fatalf("held by %v, error %v; want process %d", h, err, cmd.Process.Pid)
	}
	try(t, in.Close())
	try(t, cmd.Wait())
	if h, err := Held(path); h != nil || err != nil {
		t.Errorf("after its end: held by %v, error %v", h, err)
	}
	try(t, os.Remove(sidePath(path)))
	try(t, os.Symlink("elsewhere", sidePath(path)))
	if _, err := Held(path); err == nil {
		t.Error("a link in place of the side file was followed")
	}
}
