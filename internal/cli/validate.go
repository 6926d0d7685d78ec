package cli

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/secretsync/secretsync/internal/keyring"
	"github.com/secretsync/secretsync/internal/position"
	"github.com/secretsync/secretsync/internal/render"
	"github.com/secretsync/secretsync/internal/render/sarif"
	"github.com/secretsync/secretsync/internal/repo"
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

// formatSARIF is what code scanning reads. Only validate has it.
const formatSARIF = "sarif"

var validateFormats = append(slices.Clone(formats), formatSARIF)

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
		Example: "  secretsync validate --format sarif >secretsync.sarif   # for code scanning",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !slices.Contains(validateFormats, o.format) {
				return fmt.Errorf("--format %q is not one of %s", o.format, strings.Join(validateFormats, ", "))
			}
			project, err := a.project(cmd.Context(), &o.manifestFlags, nil)
			if err != nil {
				return err
			}
			a.warnTracked(cmd.Context(), project.LocalLockfile())
			if err := project.Check(); err != nil {
				return err
			}
			return a.showValid(cmd.Context(), project, o.format)
		},
	}
	o.register(cmd.Flags())
	cmd.Flags().StringVar(&o.format, "format", formatText, strings.Join(validateFormats, ", "))
	return cmd
}

// showValid writes a valid manifest's size and the warnings about it to stdout, and to the files
// that CI systems read.
func (a *App) showValid(ctx context.Context, p *reconcile.Project, format string) error {
	a.shown = true
	m := p.Manifest()
	v := &render.Valid{Manifest: m.File, Stores: len(m.Stores), Warnings: a.warned()}
	for _, st := range m.Stores {
		v.Secrets += len(st.Secrets)
	}
	if format != formatText {
		v.Origin = a.origin(ctx, m.File)
	}
	under := func(name func(string) string) {
		v.Manifest = name(v.Manifest)
		rename(v.Warnings, name)
	}
	switch format {
	case formatJSON:
		return render.ValidJSON(a.Out, v)
	case formatMarkdown:
		return render.ValidMarkdown(a.Out, v)
	case formatGitHub:
		if err := a.tellGitHub(func(w io.Writer) error { return render.ValidMarkdown(w, v) }, []output{{"valid", true}}); err != nil {
			return err
		}
		under(a.fromRoot("GITHUB_WORKSPACE"))
		return render.ValidGitHub(a.Out, v)
	case formatGitLab:
		under(a.fromRoot("CI_PROJECT_DIR"))
		if err := a.writeReport(gitLabQualityFile, func(w io.Writer) error { return render.ValidCodeQuality(w, v) }); err != nil {
			return err
		}
	case formatSARIF:
		under(a.fromRepository(m.File))
		return sarif.Valid(a.Out, v)
	}
	return render.ValidText(a.Out, v)
}

// warned are the warnings about the manifest so far.
func (a *App) warned() []render.Mistake {
	var list []render.Mistake
	for _, e := range a.warnings {
		list = append(list, render.Mistake{Pos: e.Pos, Rule: e.Rule, What: e.What, Hint: a.advised(e.Hint, e)})
	}
	return list
}

// rename rewrites the file names of mistakes.
func rename(mistakes []render.Mistake, name func(string) string) {
	for i := range mistakes {
		mistakes[i].Pos.File = name(mistakes[i].Pos.File)
	}
}

// fromRepository returns a function that rewrites a file name relative to the folder of the
// repository that a manifest is in, which CI knows better. Names outside of it become absolute.
func (a *App) fromRepository(manifest string) func(string) string {
	root := repo.New(filepath.Dir(manifest), false).Root
	for _, variable := range []string{"GITHUB_WORKSPACE", "CI_PROJECT_DIR"} {
		if dir, _ := a.LookupEnv(variable); dir != "" {
			root = dir
		}
	}
	below := relativeTo(root)
	return func(name string) string {
		if name == "" {
			return ""
		}
		abs, err := filepath.Abs(name)
		if name = below(name); err == nil && !filepath.IsLocal(name) {
			return abs
		}
		return name
	}
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

// ruleTracked is the rule of warnings about files that belong in no repository.
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
			w.Hint = untrack + "; its history keeps it, so change the values that were real"
		default:
			w.What = "git tracks the fingerprint key: whoever can read the repository can test guesses of values against the lockfile"
			w.Hint = untrack + "; then run " + a.line("lock", "rekey") + ". The history keeps the old key: change the values that could be guessed"
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
