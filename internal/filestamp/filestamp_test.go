package filestamp

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// write writes a file, and returns its path and a stamp that is old enough to prove something.
func write(t *testing.T) (string, Stamp) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	try(t, os.WriteFile(path, []byte("aaaa"), 0o644))
	s := Of(path)
	if s.changed.IsZero() {
		t.Skip("this system has no change times")
	}
	s.seen = s.changed.Add(tick)
	return path, s
}

func try(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestUnchanged(t *testing.T) {
	path, s := write(t)
	if !s.Holds(path) {
		t.Error("an unchanged file has to be read")
	}
	s.seen = s.changed.Add(tick - 1)
	if s.Holds(path) {
		t.Error("a file that had just been written is trusted")
	}
	if (Stamp{}).Holds(path) {
		t.Error("the zero Stamp is trusted")
	}
}

func TestChanged(t *testing.T) {
	later := func(path string) error { // so that the change time differs
		time.Sleep(20 * time.Millisecond) // more than a clock tick of the kernel
		return os.WriteFile(path, []byte("bbbb"), 0o644)
	}
	for name, change := range map[string]func(path string, at time.Time) error{
		"another size": func(path string, _ time.Time) error { return os.Truncate(path, 3) },
		"another mode": func(path string, _ time.Time) error { return os.Chmod(path, 0o600) },
		"removed":      func(path string, _ time.Time) error { return os.Remove(path) },
		"replaced": func(path string, _ time.Time) error {
			try(t, os.WriteFile(path+".new", []byte("aaaa"), 0o644))
			return os.Rename(path+".new", path)
		},
		"the same size, and the modification time of before": func(path string, at time.Time) error {
			try(t, later(path))
			return os.Chtimes(path, at, at)
		},
	} {
		t.Run(name, func(t *testing.T) {
			path, s := write(t)
			try(t, change(path, s.info.ModTime()))
			if s.Holds(path) {
				t.Error("not noticed")
			}
		})
	}
}

// Each property that is compared counts by itself, even if the change time is the same.
func TestSameChangeTime(t *testing.T) {
	for name, change := range map[string]func(path string) error{
		"another size": func(path string) error { return os.Truncate(path, 3) },
		"another mode": func(path string) error { return os.Chmod(path, 0o600) },
		"replaced": func(path string) error {
			try(t, os.WriteFile(path+".new", []byte("aaaa"), 0o644))
			return os.Rename(path+".new", path)
		},
	} {
		t.Run(name, func(t *testing.T) {
			path, s := write(t)
			try(t, change(path))
			s.changed = changeTime(path)
			s.seen = s.changed.Add(tick)
			if s.Holds(path) {
				t.Error("not noticed")
			}
		})
	}
}

func TestNoFile(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing")
	if at := changeTime(missing); !at.IsZero() {
		t.Errorf("changed %v", at)
	}
	if Of(missing).Holds(missing) {
		t.Error("a file that is not there is unchanged")
	}
}
