package lockfile

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestSavedFiles: the first free pair of names is used, all nine are found, and where none is left
// nothing is overwritten.
func TestSavedFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.lock")
	for n := 1; n <= maxSaved; n++ {
		s, err := freeSaved(path)
		if err != nil || s != savedAt(path, n) {
			t.Fatalf("pair %d: %v, %v", n, s, err)
		}
		try(t, os.WriteFile(s.Ours, nil, 0o600))
		if found, err := Unmerged(path); err != nil || len(found) != n {
			t.Errorf("with %d pairs: %v, %v", n, found, err)
		}
		if all := Beside(path); !slices.Contains(all, s.Ours) || !slices.Contains(all, s.Base) {
			t.Errorf("Beside lacks pair %d: %v", n, all)
		}
	}
	if s, err := freeSaved(path); err == nil || !strings.Contains(err.Error(), "merge them") {
		t.Errorf("after the last pair: %v, %v", s, err)
	}
	if all := Beside(path); len(all) != 2+2*maxSaved || !slices.Contains(all, sidePath(path)) || !slices.Contains(all, journalPath(path)) {
		t.Errorf("Beside: %v", all)
	}
}

// TestReplacedWithAJournal: the two files beside the lockfile have the journal's content, so the
// journal is removed. It is not an error if another program removed it before.
func TestReplacedWithAJournal(t *testing.T) {
	for name, removed := range map[string]bool{"there": false, "removed": true} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "x.lock")
			try(t, os.WriteFile(path, full().Format(), 0o644))
			h := openAt(t, path)
			put(t, h, "mine", "")
			if removed {
				try(t, os.Remove(journalPath(path)))
				try(t, os.WriteFile(journalPath(path), []byte("another's"), 0o644))
			}
			try(t, os.WriteFile(path, colleagues(), 0o644))
			var replaced *ReplacedError
			if err := h.Check(); !errors.As(err, &replaced) || replaced.Saved != savedAt(path, 1).Ours || replaced.NotSaved != nil {
				t.Fatalf("Check: %v", err)
			}
			data, err := os.ReadFile(replaced.Saved)
			try(t, err)
			f, err := Parse(replaced.Saved, data)
			try(t, err)
			if f.Stores[prod].Secret("mine") == nil {
				t.Errorf("saved:\n%s", data)
			}
			if exists(t, journalPath(path)) != removed { // what is not ours stays
				t.Errorf("the journal is there: %v", !removed)
			}
		})
	}
}

// TestReplacedBeforeTheEnd: a run that folded another one's journal, and then recorded nothing
// more, notices at its end that the lockfile was replaced meanwhile.
func TestReplacedBeforeTheEnd(t *testing.T) {
	path, _ := killed(t, full().Format())
	h, err := Open(t.Context(), path, 0)
	try(t, err)
	try(t, os.WriteFile(path, colleagues(), 0o644))
	var replaced *ReplacedError
	if err := h.Close(); !errors.As(err, &replaced) || replaced.Saved != savedAt(path, 1).Ours {
		t.Fatalf("Close: %v", err)
	}
	data, err := os.ReadFile(replaced.Saved)
	try(t, err)
	f, err := Parse(replaced.Saved, data)
	try(t, err)
	if f.Stores[prod].Secret("b") == nil {
		t.Errorf("saved:\n%s", data)
	}
	if _, err := Open(t.Context(), path, 0); !errors.As(err, new(*UnmergedError)) {
		t.Errorf("the lock is not free, or nothing waits to be merged: %v", err)
	}
}
