// Package keyring finds the key of a lockfile's fingerprints, or creates one. It looks in
// three places, in this order: the variable SECRETSYNC_FINGERPRINT_KEY, the lockfile itself,
// which may contain the key sealed with SOPS, and a key file beside the lockfile, which git
// ignores.
//
// Call [Ring.Find], and [Ring.Make] if there is no key yet. [Ring.Replace] changes the key.
package keyring

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/secretsync/secretsync/internal/charset"
	"github.com/secretsync/secretsync/internal/secret"
	"github.com/secretsync/secretsync/internal/shell"
	"github.com/secretsync/secretsync/internal/sopstext"
)

// Variable is the environment variable that can hold the key: 32 bytes in base64.
const Variable = "SECRETSYNC_FINGERPRINT_KEY"

// FromSealed is how errors and [Status.From] refer to a key that is sealed in the lockfile.
const FromSealed = "the lockfile"

// Ring knows where to look for keys. All fields are required.
type Ring struct {
	// Lockfile is the path of the lockfile that the key belongs to.
	Lockfile string
	// LookupEnv looks up environment variables, like os.LookupEnv.
	LookupEnv func(string) (string, bool)
	// Unseal decrypts a key that is sealed in the lockfile.
	Unseal func(ctx context.Context, sealed []byte) (secret.Value, error)
	// Seal encrypts a new key for the project's recipients. It returns nil if the project
	// has none.
	Seal func(ctx context.Context, key secret.Value) ([]byte, error)
	// CheckSeal returns the error that Seal would, as far as that can be known. With static
	// set, it does not depend on this machine. It may be nil.
	CheckSeal func(ctx context.Context, static bool) error
}

// KeyFile returns the path of the key file: x.key for x.lock.
func (r Ring) KeyFile() string {
	return strings.TrimSuffix(r.Lockfile, filepath.Ext(r.Lockfile)) + ".key"
}

// Find returns the key with the given id. If id is empty, as in a lockfile that was never
// written, it returns any key that it finds, or an unset one.
func (r Ring) Find(ctx context.Context, id string, sealed []byte) (secret.Key, error) {
	if err := r.CheckPin(id); err != nil {
		return secret.Key{}, err
	}
	key, from, err := r.look(ctx, id, sealed)
	if err == nil && key.IsSet() && id == "" {
		err = r.CheckPin(key.ID())
	}
	switch {
	case err != nil:
		return secret.Key{}, err
	case id == "" || key.IsSet() && key.ID() == id:
		return key, nil
	case !key.IsSet():
		return secret.Key{}, errorf(ErrUnavailable, "the fingerprint key %s of %s is needed: set %s, or put it into %s",
			id, r.Lockfile, Variable, r.KeyFile())
	}
	return secret.Key{}, errorf(ErrUnavailable, "%s was written under the fingerprint key %s, but %s holds the key %s",
		r.Lockfile, id, from, key.ID())
}

func (r Ring) look(ctx context.Context, id string, sealed []byte) (key secret.Key, from string, err error) {
	if text, ok := r.LookupEnv(Variable); ok && text != "" {
		key, err = parse(text, Variable)
		return key, Variable, err
	}
	if len(sealed) > 0 {
		v, err := r.Unseal(ctx, sealed)
		if err != nil {
			return key, FromSealed, fmt.Errorf("decrypting the sealed fingerprint key of %s: %w", r.Lockfile, err)
		}
		key, err = parse(string(v.Reveal()), "the sealed fingerprint key of "+r.Lockfile)
		return key, FromSealed, err
	}
	// If a change of key was interrupted, the lockfile's key may be in the new file.
	if key, err = readFile(r.newFile()); err == nil && key.IsSet() && key.ID() == id {
		return key, r.newFile(), nil
	}
	key, err = readFile(r.KeyFile())
	return key, r.KeyFile(), err
}

// parse reads a key that was found somewhere.
func parse(text, where string) (secret.Key, error) {
	if sopstext.Encrypted([]byte(text)) {
		return secret.Key{}, errorf(ErrEncrypted, "%s: a fingerprint key that is still encrypted with SOPS", where)
	}
	key, err := secret.ParseKey(text)
	if err != nil {
		return key, fmt.Errorf("%s: %w", where, err)
	}
	return key, nil
}

// maxFile is far more than any key file has, even one that was encrypted for many recipients.
const maxFile = 256 << 10

// readFile returns an unset key if there is no file.
func readFile(path string) (secret.Key, error) {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return secret.Key{}, nil
	case err != nil:
		return secret.Key{}, fmt.Errorf("the fingerprint key file: %w", err)
	case !info.Mode().IsRegular():
		return secret.Key{}, fmt.Errorf("%s is not a regular file, so the fingerprint key is not read from it", path)
	case runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0:
		return secret.Key{}, fmt.Errorf("other users can read %s (mode %04o): run chmod 600 %s", path, info.Mode().Perm(), shell.File(path))
	case info.Size() > maxFile:
		return secret.Key{}, fmt.Errorf("%s: %w", path, secret.ErrBadKey)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return secret.Key{}, fmt.Errorf("the fingerprint key file: %w", err)
	}
	if encoding := charset.UTF16(text); encoding != "" {
		return secret.Key{}, fmt.Errorf("%s is encoded in %s: %s", path, encoding, charset.Hint)
	}
	return parse(strings.TrimPrefix(string(text), charset.BOM), path)
}

// Make generates a key. If the project has SOPS recipients, it also returns the key sealed for
// them, which the caller has to store in the lockfile. Otherwise it writes the key file and
// makes git ignore it.
func (r Ring) Make(ctx context.Context) (secret.Key, []byte, error) {
	if err := r.checkUnpinned(); err != nil {
		return secret.Key{}, nil, err
	}
	key := secret.NewKey()
	sealed, err := r.Seal(ctx, key.Export())
	if err != nil {
		return secret.Key{}, nil, fmt.Errorf("sealing a new fingerprint key: %w", err)
	}
	if sealed != nil {
		return key, sealed, nil
	}
	if err := writeFile(r.KeyFile(), key); err != nil {
		return secret.Key{}, nil, err
	}
	return key, nil, Ignore(filepath.Dir(r.Lockfile), filepath.Base(r.KeyFile()))
}

// InFile reports whether the key of a lockfile, whose sealed key is sealed, is looked for in
// the key file, where it can be lost.
func (r Ring) InFile(sealed []byte) bool {
	text, _ := r.LookupEnv(Variable)
	return text == "" && len(sealed) == 0
}

// Restore writes the key file again if it was removed since the key was read from it, as git
// clean does, and reports whether it did. It replaces no file.
func (r Ring) Restore(key secret.Key) (bool, error) {
	for _, path := range []string{r.KeyFile(), r.newFile()} {
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			return false, err
		}
	}
	err := writeFile(r.KeyFile(), key)
	return err == nil, err
}

// CheckMake returns the error that [Ring.Make] would, as far as that can be known without
// creating a key. With static set, it does not depend on this machine, and an id that is
// pinned means that a key is kept elsewhere.
func (r Ring) CheckMake(ctx context.Context, static bool) error {
	if err := r.checkUnpinned(); err != nil {
		if static {
			return nil
		}
		return err
	}
	if r.CheckSeal == nil {
		return nil
	}
	if err := r.CheckSeal(ctx, static); err != nil {
		return fmt.Errorf("sealing a new fingerprint key: %w", err)
	}
	return nil
}

// writeFile creates a key file. It never replaces one, because without its key every
// fingerprint is worthless.
func writeFile(path string, key secret.Key) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("creating the fingerprint key file: %w", err)
	}
	_, err = f.Write(append(key.Export().Reveal(), '\n'))
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(fmt.Errorf("creating the fingerprint key file: %w", err), os.Remove(path))
	}
	return nil
}
