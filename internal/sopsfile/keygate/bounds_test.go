package keygate_test

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"github.com/getsops/sops/v3"
	sopsage "github.com/getsops/sops/v3/age"
	"github.com/getsops/sops/v3/keys"
	"github.com/secretsync/secretsync/internal/racetest"
	"github.com/secretsync/secretsync/internal/sopsfile/keygate"
	"github.com/secretsync/secretsync/internal/sopsfile/sopstest"
)

// dataKey is one of the size that SOPS generates.
var dataKey = bytes.Repeat([]byte{7}, 32)

func gate(t *testing.T, types ...string) *keygate.Gate {
	t.Helper()
	g, err := keygate.New(types)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// decrypt has SOPS decrypt the data key of a file that is encrypted for one key.
func decrypt(ctx context.Context, g *keygate.Gate, clock *keygate.Clock, key keys.MasterKey) ([]byte, *keygate.Failures) {
	failed := &keygate.Failures{}
	m := sops.Metadata{KeyGroups: []sops.KeyGroup{{key}}}
	plain, err := m.GetDataKeyWithKeyServices(g.Service(ctx, clock, failed), keygate.Local())
	if err != nil {
		return nil, failed
	}
	return plain, failed
}

func wantDataKey(t *testing.T, key keys.MasterKey) {
	t.Helper()
	if got, failed := decrypt(t.Context(), gate(t), nil, key); !bytes.Equal(got, dataKey) {
		t.Errorf("not the data key: %v, %v", failed.ByType, failed.Refused)
	}
}

func wantRefused(t *testing.T, key keys.MasterKey, what string) {
	t.Helper()
	got, failed := decrypt(t.Context(), gate(t), nil, key)
	want := []keygate.Refusal{{Type: key.TypeToIdentifier(), Name: key.ToString(), What: what}}
	if got != nil || !slices.Equal(failed.Refused, want) {
		t.Errorf("refused: %v, want %v", failed.Refused, want)
	}
}

func identity(t *testing.T) *age.X25519Identity {
	t.Helper()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// ageKey is a key in a SOPS file, with a data key.
func ageKey(t *testing.T, id *age.X25519Identity, dataKey []byte) *sopsage.MasterKey {
	t.Helper()
	k := &sopsage.MasterKey{Recipient: id.Recipient().String()}
	if err := k.Encrypt(dataKey); err != nil {
		t.Fatal(err)
	}
	return k
}

// commandOnly sets up a command as the only source of age identities.
func commandOnly(t *testing.T, variable, command string) {
	t.Helper()
	sopstest.OnlyKey(t, "")
	if err := os.Unsetenv("SOPS_AGE_KEY"); err != nil {
		t.Fatal(err)
	}
	t.Setenv(variable, command)
}

// A message for a public key, which anyone can write, may unpack to gigabytes. Neither
// decrypting it in process nor with gpg keeps them in memory.
func TestBomb(t *testing.T) {
	racetest.Large(t)
	entity := pgpEntity(t)
	large := pgpMessage(t, entity, 256<<20)
	small := pgpMessage(t, entity, 128<<20) // small enough to be decrypted
	if n := encryptedSize(t, small); n > 1<<10 {
		t.Fatalf("the small message has %d encrypted bytes, so that it is refused before it is decrypted", n)
	}
	t.Logf("messages of %d and %d bytes", len(large), len(small))
	for name, test := range map[string]struct {
		message string
		key     func(*testing.T, *openpgp.Entity)
	}{
		"keyring": {large, keyring}, "keyring, small": {small, keyring},
		"gpg": {large, gpgKey}, "gpg, small": {small, gpgKey},
	} {
		t.Run(name, func(t *testing.T) {
			test.key(t, entity)
			wantBounded(t, 32<<20, func() { wantRefused(t, pgpKey(entity, test.message), "holds more than a data key") })
		})
	}
}

// wantBounded checks that a function allocates no more than a number of bytes.
func wantBounded(t *testing.T, most uint64, do func()) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	do()
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > most {
		t.Errorf("%d MiB were allocated", n>>20)
	}
}

// What is not encrypted, or encrypted with a passphrase, gets to no key.
func TestOnlyMessagesForKeys(t *testing.T) {
	entity := pgpEntity(t)
	for name, write := range map[string]func(io.Writer) error{
		"in clear": func(w io.Writer) error { return literal(w, dataKey) },
		"compressed in clear": func(w io.Writer) error {
			c, err := packet.SerializeCompressed(nopCloser{w}, packet.CompressionZLIB, nil)
			if err == nil {
				err = literal(c, dataKey)
			}
			return closed(c, err)
		},
		"passphrase": func(w io.Writer) error {
			c, err := openpgp.SymmetricallyEncrypt(w, []byte("passphrase"), nil, nil)
			if err == nil {
				_, err = c.Write(dataKey)
			}
			return closed(c, err)
		},
		"nothing": func(io.Writer) error { return nil },
		"two":     func(w io.Writer) error { return joined(encryptTo(w, entity, dataKey), encryptTo(w, entity, dataKey)) },
		"behind":  func(w io.Writer) error { return joined(encryptTo(w, entity, dataKey), literal(w, dataKey)) },
	} {
		t.Run(name, func(t *testing.T) {
			keyring(t, entity)
			t.Setenv("SOPS_GPG_EXEC", script(t, "touch $0.ran"))
			wantRefused(t, pgpKey(entity, armored(t, write)), "is not a PGP message as sops writes it")
			if _, err := os.Stat(os.Getenv("SOPS_GPG_EXEC") + ".ran"); err == nil {
				t.Error("gpg was run")
			}
		})
	}
}

// gpg and the commands of age keys are killed when they print too much or take too long.
func TestKeyProgram(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the programs are scripts of a Unix shell")
	}
	entity := pgpEntity(t)
	good := pgpKey(entity, armored(t, func(w io.Writer) error { return encryptTo(w, entity, dataKey) }))
	t.Setenv("SOPS_GPG_EXEC", script(t, "yes"))
	wantBounded(t, 32<<20, func() { wantRefused(t, good, "holds more than a data key") })

	ageFile := ageKey(t, identity(t), dataKey)
	for _, variable := range []string{"SOPS_AGE_KEY_CMD", "SOPS_AGE_SSH_PRIVATE_KEY_CMD"} {
		commandOnly(t, variable, "yes")
		wantBounded(t, 32<<20, func() {
			_, failed := decrypt(t.Context(), gate(t), nil, ageFile)
			if got := failed.ByType["age"]; len(got) != 1 || !strings.HasPrefix(got[0], "failed to execute command yes: ") {
				t.Errorf("%s: %q", variable, got)
			}
		})
	}

	sleep := script(t, "echo $$ >$0.pid; exec sleep 600")
	commandOnly(t, "SOPS_AGE_KEY_CMD", sleep)
	wantKilled(t, ageFile, sleep)
	if err := os.Remove(sleep + ".pid"); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SOPS_GPG_EXEC", sleep)
	wantKilled(t, good, sleep)
}

// wantKilled checks that a program that a decryption waits for ends with its context.
func wantKilled(t *testing.T, key keys.MasterKey, program string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if got, _ := decrypt(ctx, gate(t), nil, key); got != nil || ctx.Err() == nil {
		t.Errorf("%s: decrypted, or over before the time", key.TypeToIdentifier())
	}
	checkEnded(t, program+".pid")
}

// checkEnded waits until a process has ended.
func checkEnded(t *testing.T, pidFile string) {
	t.Helper()
	pid, err := os.ReadFile(pidFile)
	if err != nil {
		t.Fatal(err)
	}
	for range 200 {
		if exec.Command("kill", "-0", strings.TrimSpace(string(pid))).Run() != nil {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("process %s goes on", pid)
}

// No key of any type gets or yields more than a data key needs.
func TestDataKeyIsSmall(t *testing.T) {
	id := identity(t)
	sopstest.OnlyKey(t, id.String())
	wantDataKey(t, ageKey(t, id, dataKey))
	wantRefused(t, ageKey(t, id, make([]byte, 65)), "holds more than a data key")
	wantRefused(t, ageKey(t, id, make([]byte, 64<<10)), "is larger than 16 KiB")
}

// A key of a type that is not allowed is not used, and nothing is kept of it.
func TestTypeNotAllowed(t *testing.T) {
	id := identity(t)
	sopstest.OnlyKey(t, id.String())
	key := ageKey(t, id, dataKey)
	groups := []sops.KeyGroup{{key}}
	got, failed := decrypt(t.Context(), gate(t, "pgp"), nil, key)
	if got != nil || failed.ByType != nil || failed.Refused != nil {
		t.Errorf("decrypted, or %v, %v", failed.ByType, failed.Refused)
	}
	if types := gate(t, "pgp").Refused(groups); !slices.Equal(types, []string{"age"}) {
		t.Errorf("refused: %q", types)
	}
	if types := gate(t).Refused(groups); types != nil {
		t.Errorf("refused: %q", types)
	}
	tree := sops.Tree{Metadata: sops.Metadata{KeyGroups: groups}}
	if _, errs := tree.GenerateDataKeyWithKeyServices(gate(t, "pgp").Service(t.Context(), nil, nil)); len(errs) == 0 {
		t.Error("encrypted for it")
	}
	if _, err := keygate.New([]string{"none"}); err == nil || !strings.HasPrefix(err.Error(), `"none" is not a SOPS key type: want one of age, `) {
		t.Errorf("a type that SOPS doesn't have: %v", err)
	}
}

// script writes a program of the shell.
func script(t *testing.T, text string) (name string) {
	t.Helper()
	name = filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(name, []byte("#!/bin/sh\n"+text+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return name
}
