package keyring_test

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/secretsync/secretsync/internal/keyring"
	"github.com/secretsync/secretsync/internal/secret"
)

func TestPin(t *testing.T) {
	ours, planted := secret.NewKey(), secret.NewKey()
	for name, tt := range map[string]struct {
		pin    string
		locked secret.Key // the lockfile's
		held   secret.Key // the key file's
		want   string
	}{
		"no pin":               {"", planted, planted, ""},
		"the pinned key":       {ours.ID(), ours, ours, ""},
		"a planted key":        {ours.ID(), planted, planted, keyring.PinVariable + " allows only " + ours.ID()},
		"new lockfile":         {ours.ID(), secret.Key{}, ours, ""},
		"new lockfile, other":  {ours.ID(), secret.Key{}, planted, " is " + planted.ID()},
		"new lockfile, no key": {ours.ID(), secret.Key{}, secret.Key{}, ""},
		"the key itself":       {export(ours), ours, ours, "16 hexadecimal digits"},
	} {
		r := ring(t)
		r.LookupEnv = func(name string) (string, bool) { return tt.pin, name == keyring.PinVariable }
		id := ""
		if tt.locked.IsSet() {
			id = tt.locked.ID()
		}
		if tt.held.IsSet() {
			if err := os.WriteFile(r.KeyFile(), []byte(export(tt.held)), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		key, err := r.Find(t.Context(), id, nil)
		if tt.want == "" {
			if err != nil || key.IsSet() != tt.held.IsSet() {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err == nil || key.IsSet() || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), export(ours)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPinAllowsNoNewKey(t *testing.T) {
	r := ring(t)
	r.LookupEnv = func(name string) (string, bool) { return secret.NewKey().ID(), name == keyring.PinVariable }
	key, _, err := r.Make(t.Context())
	if err == nil || key.IsSet() || !errors.Is(err, keyring.ErrNotPinned) {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(r.KeyFile()); err == nil {
		t.Error("a key file was written")
	}
}
