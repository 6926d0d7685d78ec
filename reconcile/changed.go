package reconcile

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/secretsync/secretsync/internal/secret"
	"github.com/secretsync/secretsync/lockfile"
)

// Between reading its inputs and acting on them, a run may wait for a lock or for approval,
// while git or an editor changes them. Until the first request, a change of any input stops
// the run, because what was approved was made from the old one. After it, the run finishes
// what was approved: values are in memory. Only the lockfile, which it writes, is compared
// before each write (see [lockfile.ReplacedError]).

// ChangedError means that another program changed files after this run had read them.
// Nothing was done.
type ChangedError struct{ Files []string }

func (e *ChangedError) Error() string {
	return fmt.Sprintf("another program changed %s while this run was waiting, so nothing was done", strings.Join(e.Files, ", "))
}

// checkInputs returns a [ChangedError] if a file that was read has changed.
func (p *Project) checkInputs() error {
	if changed := p.manifest.Changed(); len(changed) > 0 {
		return &ChangedError{changed}
	}
	return nil
}

// watchRecipients adds the .sops.yaml that a new fingerprint key would be sealed with to the
// inputs, and that there is none in a nearer folder.
func (p *Project) watchRecipients(lock *lockfile.File) {
	if lock.Key.ID != "" {
		return
	}
	for _, name := range recipientFiles(filepath.Dir(p.cfg.Lockfile)) {
		p.manifest.Watch(name)
	}
}

// unchanged returns an error if a plan's inputs are no longer what it was made from: the
// lockfile, the manifest's files, or the fingerprint key.
func (r *Run) unchanged(ctx context.Context, key secret.Key, recorded lockfile.Key) error {
	if err := r.handle.Check(); err != nil {
		return fmt.Errorf("nothing was done: %w", err)
	}
	if err := r.project.checkInputs(); err != nil {
		return err
	}
	ring := r.project.ring()
	if !key.IsSet() || !ring.InFile(recorded.Sealed) {
		return nil
	}
	if _, err := ring.Find(ctx, key.ID(), nil); err != nil { // it was found there before
		return &ChangedError{[]string{ring.KeyFile()}}
	}
	return nil
}

// restoreKey writes the key file again if it was removed during an apply: without the key,
// all fingerprints in the lockfile would be worthless.
func (p *Project) restoreKey(key secret.Key, recorded lockfile.Key) {
	ring := p.ring()
	if !key.IsSet() || !ring.InFile(recorded.Sealed) {
		return
	}
	if restored, err := ring.Restore(key); restored || err != nil {
		p.cfg.Notify(KeyFileRemoved{File: ring.KeyFile(), Err: err})
	}
}
