package cli

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/secretsync/secretsync/internal/bindings"
	"github.com/secretsync/secretsync/internal/devsession"
	"github.com/secretsync/secretsync/internal/hint"
	"github.com/secretsync/secretsync/internal/render"
	"github.com/secretsync/secretsync/internal/syntax"
	"github.com/secretsync/secretsync/internal/wrangler"
	"github.com/secretsync/secretsync/lockfile"
	"github.com/secretsync/secretsync/manifest"
	"github.com/secretsync/secretsync/reconcile"
	"github.com/spf13/cobra"
)

func (a *App) bindingsCommand() *cobra.Command {
	return group(&cobra.Command{
		Use:   "bindings",
		Short: "Check and write the bindings of Workers",
		Long: `The manifest's workers: list names wrangler configurations. Every secret that
they bind under secrets_store_secrets must be one that the manifest describes,
or the Worker fails when it is deployed or runs.
`,
	}, a.bindingsCheckCommand(), a.bindingsGenerateCommand(), a.bindingsLiveCommand())
}

// bindingsCheckOptions are the flags of bindings check.
type bindingsCheckOptions struct {
	manifestFlags
	addressFlags
	fix bool
}

func (a *App) bindingsCheckCommand() *cobra.Command {
	var o bindingsCheckOptions
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Check the bindings of all Workers against the manifest",
		Long: `check reads the wrangler configurations that the manifest's workers: list names,
top level and every env. Each binding's store and secret must be in the
manifest, have the scope workers, and be in the Worker's account. It sends no
request and needs no key; store ids come from the lockfile.

--fix corrects ids and names where it is certain which secret is meant:
placeholders, previous store ids, names without the store's prefix, and previous
names of renamed secrets. bindings generate --write adds bindings.

` + exitCodesHelp,
		Example: "  secretsync bindings check\n  secretsync bindings check --fix",
		Args:    noArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.bindingsCheck(cmd.Context(), &o) },
	}
	o.manifestFlags.register(cmd.Flags())
	o.addressFlags.register(cmd.Flags())
	cmd.Flags().BoolVar(&o.fix, "fix", false, "correct the bindings, then check them")
	return cmd
}

func (a *App) bindingsCheck(ctx context.Context, o *bindingsCheckOptions) error {
	w, err := a.workers(ctx, &o.manifestFlags)
	if err != nil {
		return err
	}
	if o.fix {
		a.warnOfEmulator(w, &o.addressFlags)
		for _, c := range w.bindings.Configs {
			if err := a.checkWorker(c.File); err != nil {
				return err
			}
		}
		err := w.bindings.Fix(func(file string, corrections int) error {
			_, err := fmt.Fprintf(a.Out, "Corrected %[2]d bindings in %[1]s.\n", file, corrections)
			a.sayRedirect(file)
			return err
		})
		if err != nil {
			return err
		}
		if w, err = a.workers(ctx, &o.manifestFlags); err != nil {
			return err
		}
	}
	if !w.manifest.HasWorkers() {
		return noWorkers(w.manifest)
	}
	a.sayNotes(w.bindings.Notes)
	count, mistakes := w.bindings.CheckAll()
	if err := slices.Concat(w.mistakes, mistakes).Err(); err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.Out, "All bindings match the manifest: Workers %d, bindings %d.\n", len(w.bindings.Configs), count)
	return err
}

// sayNotes prints remarks about wrangler configurations that are not mistakes.
func (a *App) sayNotes(notes []*syntax.Error) {
	for _, n := range notes {
		a.Say("note: %s", render.Safe(n.Error()))
	}
}

// sayRedirect reminds of the build whose result wrangler deploys instead of a configuration
// that was just written.
func (a *App) sayRedirect(file string) {
	redirect := filepath.Join(filepath.Dir(file), wrangler.Redirect)
	if _, err := os.Lstat(redirect); err == nil {
		a.Say("note: build again before you deploy: %s makes wrangler read what the last build generated from %s", redirect, filepath.Base(file))
	}
}

// checkWorker refuses to write to a wrangler configuration that is another of the project's
// files, too.
func (a *App) checkWorker(file string) error {
	return a.files.CheckOwn("workers:", file, "a wrangler configuration")
}

// noConfigs says why no configuration could be read.
func (w *workers) noConfigs() error {
	if !w.manifest.HasWorkers() {
		return noWorkers(w.manifest)
	}
	var skipped []string
	for _, n := range w.bindings.Notes {
		skipped = append(skipped, n.Pos.File)
	}
	why := "bindings are read from wrangler.jsonc, wrangler.json and wrangler.toml"
	if len(skipped) > 0 {
		why += ", not from " + render.Shortened(skipped)
	}
	return hint.With(fmt.Errorf("no file that workers: in %s matches is a configuration that can be read", w.manifest.File), why)
}

func noWorkers(m *manifest.Manifest) error {
	return hint.With(fmt.Errorf("%s has no workers", m.File), "add workers: [apps/*/wrangler.jsonc]")
}

// workers is a manifest with the configurations of the Workers it names.
type workers struct {
	project  *reconcile.Project
	manifest *manifest.Manifest
	lock     *lockfile.File
	bindings *bindings.Project
	// mistakes are the mistakes in the wrangler configurations.
	mistakes []*syntax.Error
}

// workers reads the configurations that say which Worker reads which secret.
func (a *App) workers(ctx context.Context, f *manifestFlags, options ...func(*reconcile.Config)) (*workers, error) {
	project, err := a.project(ctx, f, nil, options...)
	if err != nil {
		return nil, err
	}
	lock, err := project.ReadLockfile(ctx)
	if err != nil {
		return nil, err
	}
	w := &workers{project: project, manifest: project.Manifest(), lock: lock}
	w.bindings, w.mistakes = bindings.New(bindings.Options{
		Manifest: w.manifest, Lock: lock, Account: a.setting(f.account, "CLOUDFLARE_ACCOUNT_ID"),
	})
	a.Filter.Public(w.bindings.Text()...)
	return w, nil
}

// mistakesOf returns the mistakes in the chosen configurations as an error, and prints the
// others as warnings. If none is chosen, all count as errors.
func (a *App) mistakesOf(w *workers, chosen ...string) error {
	var mistakes syntax.ErrorList
	for _, e := range w.mistakes {
		if len(chosen) == 0 || slices.ContainsFunc(chosen, func(file string) bool { return devsession.SamePath(e.Pos.File, file) }) {
			mistakes = append(mistakes, e)
		} else {
			a.Say("warning: %s: %s", e.Pos, e.What)
		}
	}
	return mistakes.Err()
}

// chosen returns the configurations that --worker names, or all of them.
func (w *workers) chosen(names []string) ([]*wrangler.Config, error) {
	if len(w.bindings.Configs) == 0 {
		return nil, w.noConfigs()
	}
	if len(names) == 0 {
		return w.bindings.Configs, nil
	}
	var chosen []*wrangler.Config
	for _, name := range names {
		c, err := workerConfig(w, name)
		if err != nil {
			return nil, err
		}
		chosen = append(chosen, c)
	}
	return chosen, nil
}

// warnOfEmulator warns that the store ids about to be used are the emulator's, not
// Cloudflare's.
func (a *App) warnOfEmulator(w *workers, f *addressFlags) {
	if _, loopback, err := a.address(f); err == nil && w.lock.API == lockfile.APILoopback && !loopback {
		a.Say("warning: %s was written against an emulator: the stores in Cloudflare have other ids", w.project.Lockfile())
	}
}
