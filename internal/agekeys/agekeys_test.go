package agekeys_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"
	"github.com/secretsync/secretsync/internal/agekeys"
)

// Package sopsfile tests each mistake together with SOPS. This test looks for keys in the messages.
func TestNothingOfAKeyIsShown(t *testing.T) {
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	key := id.String()
	t.Setenv("HOME", t.TempDir())
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	file := filepath.Join(t.TempDir(), "keys.txt")
	for _, variable := range []string{"SOPS_AGE_KEY", "SOPS_AGE_KEY_FILE", "SOPS_AGE_KEY_CMD", "SOPS_AGE_SSH_PRIVATE_KEY_FILE", "SOPS_AGE_SSH_PRIVATE_KEY_CMD"} {
		for _, around := range []string{"", " ", `"`, "'", "\n", "\\n", "#", "# ", "x", "X=", "~/", "./", "/", "$", "age1", "ssh-ed25519 ", "\ufeff", "\xff\xfe", "key.txt "} {
			for _, text := range []string{around + key, key + around, around + key + around, around + strings.ToLower(key), around + key[:50], around + key[10:]} {
				t.Setenv(variable, text)
				failures := []string{
					"failed to load age identities. Errors while loading age identities: failed to execute command " + text + ": exit status 1: " + key,
					"failed to parse '" + variable + "' age identities: " + key, "failed to parse command " + text + ": " + key, key,
				}
				for i := range failures {
					f := agekeys.File{Recipients: []string{"age1x", "ssh-ed25519 AAAA"}, Failures: failures[i : i+1], Add: "run sops updatekeys a.yaml"}
					wantNothingOf(t, key, agekeys.Explain(f))
				}
				if variable == "SOPS_AGE_KEY_FILE" {
					if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
						t.Fatal(err)
					}
					t.Setenv(variable, file)
					wantNothingOf(t, key, agekeys.Explain(agekeys.File{}))
				}
			}
		}
		t.Setenv(variable, "")
	}
}

// wantNothingOf fails if a message shows six characters of a key, or if there is no message.
func wantNothingOf(t *testing.T, key string, findings []agekeys.Finding) {
	t.Helper()
	if len(findings) == 0 {
		t.Error("nothing is said")
	}
	secret := strings.TrimPrefix(key, "AGE-SECRET-KEY-1")
	for _, f := range findings {
		said := strings.ToUpper(f.What + " " + f.Fix)
		for i := 0; i+6 <= len(secret); i++ {
			if strings.Contains(said, secret[i:i+6]) {
				t.Fatalf("%s %s: has a part of the key", f.What, f.Fix)
			}
		}
	}
}
