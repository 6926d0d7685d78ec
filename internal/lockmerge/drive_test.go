package lockmerge_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/secretsync/secretsync/internal/lockmerge"
	"github.com/secretsync/secretsync/lockfile"
)

// version is the text of a lockfile under a key, with records of secrets that were applied.
func version(key string, secrets ...string) []byte {
	f := &lockfile.File{Key: lockfile.Key{ID: key}}
	st := f.PutStore(lockfile.StoreKey{Account: "11111111111111111111111111111111", Name: "shop"}, "22222222222222222222222222222222")
	for _, name := range secrets {
		at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
		st.PutSecret(name, lockfile.Secret{ID: lockfile.SecretID("id-" + name), Scopes: []string{"workers"}, Modified: lockfile.Modified(at.Format(time.RFC3339)), Applied: at})
	}
	return f.Format()
}

// TestDrive: the driver writes the result to the file ours, and to no other. What cannot be merged is
// in conflict there, so that the loss of a side is not overlooked.
func TestDrive(t *testing.T) {
	const key, other = "0011223344556677", "7766554433221100"
	both := version(key, "a", "b")
	for _, c := range []struct {
		name               string
		base, ours, theirs []byte // nil for no file
		merged             []string
		conflict           bool
		err                string
	}{
		{"each side added one", version(key), version(key, "a"), version(key, "b"), []string{"a", "b"}, false, ""},
		{"one removed by them", both, both, version(key, "b"), []string{"b"}, false, ""},
		{"no common ancestor", nil, version(key, "a"), version(key, "b"), []string{"a", "b"}, false, ""},
		{"an empty ancestor", []byte{}, version(key, "a"), version(key, "b"), []string{"a", "b"}, false, ""},
		{"two keys", nil, version(key, "a"), version(other, "a"), nil, true, "x.lock was not merged: "},
		{"no lockfile", version(key), version(key, "a"), []byte("{"), nil, true, "x.lock (theirs)"},
		{"no theirs", version(key), version(key, "a"), nil, []string{"a"}, false, "lock merge: open "},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			files := map[string][]byte{"base": c.base, "ours": c.ours, "theirs": c.theirs}
			for name, text := range files {
				if text == nil {
					continue
				}
				if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			err := lockmerge.Drive("x.lock", filepath.Join(dir, "base"), filepath.Join(dir, "ours"), filepath.Join(dir, "theirs"),
				func(format string, args ...any) { t.Errorf("noted: "+format, args...) })
			if got := fmt.Sprint(err); (err == nil) != (c.err == "") || err != nil && !strings.Contains(got, c.err) {
				t.Errorf("%v, want %q", err, c.err)
			}
			for _, name := range []string{"base", "theirs"} {
				if text, err := os.ReadFile(filepath.Join(dir, name)); string(text) != string(files[name]) {
					t.Errorf("%s was changed (%v)", name, err)
				}
			}
			text, err := os.ReadFile(filepath.Join(dir, "ours"))
			if err != nil {
				t.Fatal(err)
			}
			lock, err := lockfile.Parse("ours", text)
			if c.conflict {
				if !errors.Is(err, lockfile.ErrConflict) || !strings.Contains(string(text), strings.TrimSpace(string(c.theirs))) {
					t.Errorf("it is no conflict: %v\n%s", err, text)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			for _, st := range lock.All() {
				for name := range st.Secrets {
					names = append(names, name)
				}
			}
			slices.Sort(names)
			if diff := cmp.Diff(c.merged, names); diff != "" {
				t.Error(diff)
			}
		})
	}
}
