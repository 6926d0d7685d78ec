package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/secretsync/secretsync/internal/devsession"
	"github.com/secretsync/secretsync/internal/hint"
	"github.com/secretsync/secretsync/internal/localdev"
	"github.com/secretsync/secretsync/internal/repo"
	"github.com/secretsync/secretsync/internal/secret"
	"github.com/secretsync/secretsync/internal/wrangler"
	"github.com/secretsync/secretsync/manifest"
	"github.com/spf13/cobra"
)

// devOptions are the flags of dev.
type devOptions struct {
	workersFlags
	persistTo string
	clear     bool
}

// folder returns the value of wrangler dev's --persist-to option; empty for wrangler's
// default.
func (o *devOptions) folder() string {
	if o.persistTo == "" {
		return ""
	}
	return filepath.Clean(o.persistTo)
}

func (a *App) devCommand() *cobra.Command {
	var o devOptions
	cmd := &cobra.Command{
		Use:   "dev",
		Short: "Store secrets where wrangler dev reads them",
		Long: `dev stores the values of the secrets that Workers bind in the local store of
wrangler dev and Miniflare, using the project's own wrangler. It does not
contact Cloudflare. The values are then in plain text below
` + localdev.Folder + ` beside each configuration, which git must ignore, or in the folder
of the session that runs several Workers: it finds the calls of wrangler dev in
package.json, and vite.config. Where it cannot, --persist-to or persist_to in
the manifest's workers: says which folder. dev --clear removes the values, even
for a configuration that cannot be read, and with --worker for one that the
manifest no longer names. dev run is for Vitest, which has a storage of its own.

` + exitCodesHelp,
		Example: "  secretsync dev\n  secretsync dev --var environment=staging --worker apps/api/wrangler.jsonc\n  secretsync dev --clear",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.clear {
				return a.devClear(cmd.Context(), &o)
			}
			return a.dev(cmd.Context(), &o)
		},
	}
	f := cmd.Flags()
	o.workersFlags.register(f)
	f.StringVar(&o.persistTo, "persist-to", "", "the folder that wrangler dev gets as its --persist-to")
	f.BoolVar(&o.clear, "clear", false, "remove the values from the local store")
	cmd.AddCommand(a.devRunCommand())
	return cmd
}

func (a *App) dev(ctx context.Context, o *devOptions) error {
	w, configs, values, err := a.boundValues(ctx, &o.workersFlags)
	if err != nil {
		return err
	}
	defer wipe(values)
	said := map[string]bool{}
	say := func(text string) { // a Worker may look in several places
		if !said[text] {
			said[text] = true
			a.Say("%s", text)
		}
	}
	var stored []*devsession.Place
	err = eachOf(ctx, a, a.devPlaces(w, o.folder(), files(configs)), func(p *devsession.Place) error {
		some, err := a.devOne(ctx, w, p, values, say)
		if some {
			stored = append(stored, p)
		}
		return err
	})
	a.sayWhere(stored)
	return err
}

// boundValues reads the values that the Workers bind. The caller wipes the values.
func (a *App) boundValues(ctx context.Context, f *workersFlags) (*workers, []*wrangler.Config, map[manifest.SecretRef]secret.Value, error) {
	w, err := a.workers(ctx, &f.manifestFlags)
	if err != nil {
		return nil, nil, nil, err
	}
	if err := a.mistakesOf(w, f.workers...); err != nil {
		return nil, nil, nil, err
	}
	configs, err := w.chosen(f.workers)
	if err != nil {
		return nil, nil, nil, err
	}
	if len(f.workers) == 0 {
		for _, e := range w.bindings.Unread {
			a.Say("note: %s: skipped: %s", e.Pos, e.What)
		}
	}
	values, err := w.bindings.Values(ctx, configs, a.Filter.Know)
	return w, configs, values, err
}

func wipe(values map[manifest.SecretRef]secret.Value) {
	for _, v := range values {
		v.Wipe()
	}
}

func files(configs []*wrangler.Config) []string {
	var names []string
	for _, c := range configs {
		names = append(names, c.File)
	}
	return names
}

// eachOf calls a function for every configuration. It reports a failure immediately and
// continues with the next one.
func eachOf[T any](ctx context.Context, a *App, list []T, do func(T) error) error {
	var failed error
	for _, item := range list {
		err := do(item)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			a.PrintError(err)
			failed = &status{code: exitError}
		}
	}
	return failed
}

// devPlaces returns the places where some Workers look for their secrets: what --persist-to
// names, or else what their projects say.
func (a *App) devPlaces(w *workers, persistTo string, files []string) devsession.Layout {
	if persistTo != "" {
		return devsession.InFolder(persistTo, "--persist-to", files)
	}
	named := map[string][]manifest.WorkerFolder{}
	found, _ := w.manifest.WorkerFiles() // the mistakes were reported with the bindings
	for _, f := range found {
		named[f.Name] = f.PersistTo
	}
	places, unknown := devsession.Places(repo.New(filepath.Dir(w.manifest.File), false).Root, files, named)
	for _, u := range unknown {
		a.Say("warning: %s runs %s, but %s: set persist_to for it under workers:", u.Session.By, u.File, u.Session.Problem)
	}
	return places
}

// devOne stores the secrets of the Workers that look in a place, and reports whether it stored
// any.
func (a *App) devOne(
	ctx context.Context, w *workers, p *devsession.Place, values map[manifest.SecretRef]secret.Value, say func(string),
) (bool, error) {
	var configs []*wrangler.Config
	for _, v := range p.Visitors {
		configs = append(configs, w.bindings.Config(v.File))
	}
	lists, warnings := w.bindings.LocalSecrets(configs, values)
	for _, warning := range warnings {
		say("warning: " + warning)
	}
	var all []localdev.Secret
	var reads []string
	readers := p.Visitors[:0:0]
	for i, v := range p.Visitors {
		if len(lists[i]) == 0 {
			say(v.File + " binds no secret for which there is a value")
			continue
		}
		all, reads, readers = append(all, lists[i]...), append(reads, names(lists[i])), append(readers, v)
	}
	p.Visitors = readers
	if len(all) == 0 {
		return false, nil
	}
	if err := localdev.CheckLinks(p.Place); err != nil { // git only says that it cannot tell what is behind one
		return false, devError(p, err)
	}
	if err := a.checkIgnored(ctx, p.Place); err != nil {
		return false, err
	}
	if err := localdev.Put(ctx, p.Place, all); err != nil {
		return false, devError(p, err)
	}
	for i, v := range readers {
		if _, err := fmt.Fprintf(a.Out, "%s: stored %s\n", v.File, reads[i]); err != nil {
			return true, err
		}
	}
	return true, nil
}

func names(secrets []localdev.Secret) string {
	if len(secrets) == 0 {
		return "nothing"
	}
	list := make([]string, len(secrets))
	for i, s := range secrets {
		list[i] = s.Name
	}
	return strings.Join(list, ", ")
}

// sayWhere says where each Worker looks, and what to do about the plain text there.
func (a *App) sayWhere(places []*devsession.Place) {
	var folders []string
	byDefault := 0
	for _, p := range places {
		a.Filter.Public(p.Values()) // others may have chosen it
		for _, v := range p.Visitors {
			a.Filter.Public(v.By)
			by := v.By
			if by == "" {
				byDefault++
				by = "beside it"
			}
			a.Say("%s looks in %s (%s)", v.File, p.State(), by)
		}
		folders = append(folders, p.Values())
	}
	if byDefault > 1 {
		a.Say("Workers that run together, as by wrangler dev -c A -c B, all look where the first one does: " +
			"set persist_to for them under workers:")
	}
	if len(folders) > 0 {
		a.Say("the values are in plain text in %s; %s removes them", strings.Join(folders, ", "), a.line("dev", "--clear"))
	}
}

// devError adds a hint to an error of package localdev.
func devError(place *devsession.Place, err error) error {
	file, values := place.Files(), place.Values()
	for is, todo := range map[error]string{
		localdev.ErrNoMiniflare: "install wrangler first: npm install --save-dev wrangler",
		localdev.ErrNoNode:      "install Node.js, and then wrangler: npm install --save-dev wrangler",
		localdev.ErrUnsupported: "install a newer wrangler: npm install --save-dev wrangler@latest",
		localdev.ErrFailed: "see what wrangler dev says there: it may want a newer Node.js, or be too old; " +
			"and an older wrangler cannot read what a newer one left in " + filepath.Dir(values),
		localdev.ErrLost:    "remove " + values + ", in case something is there, and try another wrangler; please report this one",
		localdev.ErrDamaged: "remove " + values + ", where the values are, and " + place.Record() + "; then run dev again",
		localdev.ErrLink:    "remove it; nothing was stored there",
		localdev.ErrBusy:    "try again when it has finished",
	} {
		if errors.Is(err, is) {
			return hint.With(fmt.Errorf("%s: %w", file, err), todo)
		}
	}
	return fmt.Errorf("%s: %w", file, err)
}

// checkIgnored refuses to store plain text where git would track it.
func (a *App) checkIgnored(ctx context.Context, place localdev.Place) error {
	root := place.Root()
	if !repo.InWorkTree(root) {
		return nil
	}
	at := root // git needs an existing folder to start in
	for {
		if info, err := os.Stat(at); err == nil && info.IsDir() {
			break
		}
		at = filepath.Dir(at)
	}
	for _, path := range []string{filepath.Join(place.Values(), "id", "blobs", "value"), filepath.Join(root, "file")} {
		path, err := filepath.Rel(at, path)
		if err != nil {
			return err
		}
		switch ignored, err := repo.Ignored(ctx, at, a.env, path); {
		case err == nil && ignored:
		case err == nil:
			return hint.With(fmt.Errorf("git does not ignore %s, where the values would be in plain text", root),
				"add "+filepath.Base(root)+" to .gitignore")
		default:
			return hint.With(fmt.Errorf("git cannot tell whether it ignores %s, where the values would be in plain text", root),
				"run git check-ignore there to see why")
		}
	}
	return nil
}
