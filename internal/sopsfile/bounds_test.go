package sopsfile_test

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"github.com/getsops/sops/v3"
	sopsage "github.com/getsops/sops/v3/age"
	"github.com/getsops/sops/v3/pgp"
	"github.com/secretsync/secretsync/internal/sopsfile"
)

// A message for a public key, which anyone can write, may unpack to gigabytes. Neither
// decrypting it in process nor with gpg keeps them in memory.
func TestBomb(t *testing.T) {
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
			data := pgpFile(t, entity, test.message)
			test.key(t, entity)
			wantBounded(t, 32<<20, func() {
				_, err := read(t, "a.yaml", data, "a")
				wantError(t, err, []string{"a.yaml: is damaged: the data key for pgp " + fingerprint(entity) + " holds more than a data key"})
				wantKind(t, err, sopsfile.Damaged)
			})
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
	dataKey := bytes.Repeat([]byte{7}, 32)
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
			data := pgpFile(t, entity, armored(t, write))
			keyring(t, entity)
			t.Setenv("SOPS_GPG_EXEC", script(t, "touch $0.ran"))
			_, err := read(t, "a.yaml", data, "a")
			wantError(t, err, []string{"is not a PGP message as sops writes it"})
			if _, err := os.Stat(os.Getenv("SOPS_GPG_EXEC") + ".ran"); err == nil {
				t.Error("gpg was run")
			}
		})
	}
}

// A keyring of GnuPG 1 works as with sops.
func TestKeyring(t *testing.T) {
	entity := pgpEntity(t)
	recipient := newKey(t)
	keyring(t, entity)
	data := encrypt(t, "a.yaml", "a: text\n", recipient, func(m *sops.Metadata) {
		m.KeyGroups = []sops.KeyGroup{{pgp.NewMasterKeyFromFingerprint(fingerprint(entity))}}
	})
	t.Setenv("SOPS_GPG_EXEC", script(t, "exit 1"))
	if got, err := read(t, "a.yaml", data, "a"); err != nil || got != "text" {
		t.Errorf("%q, %v", got, err)
	}
}

// gpg and the commands of age keys are killed when they print too much or take too long.
func TestKeyProgram(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the programs are scripts of a Unix shell")
	}
	entity := pgpEntity(t)
	good := pgpFile(t, entity, armored(t, func(w io.Writer) error { return encryptTo(w, entity, bytes.Repeat([]byte{7}, 32)) }))
	t.Setenv("SOPS_GPG_EXEC", script(t, "yes"))
	wantBounded(t, 32<<20, func() {
		_, err := read(t, "a.yaml", good, "a")
		wantError(t, err, []string{"a.yaml: is damaged: the data key for pgp", "holds more than a data key"})
	})

	ageFile := encrypt(t, "a.yaml", "a: text\n", identity(t).Recipient().String())
	for _, variable := range []string{"SOPS_AGE_KEY_CMD", "SOPS_AGE_SSH_PRIVATE_KEY_CMD"} {
		t.Setenv(variable, "yes")
		wantBounded(t, 32<<20, func() {
			_, err := read(t, "a.yaml", ageFile, "a")
			wantError(t, err, []string{"a.yaml: no available key", "the command in " + variable + " wrote too much"})
		})
		t.Setenv(variable, "true")
	}

	t.Setenv("SOPS_GPG_EXEC", script(t, "echo $$ >$0.pid; exec sleep 600"))
	wantTooSlow(t, good, os.Getenv("SOPS_GPG_EXEC"))
	sleep := script(t, "echo $$ >$0.pid; exec sleep 600")
	t.Setenv("SOPS_AGE_KEY_CMD", sleep)
	wantTooSlow(t, ageFile, sleep)
}

// A command of an age key works as with sops.
func TestIdentityCommand(t *testing.T) {
	id := identity(t)
	onlyKey(t, "")
	data := encrypt(t, "a.yaml", "a: text\n", id.Recipient().String())
	program := script(t, `test "$SOPS_AGE_RECIPIENT" = "$1" && printf '# a comment\n%s\n' "$2" && echo once >>$0.runs`)
	t.Setenv("SOPS_AGE_KEY_CMD", fmt.Sprintf("%s '%s' \"%s\"", program, id.Recipient(), id))
	if got, err := read(t, "a.yaml", data, "a"); err != nil || got != "text" {
		t.Errorf("%q, %v", got, err)
	}
	if runs, err := os.ReadFile(program + ".runs"); err != nil || string(runs) != "once\n" {
		t.Errorf("it was run: %q, %v", runs, err)
	}
}

// wantTooSlow checks that a program that a decryption waits for is killed.
func wantTooSlow(t *testing.T, data []byte, program string) {
	t.Helper()
	o := opener(t)
	o.SetTime(2 * time.Second)
	f, err := o.Open("a.yaml", data)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.Value(t.Context(), []string{"a"})
	wantError(t, err, []string{"a.yaml: decrypting it took longer than 2s (gpg, the command in"})
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
	onlyKey(t, id.String())
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

// pgpEntity generates a PGP key, and hides those of whoever runs the test.
func pgpEntity(t *testing.T) *openpgp.Entity {
	t.Helper()
	onlyKey(t, "")
	e, err := openpgp.NewEntity("Test", "", "test@example.com", nil)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func fingerprint(e *openpgp.Entity) string { return fmt.Sprintf("%X", e.PrimaryKey.Fingerprint) }

// keyring makes a key the only one, as GnuPG 1 keeps them.
func keyring(t *testing.T, e *openpgp.Entity) {
	t.Helper()
	var public, private bytes.Buffer
	if err := joined(e.SerializePrivate(&private, nil), e.Serialize(&public)); err != nil {
		t.Fatal(err)
	}
	home := t.TempDir()
	t.Setenv("GNUPGHOME", home)
	for name, data := range map[string][]byte{"secring.gpg": private.Bytes(), "pubring.gpg": public.Bytes()} {
		if err := os.WriteFile(filepath.Join(home, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// gpgKey makes a key the only one that gpg has.
func gpgKey(t *testing.T, e *openpgp.Entity) {
	t.Helper()
	if _, err := exec.LookPath("gpg"); err != nil {
		t.Skip("gpg is not installed")
	}
	home, err := os.MkdirTemp("", "gpg") // of a short name, for gpg-agent's socket
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("GNUPGHOME", home)
	t.Cleanup(func() {
		_ = exec.Command("gpgconf", "--kill", "gpg-agent").Run()
		_ = os.RemoveAll(home)
	})
	var private bytes.Buffer
	if err := e.SerializePrivate(&private, nil); err != nil {
		t.Fatal(err)
	}
	importing := exec.Command("gpg", "--batch", "--import")
	importing.Stdin = &private
	if out, err := importing.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

// pgpFile is a SOPS file whose data key, for a PGP key, is in the message.
func pgpFile(t *testing.T, e *openpgp.Entity, message string) []byte {
	t.Helper()
	k := pgp.NewMasterKeyFromFingerprint(fingerprint(e))
	k.EncryptedKey = message
	return withGroups(t, "a.yaml", encrypt(t, "a.yaml", "a: text\n", identity(t).Recipient().String()), []sops.KeyGroup{{k}})
}

// pgpMessage encrypts zeros that are compressed twice: the packets of zeros compress well too.
func pgpMessage(t *testing.T, e *openpgp.Entity, size int) string {
	t.Helper()
	return armored(t, func(w io.Writer) error {
		content, err := encryptedPacket(w, e)
		if err != nil {
			return err
		}
		all := []io.WriteCloser{content}
		for range 2 {
			c, err := packet.SerializeCompressed(nopCloser{all[len(all)-1]}, packet.CompressionZLIB, &packet.CompressionConfig{Level: 9})
			if err != nil {
				return err
			}
			all = append(all, c)
		}
		err = literal(all[len(all)-1], make([]byte, size))
		for i := range all {
			err = closed(all[len(all)-1-i], err)
		}
		return err
	})
}

// encryptedSize is the size of what is encrypted in a message.
func encryptedSize(t *testing.T, message string) (size int) {
	t.Helper()
	block, err := armor.Decode(strings.NewReader(message))
	if err != nil {
		t.Fatal(err)
	}
	for packets := packet.NewOpaqueReader(block.Body); ; {
		p, err := packets.Next()
		if err != nil {
			return size
		}
		size = len(p.Contents)
	}
}

func encryptTo(w io.Writer, e *openpgp.Entity, data []byte) error {
	content, err := encryptedPacket(w, e)
	if err != nil {
		return err
	}
	return closed(content, literal(content, data))
}

// encryptedPacket writes a session key, and begins what is encrypted with it.
func encryptedPacket(w io.Writer, e *openpgp.Entity) (io.WriteCloser, error) {
	k, _ := e.EncryptionKey(time.Now())
	session := make([]byte, 32)
	if _, err := rand.Read(session); err != nil {
		return nil, err
	}
	if err := packet.SerializeEncryptedKey(w, k.PublicKey, packet.CipherAES256, session, nil); err != nil {
		return nil, err
	}
	return packet.SerializeSymmetricallyEncrypted(w, packet.CipherAES256, false, packet.CipherSuite{}, session, nil)
}

// literal writes a literal packet of one length, which compresses better than one of parts.
func literal(w io.Writer, data []byte) error {
	size := len(data) + 6
	header := []byte{0xc0 | 11, 255, byte(size >> 24), byte(size >> 16), byte(size >> 8), byte(size), 'b', 0, 0, 0, 0, 0}
	_, err := w.Write(append(header, data...))
	return err
}

func armored(t *testing.T, write func(io.Writer) error) string {
	t.Helper()
	var b bytes.Buffer
	w, err := armor.Encode(&b, "PGP MESSAGE", nil)
	if err == nil {
		err = closed(w, write(w))
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }

func closed(w io.Closer, err error) error { return joined(err, w.Close()) }

func joined(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
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
