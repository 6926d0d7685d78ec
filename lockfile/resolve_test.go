package lockfile

import (
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
