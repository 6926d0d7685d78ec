package sopsfile_test

import (
	"os"
	"os/exec"
	"regexp"
	"testing"

	"github.com/getsops/sops/v3"
	"github.com/getsops/sops/v3/pgp"
)

func TestPGP(t *testing.T) {
	if _, err := exec.LookPath("gpg"); err != nil {
		t.Skip("gpg is not installed: PGP keys are not tested")
	}
	recipient := newKey(t) // moves GNUPGHOME into a folder of its own
	if err := os.Chmod(os.Getenv("GNUPGHOME"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = exec.Command("gpgconf", "--kill", "gpg-agent").Run() })
	out, err := exec.Command("gpg", "--batch", "--passphrase", "", "--status-fd", "1", "--quick-generate-key", "test@example.com", "default", "default", "never").Output()
	made := regexp.MustCompile(`KEY_CREATED \w ([0-9A-F]{40})`).FindSubmatch(out)
	if err != nil || made == nil {
		t.Fatalf("gpg generates no key: %v", err)
	}
	data := encrypt(t, "a.yaml", "a: text\n", recipient, func(m *sops.Metadata) {
		m.KeyGroups = []sops.KeyGroup{{pgp.NewMasterKeyFromFingerprint(string(made[1]))}}
	})
	if got, err := read(t, "a.yaml", data, "a"); err != nil || got != "text" {
		t.Errorf("%q, %v", got, err)
	}
}
