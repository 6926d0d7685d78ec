package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/secretsync/secretsync/internal/bindings"
	"github.com/secretsync/secretsync/internal/hint"
	"github.com/secretsync/secretsync/internal/localdev"
	"github.com/secretsync/secretsync/internal/syntax"
)

// devClear removes the values that dev stored: all of them, or those that the chosen
// Workers bind. Next to a configuration that is broken or no longer named, it uses dev's
// record. It fails if any value may be left.
func (a *App) devClear(ctx context.Context, o *devOptions) error {
	w, err := a.workers(ctx, &o.manifestFlags)
	if err != nil {
		return err
	}
	for _, e := range w.mistakes {
		a.Say("warning: %s: %s", e.Pos, e.What)
	}
	files, unread := o.workers, false
	if len(o.workers) == 0 {
		if files, unread = w.files(); len(files) == 0 && !unread {
			return noWorkers(w.manifest)
		}
	}
	err = eachOf(ctx, a, files, func(file string) error {
		all := len(o.workers) == 0 || slices.ContainsFunc(w.mistakes, func(e *syntax.Error) bool { return samePath(e.Pos.File, file) })
		return a.clearOne(ctx, w, file, placeOf(file, o.folder()), all)
	})
	if err == nil && unread {
		err = hint.With(errors.New("values beside configurations that no longer exist were not removed"),
			"dev --clear --worker FILE removes them, by what it finds beside FILE")
	}
	return err
}

// files returns the configurations that can be read, parsed or not, and whether there are
// others.
func (w *workers) files() (files []string, unread bool) {
	found, mistakes := w.manifest.WorkerFiles()
	for _, f := range found {
		files = append(files, f.Name)
	}
	return files, len(mistakes) > 0
}

// clearOne removes the values that the Worker binds. With all, and if its bindings are not
// known, it removes everything that dev stored next to the configuration.
func (a *App) clearOne(ctx context.Context, w *workers, file string, place localdev.Place, all bool) error {
	var secrets []localdev.Secret
	if c := w.bindings.Config(file); c != nil {
		secrets = bindings.BoundPlaces(c)
	} else if !all {
		if _, err := os.Lstat(place.Record()); err != nil {
			return hint.With(fmt.Errorf("%s is not one of the manifest's Workers, and dev stored nothing beside it", file),
				"name a wrangler configuration beside which dev stored values")
		}
		all = true
	}
	gone, err := localdev.Clear(ctx, place, secrets, all)
	if err != nil {
		return clearError(file, place, err)
	}
	_, err = fmt.Fprintf(a.Out, "%s: removed %s\n", file, names(gone))
	return err
}

// clearError always offers a way out: the values can be removed by hand.
func clearError(file string, place localdev.Place, err error) error {
	todo := "remove " + place.Values() + ", where the values are"
	switch {
	case errors.Is(err, localdev.ErrBusy):
		todo = "try again when it has finished"
	case errors.Is(err, localdev.ErrDamaged):
		todo += ", and " + place.Record()
	case errors.Is(err, localdev.ErrLink):
		todo = "remove it, and look where it leads"
	}
	return hint.With(fmt.Errorf("%s: its values were not removed: %w", file, err), todo)
}
