package keyring_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/secretsync/secretsync/internal/keyring"
	"github.com/secretsync/secretsync/internal/secret"
)

// ringWithKey returns a Ring with a key file.
func ringWithKey(t *testing.T) (keyring.Ring, secret.Key) {
	r := ring(t)
	key, _, err := r.Make(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return r, key
}

func finds(t *testing.T, r keyring.Ring, id string) {
	t.Helper()
	if key, err := r.Find(t.Context(), id, nil); err != nil || key.ID() != id {
		t.Errorf("the key %s is not found: %v", id, err)
	}
}

func TestReplaceKeyFile(t *testing.T) {
	r, old := ringWithKey(t)
	var next secret.Key
	err := r.Replace(t.Context(), old, func(key secret.Key, _ []byte) error {
		next = key
		// From here on, both keys can be found.
		finds(t, r, old.ID())
		finds(t, r, key.ID())
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	finds(t, r, next.ID())
	if _, err := r.Find(t.Context(), old.ID(), nil); err == nil {
		t.Error("the old key is still there")
	}
	if info, err := os.Stat(r.KeyFile()); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("key file: %v, %v; want mode 0600", info, err)
	}
	if left, _ := filepath.Glob(r.KeyFile() + "?*"); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// If saving the lockfile failed, or the process was killed after it, the next change starts
// from the key that the lockfile names.
func TestReplaceAfterACrash(t *testing.T) {
	for name, saved := range map[string]bool{"before the lockfile was saved": false, "after it": true} {
		t.Run(name, func(t *testing.T) {
			r, old := ringWithKey(t)
			current, crash := old, errors.New("crash")
			err := r.Replace(t.Context(), old, func(key secret.Key, _ []byte) error {
				if saved {
					current = key
				}
				return crash
			})
			if !errors.Is(err, crash) {
				t.Fatal(err)
			}
			finds(t, r, current.ID())
			var next secret.Key
			err = r.Replace(t.Context(), current, func(key secret.Key, _ []byte) error {
				finds(t, r, current.ID())
				next = key
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			finds(t, r, next.ID())
		})
	}
}

func TestReplaceRemovesTheBeginningOfAKey(t *testing.T) {
	r, old := ringWithKey(t)
	if err := os.WriteFile(r.KeyFile()+".new", []byte("abc"), 0o600); err != nil {
		t.Fatal(err)
	}
	finds(t, r, old.ID())
	if err := r.Replace(t.Context(), old, func(secret.Key, []byte) error { return nil }); err != nil {
		t.Error(err)
	}
}

func TestReplaceKeepsAnothersKey(t *testing.T) {
	r, other := ringWithKey(t)
	old := secret.NewKey() // as from the variable
	err := r.Replace(t.Context(), old, func(secret.Key, []byte) error { t.Error("saved"); return nil })
	if err == nil || !strings.Contains(err.Error(), other.ID()) {
		t.Errorf("error %v; want one that names the key in the file", err)
	}
	finds(t, r, other.ID())
}

func TestReplaceSealed(t *testing.T) {
	r, old := ringWithKey(t)
	r.Seal = func(context.Context, secret.Value) ([]byte, error) { return []byte("{}"), nil }
	err := r.Replace(t.Context(), old, func(key secret.Key, sealed []byte) error {
		if string(sealed) != "{}" || key.ID() == old.ID() {
			t.Errorf("sealed %q, the same key: %v", sealed, key.ID() == old.ID())
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	finds(t, r, old.ID()) // the old file stays
}

func TestStatus(t *testing.T) {
	r, key := ringWithKey(t)
	if s := r.Status(t.Context(), key.ID(), nil); s.From != r.KeyFile() || !s.Fits || s.Err != nil {
		t.Errorf("the key file: %+v", s)
	}
	if s := r.Status(t.Context(), "0123456789abcdef", nil); s.Fits || s.ID != key.ID() || !errors.Is(s.Err, keyring.ErrUnavailable) {
		t.Errorf("another key: %+v", s)
	}
	if s := r.Status(t.Context(), key.ID(), []byte("{}")); s.From != keyring.FromSealed || s.Fits || s.Err == nil {
		t.Errorf("a sealed key that cannot be opened: %+v", s)
	}
	if s := ring(t).Status(t.Context(), key.ID(), nil); s.From != "" || s.Fits || !errors.Is(s.Err, keyring.ErrUnavailable) {
		t.Errorf("no key: %+v", s)
	}
}
