package sopsfile_test

import (
	"strings"
	"testing"
	"time"

	"github.com/getsops/sops/v3"
	sopsage "github.com/getsops/sops/v3/age"
	"github.com/secretsync/secretsync/internal/sopsfile"
	"github.com/secretsync/secretsync/internal/sopsfile/sopstest"
)

// No key of any type gets or yields more than a data key needs.
func TestDataKeyIsSmall(t *testing.T) {
	id := identity(t)
	sopstest.OnlyKey(t, id.String())
	data := encrypt(t, "a.yaml", "a: text\n", id.Recipient().String())
	for size, want := range map[int]string{4 << 10: "holds more than a data key", 64 << 10: "is larger than 16 KiB"} {
		k := &sopsage.MasterKey{Recipient: id.Recipient().String()}
		if err := k.Encrypt(make([]byte, size)); err != nil {
			t.Fatal(err)
		}
		_, err := read(t, "a.yaml", withGroups(t, "a.yaml", data, []sops.KeyGroup{{k}}), "a")
		wantError(t, err, []string{"a.yaml: is damaged: the data key for age " + k.Recipient + " " + want})
	}
}

// SOPS compiles the regular expressions of the metadata again for each value.
func TestPatternIsShort(t *testing.T) {
	recipient := newKey(t)
	for name, set := range map[string]func(*sops.Metadata, string){
		"encrypted":   func(m *sops.Metadata, p string) { m.EncryptedRegex = p },
		"unencrypted": func(m *sops.Metadata, p string) { m.UnencryptedRegex = p },
		"comment":     func(m *sops.Metadata, p string) { m.EncryptedCommentRegex = p },
		"not comment": func(m *sops.Metadata, p string) { m.UnencryptedCommentRegex = p },
	} {
		for size, want := range map[int]bool{1 << 10: true, 1<<10 + 1: false} {
			data := encrypt(t, "a.yaml", "a: text\n", recipient, func(m *sops.Metadata) { set(m, strings.Repeat("x", size)) })
			if _, err := opener(t).Open("a.yaml", data); (err == nil) != want {
				t.Errorf("%s, %d bytes: %v", name, size, err)
			}
		}
	}
}

// SOPS reads many keys in a time that grows with their square.
func TestTooManyLines(t *testing.T) {
	for _, name := range []string{"a.env", "a.ini"} {
		text := "[s]\n" + strings.Repeat("k=1\n", 20_000)
		_, err := opener(t).Open(name, []byte(text))
		wantError(t, err, []string{name + ": has more than 20000 lines (split it)"})
		_, err = opener(t).Open(name, []byte(strings.Repeat("# x\n", 20_000)))
		wantError(t, err, []string{name + ": is not encrypted with SOPS"})
	}
}

// A decryption that waits for the program of a key ends at the time limit.
func TestTooSlow(t *testing.T) {
	data := encrypt(t, "a.yaml", "a: text\n", identity(t).Recipient().String())
	sopstest.OnlyKey(t, "")
	t.Setenv("SOPS_AGE_KEY_CMD", writeProgram(t, "exec sleep 600"))
	o := opener(t)
	o.SetTime(time.Second)
	f, err := o.Open("a.yaml", data)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.Value(t.Context(), []string{"a"})
	wantError(t, err, []string{"a.yaml: decrypting it took longer than 1s (gpg, the command in"})
	wantKind(t, err, sopsfile.NoKey)
}
