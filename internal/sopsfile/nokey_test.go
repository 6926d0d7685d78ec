package sopsfile_test

import (
	"encoding/base64"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"

	"filippo.io/age"
	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/getsops/sops/v3"
	"github.com/getsops/sops/v3/pgp"
	"github.com/secretsync/secretsync/internal/sopsfile"
	"github.com/secretsync/secretsync/internal/sopsfile/sopstest"
)

// wantNoKey decrypts a file, which must fail with all the words, and shows no key.
func wantNoKey(t *testing.T, data []byte, words []string, secrets ...string) {
	t.Helper()
	_, err := read(t, "a.yaml", data, "a")
	wantKind(t, err, sopsfile.NoKey)
	for i, s := range secrets {
		secrets[i] = strings.TrimPrefix(s, "AGE-SECRET-KEY-1")
	}
	wantError(t, err, words, secrets...)
}

// keyTexts are what people have in SOPS_AGE_KEY, or in the file that SOPS_AGE_KEY_FILE names,
// instead of an identity. SOPS refuses each.
func keyTexts(id *age.X25519Identity) map[string]struct{ text, words string } {
	key, file := id.String(), "# created: 2026\n# public key: "+id.Recipient().String()+"\n"+id.String()+"\n"
	return map[string]struct{ text, words string }{
		"quotes":         {`"` + key + `"`, "holds quotes, which are a part of it"},
		"single quotes":  {"'" + key + "'", "holds quotes"},
		"curly quotes":   {"“" + key + "”", "holds quotes"},
		"base64":         {base64.StdEncoding.EncodeToString([]byte(file)), "holds an identity in base64; "},
		"base64, raw":    {base64.RawURLEncoding.EncodeToString([]byte(key)), "holds an identity in base64; "},
		"base64, broken": {base64.StdEncoding.EncodeToString([]byte(file))[:60] + "\n" + base64.StdEncoding.EncodeToString([]byte(file))[60:], "holds an identity in base64"},
		"literal \\n":    {strings.ReplaceAll(file, "\n", `\n`), `holds \n in place of line ends`},
		"key and \\n":    {key + `\n`, `holds \n in place of line ends`},
		"one line":       {strings.ReplaceAll(file, "\n", " "), "holds a key file on one line"},
		"recipient":      {id.Recipient().String(), "holds a recipient, which is a public key"},
		"SSH key":        {"-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNz\n-----END OPENSSH PRIVATE KEY-----\n", "holds an SSH or other private key"},
		"SSH public key": {"ssh-ed25519 AAAA me@example.com", "holds an SSH public key"},
		"PGP key":        {"-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nx\n", "holds a PGP key"},
		"lower case":     {strings.ToLower(key), "holds an identity in lower case"},
		"cut":            {key[:len(key)-3], "holds an identity that is damaged"},
		"typing error":   {key[:30] + "B" + key[31:], "holds an identity that is damaged"},
		"twice":          {key + key, "holds an identity that is damaged"},
		"assignment":     {"SOPS_AGE_KEY=" + key, "holds other text next to the identity"},
		"comment only":   {"# public key: " + id.Recipient().String() + "\n", "holds no identity, only comments"},
		"placeholder":    {"${{secrets.SOPS_AGE_KEY}}", "holds a placeholder"},
		"something":      {"hunter2-CANARY", "holds something that is not an age identity"},
		"BOM":            {"\ufeff" + key, "holds a byte order mark"},
	}
}

func TestKeyInVariable(t *testing.T) {
	theirs := identity(t).Recipient().String()
	data := encrypt(t, "a.yaml", "a: text\n", theirs)
	id := identity(t)
	for name, c := range keyTexts(id) {
		t.Run(name, func(t *testing.T) {
			sopstest.OnlyKey(t, c.text)
			wantNoKey(t, data, []string{"no available key can decrypt it: SOPS_AGE_KEY " + c.words, "encrypted for age " + theirs}, id.String(), canary)
		})
	}
	t.Run("empty", func(t *testing.T) {
		sopstest.OnlyKey(t, " ")
		wantNoKey(t, data, []string{"SOPS_AGE_KEY is set but empty", "a secret that the job may not read is empty"})
	})
	t.Run("name of a file", func(t *testing.T) {
		sopstest.OnlyKey(t, writeFile(t, "keys", id.String()))
		wantNoKey(t, data, []string{"SOPS_AGE_KEY holds the name of a file", "set SOPS_AGE_KEY_FILE to its full path"}, id.String())
	})
	t.Run("name of a file that is not here", func(t *testing.T) {
		sopstest.OnlyKey(t, "~/keys.txt")
		wantNoKey(t, data, []string{"SOPS_AGE_KEY holds the name of a file", "set SOPS_AGE_KEY_FILE to its full path"})
	})
	t.Run("another key", func(t *testing.T) {
		sopstest.OnlyKey(t, id.String())
		wantNoKey(t, data, []string{"SOPS_AGE_KEY holds the identity of " + id.Recipient().String() + ", which the file is not encrypted for",
			"and run sops updatekeys a.yaml"}, id.String())
	})
	t.Run("another key for a file of another name", func(t *testing.T) {
		sopstest.OnlyKey(t, id.String())
		_, err := read(t, ".dev.vars", encrypt(t, "a.env", "a=text\n", theirs), "a")
		wantKind(t, err, sopsfile.NoKey)
		wantError(t, err, []string{"and run sops updatekeys --input-type dotenv .dev.vars"}, id.String())
	})
	t.Run("post-quantum key", func(t *testing.T) {
		pq, err := age.GenerateHybridIdentity()
		if err != nil {
			t.Fatal(err)
		}
		sopstest.OnlyKey(t, pq.String())
		wantNoKey(t, data, []string{"SOPS_AGE_KEY holds the identity of age1pq1", "..., which the file is not encrypted for"}, strings.TrimPrefix(pq.String(), "AGE-SECRET-KEY-PQ-1"))
	})
}

// A file may have what a variable may not, and the other way round.
func TestKeyInFile(t *testing.T) {
	data := encrypt(t, "a.yaml", "a: text\n", identity(t).Recipient().String())
	id := identity(t)
	texts := keyTexts(id)
	texts["indented"] = struct{ text, words string }{"  " + id.String() + "\n", "holds an identity with spaces around it"}
	texts["blank line"] = struct{ text, words string }{" \n" + id.String() + "\n", "holds a line of blanks"}
	texts["empty"] = struct{ text, words string }{"", "holds no identity, only comments or nothing"}
	texts["UTF-16"] = struct{ text, words string }{utf16LE("\ufeff" + id.String() + "\r\n"), "holds text in UTF-16"}
	texts["UTF-16 without BOM"] = struct{ text, words string }{utf16LE(id.String()), "holds text in UTF-16"}
	texts["UTF-32"] = struct{ text, words string }{"\xff\xfe\x00\x00A\x00\x00\x00", "holds text in UTF-32"}
	texts["other data"] = struct{ text, words string }{"\x00\x01CANARY", "holds something that is not an age identity"}
	for name, c := range texts {
		t.Run(name, func(t *testing.T) {
			sopstest.OnlyKey(t, "")
			_ = os.Unsetenv("SOPS_AGE_KEY")
			file := writeFile(t, "keys.txt", c.text)
			t.Setenv("SOPS_AGE_KEY_FILE", file)
			wantNoKey(t, data, []string{`the file in SOPS_AGE_KEY_FILE, "` + file + `", ` + c.words}, id.String(), canary)
		})
	}
}

// The name of the key file is wrong, or is not the name of a file.
func TestKeyFileName(t *testing.T) {
	data := encrypt(t, "a.yaml", "a: text\n", identity(t).Recipient().String())
	id := identity(t)
	folder := t.TempDir()
	fifo := writeFile(t, "secret.txt", id.String())
	if err := os.Chmod(fifo, 0); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		file  string
		words []string
	}{
		"absent":      {filepath.Join(folder, "none.txt"), []string{`SOPS_AGE_KEY_FILE names "` + folder + `/none.txt", which does not exist`}},
		"tilde":       {"~/keys.txt", []string{`names "~/keys.txt", which does not exist`, "only a shell replaces ~"}},
		"relative":    {"keys.txt", []string{"which does not exist", "relative to the current folder, /"}},
		"in quotes":   {`"/tmp/none.txt"`, []string{"which does not exist", "without the quotes"}},
		"variable":    {"$HOME/none.txt", []string{"which does not exist", "nothing has replaced the variable"}},
		"backslashes": {`C:\Users\me\keys.txt`, []string{"which does not exist", "write the path as it is on this system, with /"}},
		"part of key": {id.String()[15:], []string{"names a file that does not exist", "set SOPS_AGE_KEY_FILE to the full path of the key file"}},
		"folder":      {folder, []string{"is a folder", "name the key file in the folder"}},
		"device":      {os.DevNull, []string{"is a pipe or a device"}},
		"empty":       {"", []string{"SOPS_AGE_KEY_FILE is set but empty"}},
		"a key":       {id.String(), []string{"SOPS_AGE_KEY_FILE holds an identity instead of the name of a file", "set SOPS_AGE_KEY to that identity"}},
		"key, base64": {base64.StdEncoding.EncodeToString([]byte(id.String())), []string{"SOPS_AGE_KEY_FILE holds an identity"}},
		"a password":  {canary, []string{"SOPS_AGE_KEY_FILE names a file that does not exist"}},
	} {
		t.Run(name, func(t *testing.T) {
			sopstest.OnlyKey(t, "")
			_ = os.Unsetenv("SOPS_AGE_KEY")
			t.Setenv("SOPS_AGE_KEY_FILE", c.file)
			wantNoKey(t, data, c.words, id.String(), canary)
		})
	}
	t.Run("unreadable", func(t *testing.T) {
		if os.Geteuid() == 0 {
			t.Skip("root may read every file")
		}
		sopstest.OnlyKey(t, "")
		t.Setenv("SOPS_AGE_KEY_FILE", fifo)
		wantNoKey(t, data, []string{"cannot be read by this user"})
	})
	t.Run("nothing is set", func(t *testing.T) {
		sopstest.OnlyKey(t, "")
		_ = os.Unsetenv("SOPS_AGE_KEY")
		wantNoKey(t, data, []string{"SOPS_AGE_KEY, SOPS_AGE_KEY_FILE and SOPS_AGE_KEY_CMD are not set, and ", `/sops/age/keys.txt" does not exist`, "set SOPS_AGE_KEY_FILE to the full path"})
	})
	t.Run("the user's own file", func(t *testing.T) {
		sopstest.OnlyKey(t, "")
		_ = os.Unsetenv("SOPS_AGE_KEY")
		own := filepath.Join(os.Getenv("XDG_CONFIG_HOME"), "sops", "age", "keys.txt")
		if err := os.MkdirAll(filepath.Dir(own), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(own, []byte("age1recipient"), 0o600); err != nil {
			t.Fatal(err)
		}
		wantNoKey(t, data, []string{own + " holds a recipient"})
	})
}

// Commands are run by SOPS, and only once for each recipient: what they wrote is not known.
func TestKeyCommand(t *testing.T) {
	id := identity(t)
	data := encrypt(t, "a.yaml", "a: text\n", id.Recipient().String())
	for name, c := range map[string]struct{ command, words string }{
		"failed":         {"sh -c 'echo " + canary + "; echo " + canary + " >&2; exit 3'", "the command in SOPS_AGE_KEY_CMD failed with exit code 3"},
		"status in text": {"sh -c 'exit status 9'", "SOPS_AGE_KEY_CMD failed with exit code "},
		"killed":         {"sh -c 'kill -9 $$'", "the command in SOPS_AGE_KEY_CMD was killed"},
		"no program":     {"no-such-program-" + canary, "the command in SOPS_AGE_KEY_CMD could not be run"},
		"open quote":     {"sh -c '" + canary, "the quotes in SOPS_AGE_KEY_CMD do not match"},
		"something else": {"echo " + canary, "the command in SOPS_AGE_KEY_CMD wrote something that is not an identity"},
		"nothing":        {"true " + canary, "the command in SOPS_AGE_KEY_CMD wrote no identity"},
		"another key":    {"echo " + identity(t).String(), "SOPS_AGE_KEY_CMD holds the identity of another recipient"},
		"empty":          {" ", "SOPS_AGE_KEY_CMD is set but empty, so SOPS uses no age key; "},
	} {
		t.Run(name, func(t *testing.T) {
			sopstest.OnlyKey(t, "")
			_ = os.Unsetenv("SOPS_AGE_KEY")
			t.Setenv("SOPS_AGE_KEY_CMD", c.command)
			wantNoKey(t, data, []string{c.words}, canary, id.String())
		})
	}
	t.Run("empty beside a good key", func(t *testing.T) {
		sopstest.OnlyKey(t, id.String())
		t.Setenv("SOPS_AGE_KEY_CMD", "")
		wantNoKey(t, data, []string{"SOPS_AGE_KEY_CMD is set but empty", "(unset SOPS_AGE_KEY_CMD"}, id.String())
	})
	for _, variable := range []string{"SOPS_AGE_KEY_CMD", "SOPS_AGE_SSH_PRIVATE_KEY_CMD"} {
		t.Run(variable+" writes too much", func(t *testing.T) {
			sopstest.OnlyKey(t, "")
			_ = os.Unsetenv("SOPS_AGE_KEY")
			t.Setenv(variable, "yes")
			wantNoKey(t, data, []string{"the command in " + variable + " wrote too much"})
		})
	}
	t.Run("SSH, empty", func(t *testing.T) {
		sopstest.OnlyKey(t, id.String())
		t.Setenv("SOPS_AGE_SSH_PRIVATE_KEY_CMD", "")
		wantNoKey(t, data, []string{"SOPS_AGE_SSH_PRIVATE_KEY_CMD is set but empty"}, id.String())
	})
}

// The right key is there, but the file's entry for it is damaged.
func TestEntryForKeyDamaged(t *testing.T) {
	id := identity(t)
	data := encrypt(t, "a.yaml", "a: text\n", id.Recipient().String())
	sopstest.OnlyKey(t, id.String())
	wantNoKey(t, replace(t, data, "-----BEGIN AGE", "-----BEGIN WAX"),
		[]string{"SOPS_AGE_KEY holds the identity of its recipient " + id.Recipient().String() + ", but what the file has for it is damaged"}, id.String())
}

func TestSSHRecipient(t *testing.T) {
	const theirs = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHsKLqeplhpW+uObz5dvMgjz1OxfM/XXUB+VHtZ6isGN"
	data := encrypt(t, "a.yaml", "a: text\n", theirs)
	sopstest.OnlyKey(t, "")
	_ = os.Unsetenv("SOPS_AGE_KEY")
	wantNoKey(t, data, []string{"no SSH key was found in SOPS_AGE_SSH_PRIVATE_KEY_FILE and ~/.ssh"})
	t.Setenv("SOPS_AGE_SSH_PRIVATE_KEY_FILE", writeFile(t, "id.pub", theirs))
	wantNoKey(t, data, []string{"SOPS_AGE_SSH_PRIVATE_KEY_FILE names a file that is not an SSH private key", "without .pub"})
	t.Setenv("SOPS_AGE_SSH_PRIVATE_KEY_FILE", "-----BEGIN OPENSSH PRIVATE KEY-----\n"+canary)
	wantNoKey(t, data, []string{"SOPS_AGE_SSH_PRIVATE_KEY_FILE holds a key instead of the name of a file"}, canary)
}

// Each type of key has its own hint.
func TestHintOfKeyType(t *testing.T) {
	recipient := identity(t).Recipient().String()
	const fingerprint = "85D77543B3D624B63CEA9E6DBC17301B491B3F21"
	data := encrypt(t, "a.yaml", "a: text\n", recipient)
	sopstest.OnlyKey(t, "")
	url, _ := listen(t)
	pgpKey := pgp.NewMasterKeyFromFingerprint(fingerprint)
	pgpKey.EncryptedKey = messageForAnother(t)
	pgpOnly := withGroups(t, "a.yaml", data, []sops.KeyGroup{{pgpKey}})

	t.Run("pgp", func(t *testing.T) {
		if _, err := exec.LookPath("gpg"); err != nil {
			t.Skip("gpg is not installed")
		}
		_, err := read(t, "a.yaml", pgpOnly, "a")
		wantError(t, err, []string{"no available key can decrypt it: gpg has no private key for it", "gpg --list-secret-keys " + fingerprint + " shows"}, "SOPS_AGE")
	})
	t.Run("no gpg", func(t *testing.T) {
		t.Setenv("PATH", t.TempDir())
		_, err := read(t, "a.yaml", pgpOnly, "a")
		wantError(t, err, []string{"gpg is not installed", "install GnuPG"}, "SOPS_AGE")
		t.Setenv("SOPS_GPG_EXEC", "/none")
		_, err = read(t, "a.yaml", pgpOnly, "a")
		wantError(t, err, []string{"the program in SOPS_GPG_EXEC cannot be run"}, "SOPS_AGE")
	})
	t.Run("no terminal", func(t *testing.T) {
		t.Setenv("SOPS_GPG_EXEC", writeProgram(t, "echo 'gpg: decryption failed: Inappropriate ioctl for device' >&2; exit 2"))
		_, err := read(t, "a.yaml", pgpOnly, "a")
		wantError(t, err, []string{"gpg could not ask for the passphrase", "export GPG_TTY=$(tty)"})
	})
	t.Run("hc_vault", func(t *testing.T) {
		t.Setenv("VAULT_TOKEN", canary)
		f, err := opener(t, "hc_vault").Open("a.yaml", withGroups(t, "a.yaml", data, []sops.KeyGroup{{vaultKey(url)}}))
		if err != nil {
			t.Fatal(err)
		}
		_, err = f.Value(t.Context(), []string{"a"})
		wantError(t, err, []string{"no available key can decrypt it; it is encrypted for hc_vault", "VAULT_TOKEN"}, canary, "SOPS_AGE", "gpg --")
	})
}

// messageForAnother is a PGP message as SOPS writes it, for a key that is not here.
func messageForAnother(t *testing.T) string {
	t.Helper()
	entity, err := openpgp.NewEntity("Test", "", "test@example.com", nil)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	a, err := armor.Encode(&b, "PGP MESSAGE", nil)
	if err != nil {
		t.Fatal(err)
	}
	w, err := openpgp.Encrypt(a, []*openpgp.Entity{entity}, nil, nil, nil)
	if err == nil {
		_, err = w.Write(make([]byte, 32))
	}
	if err := errors.Join(err, w.Close(), a.Close()); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func writeFile(t *testing.T, name, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// writeProgram writes a shell script that can be run.
func writeProgram(t *testing.T, script string) string {
	t.Helper()
	file := writeFile(t, "program", "#!/bin/sh\n"+script+"\n")
	if err := os.Chmod(file, 0o700); err != nil {
		t.Fatal(err)
	}
	return file
}

func utf16LE(text string) string {
	var b []byte
	for _, unit := range utf16.Encode([]rune(text)) {
		b = append(b, byte(unit), byte(unit>>8))
	}
	return string(b)
}
