package main

import (
	"context"
	"errors"
	"path/filepath"

	"github.com/secretsync/secretsync/internal/keyring"
	"github.com/secretsync/secretsync/internal/secret"
	"github.com/secretsync/secretsync/internal/sopsfile"
	"github.com/secretsync/secretsync/lockfile"
)

// ring is where the fingerprint key of this session's lockfile is looked for.
func (s *session) ring() keyring.Ring {
	return keyring.Ring{
		Lockfile: s.lockPath, LookupEnv: s.env,
		Unseal: func(ctx context.Context, sealed []byte) (secret.Value, error) {
			return s.sops.Unseal(ctx, sealed, s.lockPath)
		},
		Seal: func(ctx context.Context, key secret.Value) ([]byte, error) {
			sealed, recipients, err := s.sops.Seal(ctx, key, filepath.Dir(s.lockPath), s.lockPath, s.manifest.File)
			if errors.Is(err, sopsfile.ErrNoRule) {
				return nil, nil
			}
			if err == nil {
				s.say("sealing a new fingerprint key for the SOPS recipients of this project: %d", len(recipients))
			}
			return sealed, err
		},
	}
}

// keyFiles are the files that keys are read from; a manifest may name none of them.
func (s *session) keyFiles() []string {
	key := s.ring().KeyFile()
	files := []string{key, key + ".new"}
	for _, variable := range []string{"SOPS_AGE_KEY_FILE", "SOPS_AGE_SSH_PRIVATE_KEY_FILE"} {
		if file, _ := s.env(variable); file != "" {
			files = append(files, file)
		}
	}
	return files
}

func (s *session) findKey(ctx context.Context, lock *lockfile.File) (secret.Key, error) {
	key, err := s.ring().Find(ctx, lock.Key.ID, lock.Key.Sealed)
	if key.IsSet() {
		s.filter.Know(key.Export())
	}
	return key, keyError(err)
}

// checkPin refuses a lockfile under another key than the pinned one.
func (s *session) checkPin(lock *lockfile.File) error {
	return keyError(s.ring().CheckPin(lock.Key.ID))
}

func keyError(err error) error {
	if todo := keyring.Hint(err); todo != "" {
		return hint(err, todo)
	}
	return err
}

// warnOfForgery tells of fingerprints that do not match although the ciphertext is the
// recorded one, so that the value is too: they, or the key, are not what an apply wrote.
func (w *workspace) warnOfForgery() {
	forged := 0
	for ref, wanted := range w.wanted {
		r := w.record(ref)
		if r == nil || r.Fingerprint == "" || w.flags.keyless || wanted.ciphertext.Digest == "" || r.Ciphertext != wanted.ciphertext.Digest {
			continue
		}
		if !w.key.Matches(r.Fingerprint, ref.subject(), wanted.value) {
			forged++
		}
	}
	if forged > 0 {
		w.say("warning: fingerprints in %s that no apply wrote: %d: their values are encrypted as they were recorded, and yet do not match; was the lockfile or its key replaced?",
			w.lockPath, forged)
	}
}

// ensureKey makes a fingerprint key where there is none yet, and has the lockfile
// name it at its next write.
func (w *workspace) ensureKey(ctx context.Context) error {
	switch {
	case w.lock.Key.ID != "":
		return nil
	case w.key.IsSet():
		w.lock.Key.ID = w.key.ID()
		return nil
	}
	key, sealed, err := w.ring().Make(ctx)
	if err != nil {
		return keyError(err)
	}
	w.filter.Know(key.Export())
	if sealed == nil {
		w.say("made the fingerprint key %s: keep it, and give it to CI as %s", w.ring().KeyFile(), keyring.Variable)
		if ci, _ := w.env("CI"); ci != "" {
			w.say("warning: this looks like CI: if the file goes with the runner, the lockfile is of no use to the next run")
		}
	}
	w.key, w.lock.Key = key, lockfile.Key{ID: key.ID(), Sealed: sealed}
	return nil
}
