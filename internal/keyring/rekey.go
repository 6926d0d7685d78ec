package keyring

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/secretsync/secretsync/internal/secret"
)

// newFile is where a new key waits for the lockfile to name it.
func (r Ring) newFile() string { return r.KeyFile() + ".new" }

// FromEnv reads a key from a variable.
func (r Ring) FromEnv(name string) (secret.Key, error) {
	text, ok := r.LookupEnv(name)
	if !ok || text == "" {
		return secret.Key{}, fmt.Errorf("%s is not set: it is to hold the new fingerprint key, the base64 of 32 bytes", name)
	}
	key, err := secret.ParseKey(text)
	return key, wrap(err, name)
}

// Replace draws a new key and puts it where [Ring.Make] would. save has to write
// the lockfile that names it. old is the key that the lockfile names now, and the
// caller holds the lockfile's lock.
//
// A sealed key is in the lockfile, so that one write changes all. A key file is
// another file, so the order is:
//
//  1. the new key into x.key.new;
//  2. the lockfile, which names the new key from here on;
//  3. x.key.new onto x.key.
//
// After a crash before 2 the lockfile names the key in x.key, and after one before 3
// the key in x.key.new, where [Ring.Find] looks too. The next Replace tidies up.
func (r Ring) Replace(ctx context.Context, old secret.Key, save func(key secret.Key, sealed []byte) error) error {
	key := secret.NewKey()
	sealed, err := r.Seal(ctx, key.Export())
	if err != nil {
		return fmt.Errorf("sealing a new fingerprint key: %w", err)
	}
	if err := r.tidy(old); err != nil {
		return err
	}
	if sealed != nil {
		return save(key, sealed)
	}
	current, err := readFile(r.KeyFile())
	if err != nil {
		return err
	}
	if current.IsSet() && current.ID() != old.ID() {
		return fmt.Errorf("%s holds the key %s, and %s was made under %s: move the file away, so that no key is lost",
			r.KeyFile(), current.ID(), r.Lockfile, old.ID())
	}
	if err := Ignore(filepath.Dir(r.Lockfile), filepath.Base(r.KeyFile()), filepath.Base(r.newFile())); err != nil {
		return err
	}
	if err := writeFile(r.newFile(), key); err != nil {
		return err
	}
	if err := save(key, nil); err != nil {
		return err // the lockfile may name the new key or the old one: both stay
	}
	if err := os.Rename(r.newFile(), r.KeyFile()); err != nil {
		return fmt.Errorf("the lockfile names the new key already, which is in %s: %w", r.newFile(), err)
	}
	return nil
}

// tidy finishes a Replace that was cut short: what waits is put into place if the
// lockfile names it, and removed if not.
func (r Ring) tidy(current secret.Key) error {
	waiting, err := readFile(r.newFile())
	if err == nil && !waiting.IsSet() {
		return nil
	}
	if err == nil && waiting.ID() == current.ID() {
		err = os.Rename(r.newFile(), r.KeyFile())
	} else {
		err = os.Remove(r.newFile()) // not the lockfile's key, or only the beginning of one
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("finishing the change of key that was cut short: %w", err)
	}
	return nil
}
