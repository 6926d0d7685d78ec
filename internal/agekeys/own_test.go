package agekeys_test

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/secretsync/secretsync/internal/agekeys"
)

func lookup(env map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		value, ok := env[name]
		return value, ok
	}
}

func newIdentity(t *testing.T) *age.X25519Identity {
	t.Helper()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestConfigFile(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the folders of Linux")
	}
	for name, tt := range map[string]struct {
		env  map[string]string
		want string
	}{
		"home":              {map[string]string{"HOME": "/home/a"}, "/home/a/.config/sops/age/keys.txt"},
		"XDG":               {map[string]string{"HOME": "/home/a", "XDG_CONFIG_HOME": "/x"}, "/x/sops/age/keys.txt"},
		"nothing":           {nil, ""},
		"empty":             {map[string]string{"HOME": ""}, ""},
		"a relative folder": {map[string]string{"XDG_CONFIG_HOME": "x"}, ""},
	} {
		if got := agekeys.ConfigFile(lookup(tt.env)); got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}

// What Create adds is found again, whatever the file held before, and is only the user's.
func TestCreateIsFound(t *testing.T) {
	other := newIdentity(t)
	for name, before := range map[string]string{
		"no file": "", "an empty file": "\n", "comments": "# mine\n", "an identity": other.String() + "\n", "no line end": "# mine\n" + other.String(),
	} {
		t.Run(name, func(t *testing.T) {
			home := t.TempDir()
			env := lookup(map[string]string{"HOME": home, "XDG_CONFIG_HOME": filepath.Join(home, "c"), "AppData": home})
			file := agekeys.ConfigFile(env)
			if before != "" {
				if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(file, []byte(before), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			created, err := agekeys.Create(file, time.Now())
			if err != nil {
				t.Fatal(err)
			}
			text, err := os.ReadFile(file)
			if err != nil || !strings.HasPrefix(string(text), before) && before != "" {
				t.Errorf("what was there is gone: %v", err)
			}
			ids, err := age.ParseIdentities(strings.NewReader(string(text)))
			if err != nil {
				t.Fatalf("age cannot read the file: %v", err)
			}
			last, ok := ids[len(ids)-1].(*age.X25519Identity)
			if !ok || last.Recipient().String() != created.Recipient {
				t.Errorf("the recipient %s is not the new identity's", created.Recipient)
			}
			if info, err := os.Stat(file); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
				t.Errorf("mode %v, %v", info.Mode(), err)
			}
			found, err := agekeys.Find(env)
			if err != nil || len(found) != 1 || found[0].Place != file {
				t.Errorf("found %v, %v", found, err)
			}
		})
	}
}

func TestFind(t *testing.T) {
	home, id, other := t.TempDir(), newIdentity(t), newIdentity(t)
	file := filepath.Join(home, "key.txt")
	if err := os.WriteFile(file, []byte("# public key\n"+other.String()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	passphrase := filepath.Join(home, "protected")
	if err := os.WriteFile(passphrase, []byte("age-encryption.org/v1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		env  map[string]string
		want []agekeys.Own
		err  string
	}{
		"none":         {env: map[string]string{"HOME": home}},
		"no home":      {},
		"variable":     {env: map[string]string{"SOPS_AGE_KEY": id.String()}, want: []agekeys.Own{{Place: "SOPS_AGE_KEY", Recipient: id.Recipient().String()}}},
		"file":         {env: map[string]string{"SOPS_AGE_KEY_FILE": file}, want: []agekeys.Own{{Place: "SOPS_AGE_KEY_FILE", Recipient: other.Recipient().String()}}},
		"passphrase":   {env: map[string]string{"SOPS_AGE_KEY_FILE": passphrase}, want: []agekeys.Own{{Place: "SOPS_AGE_KEY_FILE"}}},
		"command":      {env: map[string]string{"SOPS_AGE_KEY_CMD": "false"}, want: []agekeys.Own{{Place: "SOPS_AGE_KEY_CMD"}}},
		"a wrong file": {env: map[string]string{"SOPS_AGE_KEY_FILE": filepath.Join(home, "none.txt")}, err: "does not exist"},
		"a wrong text": {env: map[string]string{"SOPS_AGE_KEY": id.String()[:40]}, err: "SOPS_AGE_KEY holds"},
	} {
		found, err := agekeys.Find(lookup(tt.env))
		if (err != nil) != (tt.err != "") || err != nil && (!strings.Contains(err.Error(), tt.err) || strings.Contains(err.Error(), id.String()[15:25])) {
			t.Errorf("%s: error %v, want %q", name, err, tt.err)
		}
		if len(found) != len(tt.want) || len(found) > 0 && found[0] != tt.want[0] {
			t.Errorf("%s: %v, want %v", name, found, tt.want)
		}
	}
}
