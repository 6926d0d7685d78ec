package lockfile

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestResolve(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.lock")
	conflict := Unmergeable(full().Format(), (&File{}).Format())
	resolve := func(want string, result []byte, err error) error {
		t.Helper()
		return Resolve(t.Context(), path, 0, func(content []byte) ([]byte, error) {
			if string(content) != want {
				t.Errorf("content:\n%s\nwant:\n%s", content, want)
			}
			if held, _ := Held(path); held == nil {
				t.Error("it holds no lock")
			}
			return result, err
		})
	}
	try(t, resolve("", conflict, nil))
	refused := errors.New("refused")
	if err := resolve(string(conflict), nil, refused); !errors.Is(err, refused) {
		t.Errorf("%v", err)
	}
	try(t, resolve(string(conflict), full().Format(), nil))
	if _, err := Read(path); err != nil {
		t.Error(err)
	}
	openAt(t, path)
	if err := Resolve(t.Context(), path, 0, nil); !errors.As(err, new(*HeldError)) {
		t.Errorf("%v; want it to be held", err)
	}
	try(t, os.Remove(path))
}

// What another program writes meanwhile is not overwritten.
func TestResolveReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.lock")
	try(t, os.WriteFile(path, full().Format(), 0o644))
	err := Resolve(t.Context(), path, 0, func([]byte) ([]byte, error) {
		try(t, os.WriteFile(path, colleagues(), 0o644))
		return full().Format(), nil
	})
	var replaced *ReplacedError
	if !errors.As(err, &replaced) || replaced.Path != path || replaced.What != "its content was changed" {
		t.Errorf("%v", err)
	}
	if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, colleagues()) {
		t.Errorf("overwritten (%v):\n%s", err, now)
	}
}
