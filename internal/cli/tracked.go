package cli

import (
	"context"
	"path/filepath"

	"github.com/secretsync/secretsync/internal/keyring"
	"github.com/secretsync/secretsync/internal/position"
	"github.com/secretsync/secretsync/internal/repo"
	"github.com/secretsync/secretsync/internal/shell"
	"github.com/secretsync/secretsync/manifest"
	"github.com/secretsync/secretsync/reconcile"
)

// commit says how to keep a file that later runs need: by a commit, where there is a repository.
func commit(path string) string {
	if repo.InWorkTree(filepath.Dir(path)) {
		return "commit"
	}
	return "keep"
}

// ruleTracked is the rule of warnings about files that belong in no repository.
const ruleTracked = "tracked"

// tracked returns warnings about the files beside a lockfile that git tracks and should not:
// the fingerprint key and the emulator's state.
func (a *App) tracked(ctx context.Context, lockPath string) []*manifest.Error {
	dir := filepath.Dir(lockPath)
	key := filepath.Base(keyring.Ring{Lockfile: lockPath}.KeyFile())
	var warnings []*manifest.Error
	for _, name := range repo.Tracked(ctx, dir, a.env, key, key+".new", emulatorDefault) {
		file := filepath.Join(dir, name)
		w := &manifest.Error{Pos: position.Position{File: file}, Rule: ruleTracked}
		untrack := "run git rm --cached " + shell.File(file) + ", and add it to .gitignore"
		if name == emulatorDefault {
			w.What = "git tracks the emulator's state: whoever can read the repository can test guesses of the values in it"
			w.Hint = untrack + "; its history keeps it, so change the values that were real"
		} else {
			w.What = "git tracks the fingerprint key: whoever can read the repository can test guesses of values against the lockfile"
			w.Hint = untrack + "; then run lock rekey. The history keeps the old key: change the values that could be guessed"
		}
		warnings = append(warnings, w)
	}
	return warnings
}

// warnTracked shows the warnings of tracked, and keeps them for the report.
func (a *App) warnTracked(ctx context.Context, lockPath string) {
	for _, w := range a.tracked(ctx, lockPath) {
		a.notify(reconcile.ManifestWarning{Mistake: w})
	}
}
