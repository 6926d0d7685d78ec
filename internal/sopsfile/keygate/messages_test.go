package keygate_test

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"github.com/getsops/sops/v3/pgp"
	"github.com/secretsync/secretsync/internal/sopsfile/sopstest"
)

// pgpEntity generates a PGP key, and hides the keys of the user who runs the test.
func pgpEntity(t *testing.T) *openpgp.Entity {
	t.Helper()
	sopstest.OnlyKey(t, "")
	e, err := openpgp.NewEntity("Test", "", "test@example.com", nil)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// pgpKey is a key in a SOPS file, whose data key is in the message.
func pgpKey(e *openpgp.Entity, message string) *pgp.MasterKey {
	k := pgp.NewMasterKeyFromFingerprint(fingerprint(e))
	k.EncryptedKey = message
	return k
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

// encryptedSize is the size of the encrypted data in a message.
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

// encryptedPacket writes a session key, and begins the data that is encrypted with it.
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
