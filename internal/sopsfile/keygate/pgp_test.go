package keygate_test

import (
	"io"
	"os"
	"os/exec"
	"regexp"
	"testing"

	"github.com/getsops/sops/v3/pgp"
	"github.com/secretsync/secretsync/internal/sopsfile/sopstest"
)

func TestPGP(t *testing.T) {
	if _, err := exec.LookPath("gpg"); err != nil {
		t.Skip("gpg is not installed: PGP keys are not tested")
	}
	sopstest.OnlyKey(t, "") // moves GNUPGHOME into a folder of its own
	if err := os.Chmod(os.Getenv("GNUPGHOME"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = exec.Command("gpgconf", "--kill", "gpg-agent").Run() })
	out, err := exec.Command("gpg", "--batch", "--passphrase", "", "--status-fd", "1", "--quick-generate-key", "test@example.com", "default", "default", "never").Output()
	made := regexp.MustCompile(`KEY_CREATED \w ([0-9A-F]{40})`).FindSubmatch(out)
	if err != nil || made == nil {
		t.Fatalf("gpg generates no key: %v", err)
	}
	key := pgp.NewMasterKeyFromFingerprint(string(made[1]))
	if err := key.Encrypt(dataKey); err != nil {
		t.Fatal(err)
	}
	wantDataKey(t, key)
}

// A keyring of GnuPG 1 works as with sops.
func TestKeyring(t *testing.T) {
	entity := pgpEntity(t)
	keyring(t, entity)
	t.Setenv("SOPS_GPG_EXEC", script(t, "exit 1"))
	wantDataKey(t, pgpKey(entity, armored(t, func(w io.Writer) error { return encryptTo(w, entity, dataKey) })))
	key := pgp.NewMasterKeyFromFingerprint(fingerprint(entity))
	if err := key.Encrypt(dataKey); err != nil { // with the public keyring
		t.Fatal(err)
	}
	wantDataKey(t, key)
}
