package repo_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/secretsync/secretsync/internal/position"
	"github.com/secretsync/secretsync/internal/repo"
)

// TestChangedLarge: a file is compared up to the size with which it was read.
func TestChangedLarge(t *testing.T) {
	const size = 65 << 20
	name := filepath.Join(t.TempDir(), "large")
	write := func(size int64) {
		t.Helper()
		if err := errors.Join(os.WriteFile(name, nil, 0o600), os.Truncate(name, size)); err != nil { // sparse
			t.Fatal(err)
		}
	}
	write(size)
	f := repo.New(filepath.Dir(name), false)
	if _, bad := f.Read(position.Position{}, name, size); bad != nil {
		t.Fatal(bad)
	}
	if changed := f.Seen.Changed(); len(changed) > 0 {
		t.Errorf("unchanged: %q", changed)
	}
	write(size + 1)
	if changed := f.Seen.Changed(); len(changed) != 1 {
		t.Errorf("changed: %q", changed)
	}
}

// TestChangedWatched: the limit of one file does not count for another.
func TestChangedWatched(t *testing.T) {
	dir := t.TempDir()
	read, watched := filepath.Join(dir, "read"), filepath.Join(dir, "watched")
	const large = 2 << 20 // more than is looked at of a watched file
	if err := errors.Join(os.WriteFile(read, nil, 0o600), os.WriteFile(watched, make([]byte, large), 0o600)); err != nil {
		t.Fatal(err)
	}
	f := repo.New(dir, false)
	f.Seen.Watch(watched)
	if _, bad := f.Read(position.Position{}, read, 2*large); bad != nil {
		t.Fatal(bad)
	}
	if changed := f.Seen.Changed(); len(changed) > 0 {
		t.Errorf("unchanged: %q", changed)
	}
}

func TestChanged(t *testing.T) {
	for what, tt := range map[string]struct {
		change  func(dir string) error
		changed []string
	}{
		"nothing": {func(string) error { return nil }, nil},
		"a file that was not read": {func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "other"), []byte("new"), 0o600)
		}, nil},
		"the same content": {func(dir string) error {
			if err := os.WriteFile(filepath.Join(dir, "tmp"), []byte("old"), 0o600); err != nil {
				return err
			}
			return os.Rename(filepath.Join(dir, "tmp"), filepath.Join(dir, "read"))
		}, nil},
		"other content of the same size": {func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "read"), []byte("new"), 0o600)
		}, []string{"read"}},
		"removed":          {func(dir string) error { return os.Remove(filepath.Join(dir, "read")) }, []string{"read"}},
		"a watched file":   {func(dir string) error { return os.Remove(filepath.Join(dir, "watched")) }, []string{"watched"}},
		"one that appears": {func(dir string) error { return os.WriteFile(filepath.Join(dir, "absent"), nil, 0o600) }, []string{"absent"}},
	} {
		t.Run(what, func(t *testing.T) {
			dir := t.TempDir()
			for _, name := range []string{"read", "watched", "other"} {
				if err := os.WriteFile(filepath.Join(dir, name), []byte("old"), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			f := repo.New(dir, false)
			if _, bad := f.Read(position.Position{}, filepath.Join(dir, "read"), 100); bad != nil {
				t.Fatal(bad)
			}
			f.Seen.Watch(filepath.Join(dir, "watched"))
			f.Seen.Watch(filepath.Join(dir, "absent"))
			if err := tt.change(dir); err != nil {
				t.Fatal(err)
			}
			if _, bad := f.Read(position.Position{}, filepath.Join(dir, "read"), 100); bad != nil && what != "removed" {
				t.Fatal(bad) // a second reading does not make the change unseen
			}
			var names []string
			for _, name := range f.Seen.Changed() {
				names = append(names, filepath.Base(name))
			}
			if !slices.Equal(names, tt.changed) {
				t.Errorf("changed: %v, want %v", names, tt.changed)
			}
		})
	}
}
