package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/secretsync/secretsync/internal/render"
	"github.com/secretsync/secretsync/manifest"
	"github.com/secretsync/secretsync/reconcile"
)

// importManifest writes a manifest of the existing secrets that no manifest describes.
func (a *App) importManifest(ctx context.Context, o *importOptions) error {
	out, sops := o.out, o.sops
	if _, err := os.Lstat(out); !errors.Is(err, fs.ErrNotExist) {
		return errors.Join(fmt.Errorf("%s exists already: import overwrites nothing", out), err)
	}
	stores, existing, err := a.draft(ctx, o)
	if err != nil {
		return err
	}
	stores = a.describable(stores)
	found := 0
	for _, st := range stores {
		found += len(st.Secrets)
	}
	if found == 0 {
		_, err := fmt.Fprintln(a.Out, "Nothing to import: the manifest describes every secret.")
		return err
	}
	from := sops
	if sops != "" { // relative to the file that names it
		if from, err = filepath.Rel(filepath.Dir(out), sops); err != nil {
			return fmt.Errorf("--sops: %w", err)
		}
	}
	text, err := manifest.Draft(stores, filepath.ToSlash(from))
	if err != nil {
		return err
	}
	if err := a.writeNew("-o", out, text); err != nil {
		return err
	}
	next := "run validate and plan"
	if existing != "" {
		next = fmt.Sprintf("add %s to include in %s", out, existing)
	}
	if sops != "" {
		next = fmt.Sprintf("write the values into %s, each under its secret's name; then %s", sops, next)
	}
	_, err = fmt.Fprintf(a.Out, "It describes %d secrets. Next: %s.\n", found, render.Safe(next))
	return err
}

// describable leaves out what a manifest cannot name, and says so.
func (a *App) describable(stores []manifest.DraftStore) []manifest.DraftStore {
	for i := range stores {
		stores[i].Secrets = slices.DeleteFunc(stores[i].Secrets, func(sec manifest.DraftSecret) bool {
			if !manifest.IsName(sec.Label) {
				a.Say("warning: left out the secret %s: a manifest cannot have that name", render.Safe(sec.Label))
			}
			return !manifest.IsName(sec.Label)
		})
	}
	return slices.DeleteFunc(stores, func(st manifest.DraftStore) bool {
		name := cmp.Or(st.Name, st.Label)
		if !manifest.IsStoreName(name) {
			a.Say("warning: left out the store %s: a manifest cannot have that name", render.Safe(name))
			return true
		}
		return false
	})
}

// draft describes everything in the account or, if there is a manifest, what its stores
// contain beyond it. existing is that manifest's file name.
func (a *App) draft(ctx context.Context, o *importOptions) (stores []manifest.DraftStore, existing string, err error) {
	connection, err := a.connect(&o.apiFlags)
	if err != nil {
		return nil, "", err
	}
	project, err := a.project(ctx, &o.manifestFlags, connection)
	switch {
	case errors.Is(err, manifest.ErrNone):
		c, err := a.config(&o.manifestFlags, o.out, connection)
		if err != nil {
			return nil, "", err
		}
		a.protect(reconcile.Files(reconcile.Config{Lockfile: c.Lockfile, LookupEnv: a.LookupEnv}, nil))
		if err := a.checkOwn("-o", o.out); err != nil {
			return nil, "", err
		}
		if err := connection.start(ctx, c.Lockfile); err != nil {
			return nil, "", err
		}
		defer connection.stop()
		stores, err := reconcile.DraftAccount(ctx, c)
		return stores, "", err
	case err != nil:
		return nil, "", err
	}
	if err := a.checkOwn("-o", o.out); err != nil {
		return nil, "", err
	}
	if err := connection.start(ctx, project.Lockfile()); err != nil {
		return nil, "", err
	}
	defer connection.stop()
	stores, err = project.DraftUnmanaged(ctx)
	return stores, project.Manifest().File, err
}
