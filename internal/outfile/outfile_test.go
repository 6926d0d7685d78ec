package outfile

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/secretsync/secretsync/reconcile"
)

// write writes a file in a new folder, and returns its name.
func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// refused fails the test unless err says why, and the file still has its text.
func refused(t *testing.T, err error, why, path, text string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), why) {
		t.Errorf("%v does not say %q", err, why)
	}
	if now, err := os.ReadFile(path); err != nil || string(now) != text {
		t.Errorf("%s is %q now, %v", path, now, err)
	}
}

// list is a kind of file for the tests.
func list(path string) File {
	return File{Flag: "-o", Path: path, Kind: "list", IsKind: func(b []byte) bool { return bytes.HasPrefix(b, []byte("list:")) }}
}

// TestOwnFiles: a file of the project is not written to by any name, in any way.
func TestOwnFiles(t *testing.T) {
	path := write(t, "secretsync.yaml", "list: of the project")
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(path, link); err != nil {
		t.Skip(err)
	}
	var g Guard
	if !g.Empty() {
		t.Error("a new guard knows a file")
	}
	g.Protect([]reconcile.File{{Name: path, Role: reconcile.FileManifest}})
	if g.Empty() {
		t.Error("the guard knows no file")
	}
	for _, name := range []string{path, link, filepath.Join(filepath.Dir(path), ".", "x", "..", "secretsync.yaml")} {
		o := list(name)
		refused(t, g.Write(o, []byte("list: new")), "that is the manifest", path, "list: of the project")
		refused(t, g.Append(o, []byte("list: new")), "that is the manifest", path, "list: of the project")
		_, err := g.Create(o, []byte("list: new"))
		refused(t, err, "that is the manifest", path, "list: of the project")
		_, err = g.Remove(o)
		refused(t, err, "that is the manifest", path, "list: of the project")
	}
	if err := g.CheckOwn("-o", path, "the manifest"); err != nil {
		t.Errorf("although it is allowed: %v", err)
	}
	if err := g.CheckOwn("-o", filepath.Join(t.TempDir(), ".SOPS.yaml")); err == nil {
		t.Error("a configuration of SOPS may be replaced")
	}
}

// TestKind: only what an earlier run wrote is replaced or removed.
func TestKind(t *testing.T) {
	var g Guard
	other := write(t, "notes", "mine")
	refused(t, g.Write(list(other), []byte("list: new")), "that file exists and is not a list", other, "mine")
	_, err := g.Remove(list(other))
	refused(t, err, "that file exists and is not a list", other, "mine")

	earlier := write(t, "earlier", "list: old")
	if err := g.Write(list(earlier), []byte("list: new")); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(earlier); err != nil || string(text) != "list: new" {
		t.Errorf("%q, %v", text, err)
	}
	if removed, err := g.Remove(list(earlier)); err != nil || !removed {
		t.Errorf("removed: %t, %v", removed, err)
	}
	if removed, err := g.Remove(list(earlier)); err != nil || removed {
		t.Errorf("a file that does not exist was removed: %t, %v", removed, err)
	}
	empty := write(t, "empty", "")
	if removed, err := g.Remove(list(empty)); err != nil || removed {
		t.Errorf("an empty file was removed: %t, %v", removed, err)
	}
	if err := g.Check(list(t.TempDir())); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("a folder: %v", err)
	}
}

func TestCreate(t *testing.T) {
	var g Guard
	path := filepath.Join(t.TempDir(), "new")
	for _, want := range []bool{true, false} {
		if created, err := g.Create(File{Path: path}, []byte("text")); err != nil || created != want {
			t.Errorf("created: %t, %v; want %t", created, err, want)
		}
	}
	if err := g.Append(File{Path: path}, []byte(" and more")); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != "text and more" {
		t.Errorf("%q, %v", text, err)
	}
}

// TestReplace: a file that another program has changed since it was read stays as that left it.
func TestReplace(t *testing.T) {
	path := write(t, "file", "old")
	was, err := ReadExisting(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := Prepare(path, []byte("new")); err != nil {
		t.Fatal(err)
	}
	if err := Replace(path, was, []byte("new")); err != nil {
		t.Fatal(err)
	}
	refused(t, Replace(path, was, []byte("newer")), "was changed in the meantime", path, "new")
	refused(t, Replace(path, nil, []byte("newer")), "was changed in the meantime", path, "new")

	absent := filepath.Join(t.TempDir(), "absent")
	if was, err = ReadExisting(absent); was != nil || err != nil {
		t.Fatalf("%q, %v", was, err)
	}
	if err := Replace(absent, was, []byte("new")); err != nil {
		t.Fatal(err)
	}
	empty := write(t, "empty", "")
	if was, err = ReadExisting(empty); was == nil || err != nil {
		t.Errorf("an empty file counts as none: %v, %v", was == nil, err)
	}
}

// TestSame: two names of one file that does not exist yet are recognized.
func TestSame(t *testing.T) {
	dir := t.TempDir()
	link := filepath.Join(dir, "link")
	if err := os.Symlink("target", link); err != nil {
		t.Skip(err)
	}
	target := filepath.Join(dir, "target")
	if !Same(link, target) || !Same(filepath.Join(dir, "TARGET"), target) {
		t.Error("two names of one file count as two files")
	}
	if Same(filepath.Join(dir, "other"), target) {
		t.Error("two files count as one")
	}
	if err := os.WriteFile(target, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if !Same(link, target) || Same(filepath.Join(dir, "other"), target) {
		t.Error("a file that exists is not told apart from others")
	}
}

// A link cannot take a file out of a folder, even if its target does not exist yet.
func TestInside(t *testing.T) {
	base := t.TempDir()
	root, outside := filepath.Join(base, "root"), filepath.Join(base, "outside")
	for _, dir := range []string{root, outside} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for name, target := range map[string]string{
		"root/out": "../outside", "root/away": "../outside/none", "root/twice": "away", "root/file": "twice/x", "root/loop": "loop",
		"root/in": "sub", "alias": "root",
	} {
		if err := os.Symlink(filepath.FromSlash(target), filepath.Join(base, name)); err != nil {
			t.Skip(err)
		}
	}
	for name, want := range map[string]bool{
		"root/x": true, "root/new/x": true, "root/in/x": true, "alias/x": true, "alias/new/x": true, "root/loop": true,
		"x": false, "root/out/x": false, "root/out/new/x": false, "root/away/x": false, "root/twice/new/x": false, "root/file": false,
	} {
		for _, folder := range []string{root, filepath.Join(base, "alias")} {
			if got := Inside(folder, filepath.Join(base, name)); got != want {
				t.Errorf("%s in %s: %t", name, folder, got)
			}
		}
	}
}
