package filestore_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/secretsync/secretsync/internal/lease/leasetest"
	"github.com/secretsync/secretsync/objectstore"
	"github.com/secretsync/secretsync/objectstore/filestore"
	"github.com/secretsync/secretsync/objectstore/objectstoretest"
)

func open(t *testing.T, dir string) *filestore.Store {
	t.Helper()
	s, err := filestore.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestStore(t *testing.T) {
	empty := func(t *testing.T) objectstore.Store { return open(t, filepath.Join(t.TempDir(), "new", "folder")) }
	objectstoretest.Test(t, empty)
	leasetest.Test(t, empty)
}

// Two stores in one folder are two processes: each opens the lock for itself.
func TestOtherProcess(t *testing.T) {
	dir := t.TempDir()
	a, b := open(t, dir), open(t, dir)
	v, err := a.Put(t.Context(), "leases/k", []byte("one"), objectstore.Condition{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Put(t.Context(), "leases/k", []byte("two"), objectstore.Condition{Match: v}); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Put(t.Context(), "leases/k", []byte("three"), objectstore.Condition{Match: v}); !errors.Is(err, objectstore.ErrConflict) {
		t.Errorf("error %v, want a conflict", err)
	}
	if want := "file://" + filepath.ToSlash(dir); a.String() != want {
		t.Errorf("name %q, want %q", a, want)
	}
}

func TestKeysStayInTheFolder(t *testing.T) {
	dir := t.TempDir()
	s := open(t, filepath.Join(dir, "store"))
	for _, key := range []string{"", ".", "..", "../outside", "a/../../outside", "/absolute", "a//b", "a/", ".lock"} {
		_, getErr := s.Get(t.Context(), key)
		_, putErr := s.Put(t.Context(), key, []byte("x"), objectstore.Condition{})
		for what, err := range map[string]error{"get": getErr, "put": putErr, "delete": s.Delete(t.Context(), key)} {
			if !errors.Is(err, objectstore.ErrRefused) {
				t.Errorf("%s %q: error %v, want a refusal", what, key, err)
			}
		}
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("%d entries beside the store", len(entries)-1)
	}
}

func TestLargeObject(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	f, err := os.Create(filepath.Join(dir, "large"))
	if err == nil {
		err = errors.Join(f.Truncate(objectstore.MaxSize+1), f.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Get(t.Context(), "large"); !errors.Is(err, objectstore.ErrRefused) || !strings.Contains(err.Error(), "268435457 bytes") {
		t.Errorf("error %v, want a refusal that names the size", err)
	}
}

func TestOpenRefusesAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := filestore.Open(path); err == nil {
		t.Error("a file was opened as a folder")
	}
}
