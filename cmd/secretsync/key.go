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

func (s *session) findKey(ctx context.Context, lock *lockfile.File) (secret.Key, error) {
	key, err := s.ring().Find(ctx, lock.Key.ID, lock.Key.Sealed)
	if todo := keyring.Hint(err); todo != "" {
		err = hint(err, todo)
	}
	if key.IsSet() {
		s.filter.Know(key.Export())
	}
	return key, err
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
		return err
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
