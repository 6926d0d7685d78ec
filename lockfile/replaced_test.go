package lockfile

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// replacements are what other programs do to a lockfile and its side file.
var replacements = map[string]func(t *testing.T, path string){
	"git pull: another file": func(t *testing.T, path string) {
		try(t, os.WriteFile(path+".new", colleagues(), 0o644))
		try(t, os.Rename(path+".new", path))
	},
	"an editor: other content in the same file": func(t *testing.T, path string) {
		try(t, os.WriteFile(path, colleagues(), 0o644))
	},
	"other content of the same size, at once": func(t *testing.T, path string) {
		try(t, os.WriteFile(path, bytes.Repeat([]byte(" "), int(stat(t, path).Size())), 0o644))
	},
	"git clean: removed": func(t *testing.T, path string) { try(t, os.Remove(path)) },
	"a link": func(t *testing.T, path string) {
		try(t, os.Rename(path, path+".elsewhere"))
		try(t, os.Symlink(path+".elsewhere", path))
	},
	"the side file removed": func(t *testing.T, path string) { try(t, os.Remove(sidePath(path))) },
	"the side file replaced": func(t *testing.T, path string) {
		try(t, os.WriteFile(path+".side", nil, 0o644))
		try(t, os.Rename(path+".side", sidePath(path)))
	},
}

func colleagues() []byte {
	f := full()
	f.Stores[prod].PutSecret("a-colleagues", Secret{ID: "theirs"})
	return f.Format()
}

// A lockfile that another program replaced is never overwritten. This run's earlier records
// and the outcomes of requests under way are saved beside it.
func TestReplacedLockfileIsNotOverwritten(t *testing.T) {
	for name, replace := range replacements {
		for _, written := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				path := filepath.Join(t.TempDir(), "x.lock")
				try(t, os.WriteFile(path, full().Format(), 0o644))
				h := openAt(t, path)
				if written {
					try(t, h.Update(func(f *File) { f.Stores[prod].PutSecret("mine", Secret{ID: "1"}) }))
				}
				try(t, h.Check())
				replace(t, path)
				left, _ := os.ReadFile(path)

				var replaced *ReplacedError
				err := h.Update(func(f *File) { f.Stores[prod].PutSecret("not-sent", Secret{}) })
				if !errors.As(err, &replaced) || (replaced.Saved != "") != written {
					t.Fatalf("Update: %v", err)
				}
				if err := h.Settle(keysOf("sent"), func(f *File) { f.Stores[prod].PutSecret("sent", Secret{ID: "2"}) }); !errors.As(err, &replaced) {
					t.Errorf("Settle: %v", err)
				}
				if now, _ := os.ReadFile(path); !bytes.Equal(now, left) {
					t.Errorf("overwritten:\n%s", now)
				}
				data, err := os.ReadFile(savedAt(path, 1).Ours)
				try(t, err)
				ours, err := Parse("ours", data)
				try(t, err)
				secrets := ours.Stores[prod]
				if secrets.Secret("sent") == nil || secrets.Secret("not-sent") != nil || (secrets.Secret("mine") != nil) != written {
					t.Errorf("saved beside it:\n%s", data)
				}
				base, err := os.ReadFile(savedAt(path, 1).Base)
				if side := strings.HasPrefix(name, "the side file"); err != nil || !side && !bytes.Equal(base, full().Format()) {
					t.Errorf("the base (%v):\n%s", err, base)
				}
				if _, err := Read(path); err == nil {
					t.Error("Read says nothing of the saved records")
				}
				if saved, err := Unmerged(path); err != nil || len(saved) != 1 || saved[0] != savedAt(path, 1) {
					t.Errorf("Unmerged: %v, %v", saved, err)
				}
				try(t, h.Close())
				if _, err := Open(t.Context(), path, 0); err == nil {
					t.Error("Open says nothing of the saved records")
				}
			})
		}
	}
}

// A copy with the same content, or a touched file, loses nothing.
func TestSameContentIsNotReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.lock")
	try(t, os.WriteFile(path, full().Format(), 0o644))
	h := openAt(t, path)
	try(t, os.WriteFile(path+".new", full().Format(), 0o644))
	try(t, os.Rename(path+".new", path))
	try(t, h.Check())
	try(t, os.Chtimes(path, time.Now(), time.Now().Add(-time.Hour)))
	try(t, h.Update(func(f *File) { delete(f.Stores[prod].Secrets, "stripe-key") }))
}

// With records that wait to be merged, Read returns what the lockfile holds nevertheless.
func TestUnmergedIsReadAndReported(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.lock")
	try(t, os.WriteFile(path, full().Format(), 0o644))
	try(t, os.WriteFile(savedAt(path, 1).Ours, full().Format(), 0o644))
	var unmerged *UnmergedError
	f, err := Read(path)
	if !errors.As(err, &unmerged) || unmerged.Saved[0].Ours != path+".ours" || f == nil || len(f.Stores) == 0 {
		t.Errorf("Read: %v, %v", f, err)
	}
	if _, err := Open(t.Context(), path, 0); !errors.As(err, &unmerged) {
		t.Errorf("Open: %v", err)
	}
}

// If the side file is removed, a second process locks another one, and both may have to save
// their records. Neither overwrites the other's.
func TestTwoRunsSaveTheirRecords(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.lock")
	put := func(h *Handle, name string) error {
		return h.Settle(keysOf(name), func(f *File) { f.PutStore(prod, "1").PutSecret(name, Secret{ID: "2"}) })
	}
	first := openAt(t, path)
	try(t, put(first, "first"))
	try(t, os.Remove(sidePath(path)))
	second := openAt(t, path)
	try(t, put(second, "second"))
	if err := put(first, "first-again"); err == nil {
		t.Error("the first run went on without its lock")
	}
	try(t, os.WriteFile(path, full().Format(), 0o644))
	if err := put(second, "second-again"); err == nil {
		t.Error("the second run overwrote a replaced lockfile")
	}
	saved, err := Unmerged(path)
	if err != nil || len(saved) != 2 {
		t.Fatalf("saved: %v, %v", saved, err)
	}
	for i, name := range []string{"first-again", "second-again"} {
		data, err := os.ReadFile(saved[i].Ours)
		try(t, err)
		f, err := Parse(saved[i].Ours, data)
		try(t, err)
		if f.Stores[prod].Secret(name) == nil {
			t.Errorf("%s lacks %s:\n%s", saved[i].Ours, name, data)
		}
	}
}

// If only the side file is removed, what this run wrote is what the next one starts from.
func TestBaseIsWhatTheOthersStartFrom(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.lock")
	h := openAt(t, path)
	put := func(name string) error {
		return h.Settle(keysOf(name), func(f *File) { f.PutStore(prod, "1").PutSecret(name, Secret{ID: "2"}) })
	}
	try(t, put("a"))
	try(t, h.Fold())
	try(t, put("later"))
	written, err := os.ReadFile(path) // without what is in the journal, which is removed
	try(t, err)
	try(t, os.Remove(sidePath(path)))
	if err := put("b"); err == nil {
		t.Error("the run went on without its lock")
	}
	base, err := os.ReadFile(savedAt(path, 1).Base)
	if err != nil || !bytes.Equal(base, written) {
		t.Errorf("base (%v):\n%s", err, base)
	}
}

// If the records cannot be saved, the error says so; the next outcome tries again.
func TestRecordsThatCannotBeSaved(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.lock")
	h := openAt(t, path)
	put := func(id SecretID) error {
		return h.Settle(keysOf("a"), func(f *File) { f.PutStore(prod, "1").PutSecret("a", Secret{ID: id}) })
	}
	try(t, put("1"))
	try(t, os.WriteFile(path, full().Format(), 0o644))
	try(t, os.Mkdir(savedAt(path, 1).Base, 0o755))
	var replaced *ReplacedError
	if err := put("2"); !errors.As(err, &replaced) || replaced.NotSaved == nil || replaced.Saved != "" {
		t.Fatalf("nothing says that the records are lost: %v", err)
	}
	try(t, os.Remove(savedAt(path, 1).Base))
	if err := put("3"); !errors.As(err, &replaced) || replaced.NotSaved != nil || replaced.Saved != savedAt(path, 1).Ours {
		t.Errorf("not saved later: %v", err)
	}
}
