package lockfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestHeld(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secretsync.lock")
	if h, err := Held(path); h != nil || err != nil {
		t.Fatalf("nothing there: held by %v, error %v", h, err)
	}
	if _, err := os.Lstat(sidePath(path)); err == nil {
		t.Error("reading created the side file")
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

// Both locking and asking for the holder fail if the folder is a file.
func TestNoFolder(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	try(t, os.WriteFile(file, nil, 0o644))
	path := filepath.Join(file, "x.lock")
	if h, err := Held(path); h != nil || err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("held by %v, error %v", h, err)
	}
	if _, err := Open(t.Context(), path, 0); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Open: %v", err)
	}
}

// Nothing depends on the content of the side file: if it is damaged, the holder is unknown.
func TestHolderNotKnown(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.lock")
	openAt(t, path)
	for _, said := range []string{"", "{", `{"pid": "1"}`, "null"} {
		try(t, os.WriteFile(sidePath(path), []byte(said), 0o644))
		h, err := Held(path)
		if err != nil || h == nil || h.PID != 0 || h.String() != "an unknown process" {
			t.Errorf("%q: held by %v, error %v", said, h, err)
		}
	}
}

func TestHolderInWords(t *testing.T) {
	h := Holder{PID: 1, Host: "a\nb", Since: time.Date(2026, 10, 1, 12, 0, 0, 0, time.UTC)}
	if got, want := h.String(), `process 1 on "a\nb" since 2026-10-01T12:00:00Z`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
