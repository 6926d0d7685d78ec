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

// ring returns a Ring over an empty folder, without any key.
func ring(t *testing.T) keyring.Ring {
	return keyring.Ring{
		Lockfile:  filepath.Join(t.TempDir(), "secretsync.lock"),
		LookupEnv: func(string) (string, bool) { return "", false },
		Unseal: func(context.Context, []byte) (secret.Value, error) {
			return secret.Value{}, errors.New("no key to unseal with")
		},
		Seal: func(context.Context, secret.Value) ([]byte, error) { return nil, nil },
	}
}

func export(k secret.Key) string { return string(k.Export().Reveal()) }

func TestNoKeyAnywhere(t *testing.T) {
	r := ring(t)
	key, err := r.Find(t.Context(), "", nil)
	if err != nil || key.IsSet() {
		t.Fatalf("a new project: key set %v, error %v; want none of both", key.IsSet(), err)
	}
	_, err = r.Find(t.Context(), "0123456789abcdef", nil)
	for _, want := range []string{"0123456789abcdef", keyring.Variable, r.KeyFile()} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("a lockfile whose key is missing: error %v doesn't name %s", err, want)
		}
	}
}

func TestMakeWritesAKeyFileOnce(t *testing.T) {
	r := ring(t)
	dir := filepath.Dir(r.Lockfile)
	if err := os.Mkdir(filepath.Join(dir, ".git"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, ".gitignore"), []byte("node_modules"), 0o644); err != nil {
		t.Fatal(err)
	}
	key, sealed, err := r.Make(t.Context())
	if err != nil || sealed != nil {
		t.Fatalf("sealed %q, error %v", sealed, err)
	}
	info, err := os.Stat(r.KeyFile())
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("key file: %v, %v; want mode 0600", info.Mode(), err)
	}
	if got, _ := os.ReadFile(filepath.Join(dir, ".gitignore")); string(got) != "node_modules\n/secretsync.key\n" {
		t.Errorf(".gitignore is %q", got)
	}
	found, err := r.Find(t.Context(), key.ID(), nil)
	if err != nil || found.ID() != key.ID() {
		t.Fatalf("the new key is not found: %v", err)
	}
	if _, _, err := r.Make(t.Context()); err == nil {
		t.Error("a second Make replaced the key")
	}
}

func TestKeyFileThatOthersCanReadIsRefused(t *testing.T) {
	r := ring(t)
	key := secret.NewKey()
	if err := os.WriteFile(r.KeyFile(), []byte(export(key)), 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Find(t.Context(), key.ID(), nil); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("error %v, want one that says chmod 600", err)
	}
}

func TestVariableGoesFirstAndMustFit(t *testing.T) {
	r := ring(t)
	key, other := secret.NewKey(), secret.NewKey()
	r.LookupEnv = func(name string) (string, bool) { return export(key), name == keyring.Variable }
	if err := os.WriteFile(r.KeyFile(), []byte(export(other)), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := r.Find(t.Context(), key.ID(), []byte("sealed")); err != nil || got.ID() != key.ID() {
		t.Errorf("the variable was not used: %v", err)
	}
	_, err := r.Find(t.Context(), other.ID(), nil)
	if err == nil || !strings.Contains(err.Error(), other.ID()) || !strings.Contains(err.Error(), key.ID()) {
		t.Errorf("another key than the lockfile's: error %v doesn't name both ids", err)
	}
}

func TestBadVariableIsNotQuoted(t *testing.T) {
	r := ring(t)
	r.LookupEnv = func(name string) (string, bool) { return "hunter2-is-no-key", name == keyring.Variable }
	_, err := r.Find(t.Context(), "", nil)
	if !errors.Is(err, secret.ErrBadKey) || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("error %v", err)
	}
}

// A key file as programs of Windows save it.
func TestKeyFileOfWindows(t *testing.T) {
	key := secret.NewKey()
	for text, want := range map[string]string{
		"\ufeff" + export(key) + "\r\n":                                            "",
		"\xff\xfe" + strings.Join(strings.Split(export(key), ""), "\x00") + "\x00": "secretsync.key is encoded in UTF-16: save it as UTF-8",
	} {
		r := ring(t)
		if err := os.WriteFile(r.KeyFile(), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := r.Find(t.Context(), key.ID(), nil)
		switch {
		case want == "" && (err != nil || got.ID() != key.ID()):
			t.Error(err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), export(key))):
			t.Errorf("%v; want %s", err, want)
		}
	}
}

// A key that was encrypted by hand, in the variable or in the file, is an error that says so.
func TestEncryptedKey(t *testing.T) {
	const value = "ENC[AES256_GCM,data:Tr7o,iv:aa==,tag:bb==,type:str]"
	r := ring(t)
	r.LookupEnv = func(name string) (string, bool) { return value, name == keyring.Variable }
	_, err := r.Find(t.Context(), "", nil)
	if !errors.Is(err, keyring.ErrEncrypted) || !strings.Contains(err.Error(), keyring.Variable) || strings.Contains(err.Error(), "Tr7o") {
		t.Errorf("in the variable: %v", err)
	}
	r = ring(t)
	document := `{"data": "` + value + `", "sops": {"age": "` + strings.Repeat("x", 5000) + `", "mac": "` + value + `"}}`
	if err := os.WriteFile(r.KeyFile(), []byte(document), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err = r.Find(t.Context(), "", nil); !errors.Is(err, keyring.ErrEncrypted) || !strings.Contains(err.Error(), r.KeyFile()) {
		t.Errorf("in the file: %v", err)
	}
}

func TestSealedKey(t *testing.T) {
	r := ring(t)
	key := secret.NewKey()
	r.Unseal = func(context.Context, []byte) (secret.Value, error) { return key.Export(), nil }
	if got, err := r.Find(t.Context(), key.ID(), []byte("{}")); err != nil || got.ID() != key.ID() {
		t.Errorf("the sealed key was not used: %v", err)
	}
	r.Seal = func(context.Context, secret.Value) ([]byte, error) { return []byte(`{"sops":{}}`), nil }
	_, sealed, err := r.Make(t.Context())
	if err != nil || len(sealed) == 0 {
		t.Fatalf("sealed %q, error %v", sealed, err)
	}
	if _, err := os.Stat(r.KeyFile()); !errors.Is(err, os.ErrNotExist) {
		t.Error("a sealed key was also written in clear")
	}
}
