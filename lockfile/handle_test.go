package lockfile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func openAt(t *testing.T, path string) *Handle {
	t.Helper()
	h, err := Open(t.Context(), path, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	return h
}

func try(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// stat returns a file's identity: every write replaces the file.
func stat(t *testing.T, path string) os.FileInfo {
	t.Helper()
	info, err := os.Stat(path)
	try(t, err)
	return info
}

func TestPathFor(t *testing.T) {
	for manifest, want := range map[string]string{
		"secretsync.yaml": "secretsync.lock", "a.yml": "a.lock", "a.toml": "a.lock", "a.json": "a.lock",
		"dir/x.enc.yaml": "dir/x.enc.lock", "dir.yaml/x": "dir.yaml/x.lock", "prod.v2": "prod.v2.lock", "x.lock": "x.lock.lock",
	} {
		if got := PathFor(manifest); got != want {
			t.Errorf("PathFor(%q) = %q, want %q", manifest, got, want)
		}
	}
}

func TestLookups(t *testing.T) {
	var f File
	if f.Stores[prod].Secret("x") != nil {
		t.Error("found a secret of a store that isn't there")
	}
	st := f.PutStore(prod, "")
	if st.Secret("x") != nil {
		t.Error("found a secret that isn't there")
	}
	x := st.PutSecret("x", Secret{ID: "1"})
	for i := range 100 { // more than any growth of a map leaves in place
		st.PutSecret(fmt.Sprint(i), Secret{})
		f.PutStore(StoreKey{accountB, fmt.Sprint(i)}, "other")
	}
	for i := range 100 {
		delete(st.Secrets, fmt.Sprint(i))
		delete(f.Stores, StoreKey{accountB, fmt.Sprint(i)})
	}
	x.Comment = "changed"
	f.PutStore(prod, "known").PutSecret("y", Secret{})
	f.PutStore(prod, "") // an id is not forgotten
	want := File{Stores: map[StoreKey]*Store{
		prod: {ID: "known", Secrets: map[string]*Secret{"x": {ID: "1", Comment: "changed"}, "y": {}}},
	}}
	if diff := cmp.Diff(want, f); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := f.Stores[prod].PutSecret("x", Secret{ID: "2"}); got != st.Secret("x") || got.ID != "2" {
		t.Errorf("replaced by %+v, found %+v", got, st.Secret("x"))
	}
}

// All iterates in the order of the format, and stops when the caller does.
func TestAll(t *testing.T) {
	f := full()
	f.PutStore(StoreKey{accountB, "a"}, "")
	var got []string
	for k, st := range f.All() {
		got = append(got, string(k.Account[:1])+" "+k.Name)
		for name := range st.All() {
			got = append(got, name)
		}
	}
	want := []string{"0 prod", "half-made", "stripe-key", "0 staging", "adopted", "f a", "f empty"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for k := range f.All() {
		if k != prod {
			t.Errorf("went on to %v", k)
		}
		break
	}
}

func TestFileAsSaved(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.lock")
	h := openAt(t, path)
	try(t, h.Update(func(f *File) { *f = *full() }))
	data, err := os.ReadFile(path)
	try(t, err)
	if !bytes.Equal(data, full().Format()) {
		t.Errorf("saved:\n%s", data)
	}
	if mode := stat(t, path).Mode().Perm(); runtime.GOOS != "windows" && mode != 0o644 {
		t.Errorf("mode %v, want 0644", mode)
	}
	err = h.Update(func(f *File) { f.Stores[prod].PutSecret("x", Secret{Modified: "2026/10/01"}) })
	if err == nil || !strings.Contains(err.Error(), "could not be read back") || !strings.Contains(err.Error(), "expected a time") {
		t.Errorf("what cannot be read back: %v", err)
	}
	try(t, os.Remove(path))
	try(t, os.Mkdir(path, 0o755))
	if err := h.Update(func(f *File) { delete(f.Stores, prod) }); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("a lockfile that became a folder: %v", err)
	}
}

// A change that changes nothing is not written, not even if the file is formatted
// differently, as in a checkout with CRLF line ends.
func TestUpdateWithoutChangeWritesNothing(t *testing.T) {
	for name, text := range map[string]string{
		"formatted": string(full().Format()),
		"CRLF":      strings.ReplaceAll(string(full().Format()), "\n", "\r\n"),
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "x.lock")
			try(t, os.WriteFile(path, []byte(text), 0o644))
			past := time.Now().Add(-time.Hour)
			try(t, os.Chtimes(path, past, past))
			before := stat(t, path)

			h := openAt(t, path)
			try(t, h.Update(func(*File) {}))
			try(t, h.Update(func(f *File) {
				st := f.Stores[prod]
				st.PutSecret("stripe-key", *st.Secret("stripe-key"))
			}))
			if after := stat(t, path); !os.SameFile(before, after) || !after.ModTime().Equal(before.ModTime()) {
				t.Error("written")
			}
			try(t, h.Update(func(f *File) { delete(f.Stores[prod].Secrets, "stripe-key") }))
			if os.SameFile(before, stat(t, path)) {
				t.Error("a change was not written")
			}
		})
	}
}

func TestOpenSweeps(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x.lock")
	try(t, os.WriteFile(path, full().Format(), 0o644))
	torn := filepath.Join(dir, ".x.lock-123.tmp")
	try(t, os.WriteFile(torn, []byte(`{"version"`), 0o600))
	h := openAt(t, path)
	if _, err := os.Stat(torn); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the temporary file of a killed process is still there: %v", err)
	}
	if diff := cmp.Diff(sorted(full()), h.File()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A file that cannot be used is left as it is, with an error that explains why, and the lock
// is free afterwards.
func TestReadAndOpenRefuse(t *testing.T) {
	tests := []struct {
		name string
		make func(t *testing.T, path string)
		kind error
		want []string
	}{
		{"damaged", func(t *testing.T, path string) { try(t, os.WriteFile(path, []byte("{\n"), 0o644)) }, ErrLost, []string{"x.lock:2:1: the lockfile is truncated"}},
		{"directory", func(t *testing.T, path string) { try(t, os.Mkdir(path, 0o755)) }, ErrNotRegular, []string{"is a directory"}},
		{"symbolic link", func(t *testing.T, path string) {
			try(t, os.WriteFile(path+".real", full().Format(), 0o644))
			try(t, os.Symlink(path+".real", path))
		}, ErrNotRegular, []string{"is a symbolic link"}},
		{"too large", func(t *testing.T, path string) {
			try(t, os.WriteFile(path, nil, 0o644))
			try(t, os.Truncate(path, DefaultMaxSize+1)) // sparse
		}, ErrLost, []string{"larger than 268435456 bytes", "git"}},
		{"as large as is read", func(t *testing.T, path string) {
			try(t, os.WriteFile(path, nil, 0o644))
			try(t, os.Truncate(path, DefaultMaxSize))
		}, ErrLost, []string{"zero bytes"}},
		{"unreadable", func(t *testing.T, path string) {
			if os.Geteuid() == 0 {
				t.Skip("this user reads everything")
			}
			try(t, os.WriteFile(path, nil, 0o200))
		}, fs.ErrPermission, []string{"permission denied"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "x.lock")
			tt.make(t, path)
			before, _ := os.Lstat(path)
			_, readErr := Read(path)
			_, openErr := Open(t.Context(), path, 0)
			if !errors.Is(readErr, tt.kind) || !errors.Is(openErr, tt.kind) {
				t.Errorf("Read: %v, Open: %v; want %v", readErr, openErr, tt.kind)
			}
			for _, want := range append(tt.want, "x.lock") {
				if readErr == nil || !strings.Contains(readErr.Error(), want) {
					t.Errorf("Read: %v; want %q", readErr, want)
				}
				if openErr == nil || !strings.Contains(openErr.Error(), want) {
					t.Errorf("Open: %v; want %q", openErr, want)
				}
			}
			after, err := os.Lstat(path)
			try(t, err)
			if after.Mode() != before.Mode() || after.Size() != before.Size() {
				t.Errorf("changed from %v to %v", before, after)
			}
			try(t, os.RemoveAll(path))
			openAt(t, path)
		})
	}
}

// TestMaxSize: the option applies to reading, opening and resolving, to the journal, and to what
// another program writes meanwhile. The default is independent of it.
func TestMaxSize(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.lock")
	content := full().Format()
	try(t, os.WriteFile(path, content, 0o644))
	exact, less := MaxSize(len(content)), MaxSize(len(content)-1)
	resolve := func(content []byte) ([]byte, error) { return content, nil }
	for name, do := range map[string]func(...Option) error{
		"Read": func(o ...Option) error { _, err := Read(path, o...); return err },
		"Open": func(o ...Option) error {
			h, err := Open(t.Context(), path, 0, o...)
			if err != nil {
				return err
			}
			return h.Close()
		},
		"Resolve": func(o ...Option) error { return Resolve(t.Context(), path, 0, resolve, o...) },
	} {
		for _, enough := range [][]Option{nil, {exact}, {MaxSize(0)}, {less, exact}} {
			if err := do(enough...); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		err := do(less)
		if want := fmt.Sprintf("x.lock\" is larger than %d bytes", len(content)-1); !errors.Is(err, ErrLost) || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "MaxLockfileSize") {
			t.Errorf("%s: %v", name, err)
		}
	}

	h, err := Open(t.Context(), path, 0, exact)
	try(t, err)
	try(t, h.Update(func(f *File) { delete(f.Stores[prod].Secrets, "stripe-key") }))
	try(t, os.Truncate(path, int64(len(content))+1)) // what was written is checked under the same limit
	if err := h.Check(); !errors.As(err, new(*ReplacedError)) {
		t.Errorf("Check: %v", err)
	}
	try(t, h.Close())

	path, _ = killed(t, content)
	size := int(stat(t, journalPath(path)).Size())
	if _, err := Read(path, MaxSize(max(len(content), size/4+1))); err != nil {
		t.Errorf("a journal of %d bytes: %v", size, err)
	}
	try(t, os.Truncate(journalPath(path), int64(4*len(content))+1))
	if _, err := Read(path, exact); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("is larger than %d bytes", 4*len(content))) {
		t.Errorf("a large journal: %v", err)
	}
}

func TestReadMissing(t *testing.T) {
	f, err := Read(filepath.Join(t.TempDir(), "missing", "x.lock"))
	if err != nil || len(f.Stores) > 0 {
		t.Errorf("%+v, %v; want an empty File", f, err)
	}
}

func TestOpenWithoutDirectory(t *testing.T) {
	_, err := Open(context.Background(), filepath.Join(t.TempDir(), "missing", "x.lock"), 0)
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v; want one about the directory", err)
	}
}
