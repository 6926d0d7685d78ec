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

// newFile is the path of a new key until the lockfile names it.
func (r Ring) newFile() string { return r.KeyFile() + ".new" }

// FromEnv reads a key from an environment variable.
func (r Ring) FromEnv(name string) (secret.Key, error) {
	text, ok := r.LookupEnv(name)
	if !ok || text == "" {
		return secret.Key{}, fmt.Errorf("%s is not set; it must contain the new fingerprint key: 32 bytes in base64", name)
	}
	return parse(text, name)
}

// Replace generates a key and stores it where [Ring.Make] would. It calls save to write the
// lockfile that names the new key. old is the key that the lockfile names so far. The caller
// must hold the lock of the lockfile.
//
// A sealed key is part of the lockfile, so a single write changes both. A key file is
// separate, so Replace
//
//  1. writes the new key to x.key.new;
//  2. calls save, after which the lockfile names the new key;
//  3. renames x.key.new to x.key.
//
// If the process is killed before step 2, the lockfile names the key in x.key; if it is killed
// before step 3, the key in x.key.new, where [Ring.Find] looks too. The next Replace removes
// or renames x.key.new.
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
		return fmt.Errorf("%s holds the key %s, but %s was written under the key %s: move the file away, so that its key is not lost",
			r.KeyFile(), current.ID(), r.Lockfile, old.ID())
	}
	if err := Ignore(filepath.Dir(r.Lockfile), filepath.Base(r.KeyFile()), filepath.Base(r.newFile())); err != nil {
		return err
	}
	if err := writeFile(r.newFile(), key); err != nil {
		return err
	}
	if err := save(key, nil); err != nil {
		return err // the lockfile may name either key, so both stay
	}
	if err := os.Rename(r.newFile(), r.KeyFile()); err != nil {
		return fmt.Errorf("the lockfile already names the new key, which is in %s: %w", r.newFile(), err)
	}
	return nil
}

// tidy completes a Replace that was interrupted: it renames the new file if the lockfile names
// its key, and otherwise removes it.
func (r Ring) tidy(current secret.Key) error {
	waiting, err := readFile(r.newFile())
	if err == nil && !waiting.IsSet() {
		return nil
	}
	if err == nil && waiting.ID() == current.ID() {
		err = os.Rename(r.newFile(), r.KeyFile())
	} else {
		err = os.Remove(r.newFile()) // another key, or an incomplete file
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("completing an interrupted change of key: %w", err)
	}
	return nil
}
