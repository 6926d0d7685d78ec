package cli

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/secretsync/secretsync/internal/keyring"
	"github.com/secretsync/secretsync/internal/position"
	"github.com/secretsync/secretsync/internal/render"
	"github.com/secretsync/secretsync/internal/repo"
	"github.com/secretsync/secretsync/internal/results"
	"github.com/secretsync/secretsync/internal/shell"
	"github.com/secretsync/secretsync/internal/sopsfile"
	"github.com/secretsync/secretsync/lockfile"
	"github.com/secretsync/secretsync/manifest"
	"github.com/secretsync/secretsync/objectstore"
	"github.com/secretsync/secretsync/reconcile"
	"github.com/spf13/cobra"
)

// validateOptions are the flags of validate.
type validateOptions struct {
	manifestFlags
	format string
}

func (a *App) validateCommand() *cobra.Command {
	var o validateOptions
	cmd := &cobra.Command{
		Use:   "validate",
		Short: "Check the manifest without keys or requests",
		Long: `validate reads the manifest and everything it names, wrangler configurations
included, and reports all mistakes at once. It needs no network, no token, and
no decryption key unless the manifest itself is wholly encrypted. It does not
read values: plan and apply report environment variables that are not set.

` + exitCodesHelp,
		Example: "  secretsync validate\n  secretsync validate --format sarif >secretsync.sarif   # for code scanning",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !slices.Contains(results.ValidateFormats, o.format) {
				return fmt.Errorf("--format %q is not one of %s", o.format, strings.Join(results.ValidateFormats, ", "))
			}
			project, err := a.project(cmd.Context(), &o.manifestFlags, nil)
			if err != nil {
				return err
			}
			a.warnTracked(cmd.Context(), project.LocalLockfile())
			if err := project.Check(cmd.Context()); err != nil {
				return err
			}
			return a.showValid(cmd.Context(), project.Manifest(), o.format)
		},
	}
	o.register(cmd.Flags())
	cmd.Flags().StringVar(&o.format, "format", results.Text, strings.Join(results.ValidateFormats, ", "))
	return cmd
}

// showValid writes a valid manifest's size and the warnings about it.
func (a *App) showValid(ctx context.Context, m *manifest.Manifest, format string) error {
	v := &render.Valid{Manifest: m.File, Stores: len(m.Stores), Warnings: a.warned()}
	for _, st := range m.Stores {
		v.Secrets += len(st.Secrets)
	}
	return a.results(format, false).Valid(ctx, v)
}

// warned are the warnings about the manifest so far.
func (a *App) warned() []render.Mistake {
	var list []render.Mistake
	for _, e := range a.warnings {
		list = append(list, render.Mistake{Pos: e.Pos, Rule: e.Rule, What: e.What, Hint: a.advised(e.Hint, e)})
	}
	return list
}

// commit says how to keep a file that later runs need: by a commit, where there is a repository.
func commit(path string) string {
	if !objectstore.IsURL(path) && repo.InWorkTree(filepath.Dir(path)) {
		return "commit"
	}
	return "keep"
}

// andCommit is the end of a sentence about a lockfile that was written: nothing for one in a
// bucket, where every run finds it.
func andCommit(lockfile string) string {
	if objectstore.IsURL(lockfile) {
		return ""
	}
	return ", and " + commit(lockfile) + " it"
}

// ruleTracked is the rule of warnings about files that must not be in a repository.
const ruleTracked = "tracked"

// tracked returns warnings about the files beside a lockfile that git tracks and should not:
// the fingerprint key and the emulator's state.
func (a *App) tracked(ctx context.Context, lockPath string) []*manifest.Error {
	dir := filepath.Dir(lockPath)
	key := filepath.Base(keyring.Ring{Lockfile: lockPath}.KeyFile())
	var warnings []*manifest.Error
	for _, name := range repo.Tracked(ctx, dir, a.env, key, key+".new", emulatorDefault, lockfile.JournalFile(lockPath)) {
		file := filepath.Join(dir, name)
		w := &manifest.Error{Pos: position.Position{File: file}, Rule: ruleTracked}
		untrack := "run " + shell.Git(file, "rm", "--cached") + ", and add it to .gitignore"
		switch name {
		case lockfile.JournalFile(lockPath):
			w.What = "git tracks the lockfile's journal: it belongs to one apply on one machine"
			w.Hint = untrack
		case emulatorDefault:
			w.What = "git tracks the emulator's state: whoever can read the repository can test guesses of the values in it"
			w.Hint = untrack + "; it remains in git's history: rotate any real values"
		default:
			w.What = "git tracks the fingerprint key: whoever can read the repository can test guesses of values against the lockfile"
			w.Hint = untrack + "; then run " + a.line("lock", "rekey") + ". The old key remains in git's history: rotate the values that could be guessed"
		}
		warnings = append(warnings, w)
	}
	return warnings
}

// warnTracked shows the warnings of tracked, and that SOPS ignores a file, and keeps them for the
// report.
func (a *App) warnTracked(ctx context.Context, lockPath string) {
	if name := sopsfile.IgnoredRules(filepath.Dir(lockPath)); name != "" {
		a.notify(reconcile.ManifestWarning{Mistake: &manifest.Error{
			Pos: position.Position{File: name}, Rule: "sops", What: "SOPS ignores this file: it reads only .sops.yaml", Hint: "run " + sopsfile.RenameRules(name),
		}})
	}
	for _, w := range a.tracked(ctx, lockPath) {
		a.notify(reconcile.ManifestWarning{Mistake: w})
	}
}
