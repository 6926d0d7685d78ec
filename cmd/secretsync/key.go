package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"

	"github.com/secretsync/secretsync/internal/keyring"
	"github.com/secretsync/secretsync/internal/secret"
	"github.com/secretsync/secretsync/internal/sopsfile"
	"github.com/secretsync/secretsync/lockfile"
	"github.com/secretsync/secretsync/planner"
)

// ring is where the fingerprint key of this session's lockfile is looked for.
func (s *session) ring() keyring.Ring {
	return keyring.Ring{
		Lockfile: s.lockPath, LookupEnv: s.env,
		Unseal: func(ctx context.Context, sealed []byte) (secret.Value, error) {
			return s.sops.Unseal(ctx, sealed, s.lockPath)
		},
		Seal: func(ctx context.Context, key secret.Value) ([]byte, error) {
			sealed, recipients, err := s.sops.Seal(ctx, key, s.manifest.Root, filepath.Dir(s.lockPath), s.lockPath, s.manifest.File)
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
	if errors.Is(err, keyring.ErrBadPin) {
		return fmt.Errorf("%w, as lock status tells", err)
	}
	return err
}

// forgery are the fingerprints that are not what an apply wrote, for the planner.
func (w *workspace) forgery() planner.Forgery {
	return planner.Forgery{
		Secrets: slices.Collect(maps.Keys(w.forged)), Matched: w.matched, KeyID: w.lock.Key.ID, Pos: planner.Position{File: w.lockPath},
	}
}

// warnOfKey tells what looks like a planted key and may be none: no fingerprint matches,
// another key lies beside, or this is CI, and nothing outside the repository says which
// key is ours.
func (w *workspace) warnOfKey() {
	pinned, _ := w.env(keyring.PinVariable)
	if pinned != "" || len(w.lock.Key.Sealed) == 0 || w.flags.keyless {
		return
	}
	if w.compared > 1 && w.matched == 0 && len(w.forged) == 0 {
		w.say("warning: none of the %d fingerprints of %s matches: if not all these values were changed, somebody planted its key %s; look at fingerprint_key in its history",
			w.compared, w.lockPath, w.lock.Key.ID)
	}
	if other := w.ring().Beside(w.lock.Key.ID); other != "" {
		w.say("warning: %s holds the key %s, and %s has %s, sealed: if somebody ran lock rekey, remove the file; if nobody did, the sealed key was planted",
			w.ring().KeyFile(), other, w.lockPath, w.lock.Key.ID)
	}
	if ci, _ := w.env("CI"); ci != "" {
		w.say("warning: %s is not set: a pull request could plant another fingerprint key; if %s is the key's id on your machine too, set it to that",
			keyring.PinVariable, w.lock.Key.ID)
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
	w.say("in CI, set %s=%s: no other key is accepted there then, as one that a pull request plants", keyring.PinVariable, key.ID())
	return nil
}
