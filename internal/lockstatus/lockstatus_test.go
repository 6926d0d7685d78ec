package lockstatus

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/secretsync/secretsync/lockfile"
	"github.com/secretsync/secretsync/reconcile"
)

// inspect inspects a lockfile with the given text; without one if it is empty.
func inspect(t *testing.T, text string) (*Status, string, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.lock")
	if text != "" {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p, err := reconcile.OpenLockfile(t.Context(), reconcile.Config{Lockfile: path, LookupEnv: func(string) (string, bool) { return "", false }})
	if err != nil {
		t.Fatal(err)
	}
	st, err := Inspect(t.Context(), p)
	var out bytes.Buffer
	if err := st.Print(&out); err != nil {
		t.Fatal(err)
	}
	return st, out.String(), err
}

func TestStates(t *testing.T) {
	since := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	const account = "11111111111111111111111111111111"
	var lock lockfile.File
	store := lock.PutStore(lockfile.StoreKey{Account: account, Name: "shop"}, "22222222222222222222222222222222")
	store.PutSecret("sent", lockfile.Secret{Pending: &lockfile.Pending{Op: "create", Since: since}})
	store.PutSecret("taken", lockfile.Secret{Accepted: since})
	for _, c := range []struct {
		name, text, state string
		failed            bool
		said              []string
	}{
		{"none", "", "absent", false, []string{"does not exist: nothing was applied yet, or it was lost"}},
		{"no lockfile", "{", "damaged", true, []string{"cannot be used"}},
		{"records", string(lock.Format()), "ok", false, []string{
			"written against Cloudflare", "store     shop of account " + account + ", secrets: 2",
			"pending   shop/sent: create since 2026-01-02T03:04:05Z", "an apply was interrupted or is running",
			"accepted  shop/taken: its value has not been known since 2026-01-02T03:04:05Z",
		}},
	} {
		st, out, err := inspect(t, c.text)
		if st.State != c.state || (err != nil) != c.failed {
			t.Errorf("%s: %s, %v", c.name, st.State, err)
		}
		for _, want := range c.said {
			if !strings.Contains(out, want) {
				t.Errorf("%s: no %q in\n%s", c.name, want, out)
			}
		}
	}
}

func TestHeldBy(t *testing.T) {
	got := heldBy(reconcile.LeaseHolder{Since: time.Now().Add(-time.Hour), Generation: 3, RunURL: "https://ci.example.com/1"})
	if !strings.HasPrefix(got, "an unknown host (https://ci.example.com/1) since ") || !strings.HasSuffix(got, " (1h0m0s ago), generation 3") {
		t.Errorf("%q", got)
	}
	if got, want := appliedBy(&reconcile.AppliedLockfile{Host: "a"}), "at 0001-01-01T00:00:00Z on a"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
