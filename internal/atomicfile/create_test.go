package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestCreate(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x")
	if err := Create(path, []byte("new"), 0o640); err != nil {
		t.Fatal(err)
	}
	wantContent(t, path, "new")
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o640 && os.PathSeparator == '/' {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if err := Create(path, []byte("other"), 0o644); !errors.Is(err, fs.ErrExist) {
		t.Errorf("an existing file: %v", err)
	}
	wantContent(t, path, "new")
	wantFiles(t, dir, "x")

	missing := filepath.Join(dir, "nowhere", "y")
	if err := Create(missing, nil, 0o644); !errors.Is(err, fs.ErrNotExist) || strings.Contains(err.Error(), ".tmp") || !strings.Contains(err.Error(), missing) {
		t.Errorf("no folder: %v", err)
	}
	if err := os.Symlink("target", filepath.Join(dir, "link")); err != nil {
		t.Skip("no links here:", err)
	}
	if err := Create(filepath.Join(dir, "link"), []byte("x"), 0o644); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a dangling link: %v", err)
	}
	wantFiles(t, dir, "link", "x")
}

// Without hard links, a file is created nevertheless, and none is overwritten.
func TestCreateWhole(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	if err := createWhole(path, []byte("new"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := createWhole(path, []byte("other"), 0o600); !errors.Is(err, fs.ErrExist) {
		t.Errorf("an existing file: %v", err)
	}
	wantContent(t, path, "new")
}
