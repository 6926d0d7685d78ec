package agekeys

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"filippo.io/age"
	"github.com/secretsync/secretsync/internal/atomicfile"
)

// Own is an identity of the user.
type Own struct {
	// Place is the variable or the file that has it.
	Place string
	// Recipient is whom to encrypt for, so that the identity decrypts it. It is empty if only
	// using the identity would show it: a plugin's, one behind a passphrase, or a command's.
	Recipient string
}

// ConfigFile is the file in the user's configuration folder that SOPS reads identities from, or ""
// if the environment names no such folder.
func ConfigFile(lookupEnv func(string) (string, bool)) string {
	env := func(name string) string { value, _ := lookupEnv(name); return value }
	dir := ""
	switch {
	case runtime.GOOS == "windows":
		dir = env("AppData")
	case env("XDG_CONFIG_HOME") != "":
		dir = env("XDG_CONFIG_HOME")
	case env("HOME") != "" && runtime.GOOS == "darwin":
		dir = filepath.Join(env("HOME"), "Library", "Application Support")
	case env("HOME") != "":
		dir = filepath.Join(env("HOME"), ".config")
	}
	if !filepath.IsAbs(dir) { // as os.UserConfigDir, which SOPS calls
		return ""
	}
	return filepath.Join(dir, "sops", "age", "keys.txt")
}

// Find returns the identities where SOPS looks for them, in its order. The variables with commands
// are reported, but the commands are not run. An identity that SOPS could not use is an error,
// because SOPS then uses no other one.
func Find(lookupEnv func(string) (string, bool)) ([]Own, error) {
	s := &search{lookupEnv: lookupEnv}
	var all []Own
	for _, look := range []func(){s.variable, s.file} {
		s.used, s.public = nil, nil
		look()
		for _, recipient := range s.public {
			all = append(all, Own{s.used[0], knownRecipient(recipient)})
		}
	}
	if s.isSet(cmdVar) {
		all = append(all, Own{Place: cmdVar})
	}
	if err := s.problem(); err != nil {
		return nil, err
	}
	if file := ConfigFile(lookupEnv); file != "" {
		own, ok, err := FindIn(file)
		if err != nil {
			return nil, err
		}
		if ok {
			all = append(all, own)
		}
	}
	return all, nil
}

// problem is the first finding as an error.
func (s *search) problem() error {
	if len(s.findings) == 0 {
		return nil
	}
	first := s.findings[0]
	if first.Fix == "" {
		return errors.New(first.What)
	}
	return fmt.Errorf("%s (%s)", first.What, first.Fix)
}

// knownRecipient returns what [public] returned, or "" if that describes a recipient only.
func knownRecipient(public string) string {
	if strings.ContainsRune(public, ' ') {
		return ""
	}
	return public
}

// FindIn returns the first identity in a file. ok is false if there is no such file, or none in it.
func FindIn(file string) (own Own, ok bool, err error) {
	if _, err := os.Lstat(file); errors.Is(err, os.ErrNotExist) {
		return Own{}, false, nil
	}
	s := &search{}
	text, ok := s.read(file, file)
	content := slices.DeleteFunc(strings.Split(text, "\n"), isComment)
	if ok && strings.TrimSpace(strings.Join(content, "")) != "" {
		s.content(text, source{name: file, file: file})
	}
	if err := s.problem(); err != nil || len(s.public) == 0 {
		return Own{}, false, err
	}
	return Own{file, knownRecipient(s.public[0])}, true, nil
}

func isComment(line string) bool { return strings.HasPrefix(line, "#") }

// Create generates an identity and adds it to a file that only the user can read. It creates the
// file if there is none, and keeps its content otherwise.
func Create(file string, now time.Time) (Own, error) {
	id, err := age.GenerateX25519Identity()
	if err != nil {
		return Own{}, fmt.Errorf("generating an age identity: %w", err)
	}
	var text bytes.Buffer
	fmt.Fprintf(&text, "# created: %s by secretsync\n# public key: %s\n%s\n", now.UTC().Format(time.RFC3339), id.Recipient(), id)
	defer clear(text.Bytes())
	if err := add(file, text.Bytes()); err != nil {
		return Own{}, fmt.Errorf("storing the age identity: %w", err)
	}
	return Own{file, id.Recipient().String()}, nil
}

// add appends a text to a file in one write, so that a kill leaves all of it or nothing.
func add(file string, text []byte) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(file, os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	if err := onlyUser(f); err != nil {
		return errors.Join(err, f.Close())
	}
	if unended(f) {
		text = append([]byte{'\n'}, text...)
		defer clear(text)
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Sync(), f.Close(), atomicfile.SyncDir(file))
}

// onlyUser takes a file from all users but its owner, before there is a key in it.
func onlyUser(f *os.File) error {
	info, err := f.Stat()
	if err != nil || info.Mode().Perm()&0o077 == 0 {
		return err
	}
	return f.Chmod(info.Mode().Perm() &^ 0o077)
}

// unended reports whether a file's last line has no line end.
func unended(f *os.File) bool {
	info, err := f.Stat()
	if err != nil || info.Size() == 0 {
		return false
	}
	last := make([]byte, 1)
	_, err = f.ReadAt(last, info.Size()-1)
	return err == nil && last[0] != '\n'
}
