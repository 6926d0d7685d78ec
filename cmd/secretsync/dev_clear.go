package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/secretsync/secretsync/internal/localdev"
	"github.com/secretsync/secretsync/internal/syntax"
	"github.com/secretsync/secretsync/internal/wrangler"
)

// devClear takes out what dev put there: everything, or what the chosen Workers bind. It
// goes by the record beside a configuration that is broken or is no longer named, and
// fails where anything could be left.
func (a *app) devClear(ctx context.Context, workers []string, persistTo string) error {
	p, err := a.openProject(ctx)
	if err != nil {
		return err
	}
	for _, e := range p.mistakes {
		a.say("warning: %s: %s", e.Pos, e.What)
	}
	files, unread := workers, false
	if len(workers) == 0 {
		if files, unread = p.workerFiles(); len(files) == 0 && !unread {
			return noWorkers(p.manifest)
		}
	}
	err = eachOf(ctx, a, files, func(file string) error {
		all := len(workers) == 0 || slices.ContainsFunc(p.mistakes, func(e *syntax.Error) bool { return samePath(e.Pos.File, file) })
		return p.clearOne(ctx, file, placeOf(file, persistTo), all)
	})
	if err == nil && unread {
		err = hint(errors.New("what dev put beside configurations that are not there was not removed"),
			"dev --clear --worker FILE does, by what it finds beside FILE")
	}
	return err
}

// workerFiles are the configurations that can be read, if not parsed, and whether there are
// others.
func (p *project) workerFiles() (files []string, unread bool) {
	found, mistakes := p.manifest.WorkerFiles()
	for _, f := range found {
		files = append(files, f.Name)
	}
	return files, len(mistakes) > 0
}

// clearOne takes out what the Worker binds; with all, and where its bindings are not
// known, everything that was put beside it.
func (p *project) clearOne(ctx context.Context, file string, place localdev.Place, all bool) error {
	var secrets []localdev.Secret
	if c := p.config(file); c != nil {
		secrets = boundPlaces(c)
	} else if !all {
		if _, err := os.Lstat(place.Record()); err != nil {
			return hint(fmt.Errorf("%s is none of the Workers that the manifest names, and dev put nothing beside it", file),
				"name a wrangler configuration that dev put values beside")
		}
		all = true
	}
	gone, err := localdev.Clear(ctx, place, secrets, all)
	if err != nil {
		return clearError(file, place, err)
	}
	_, err = fmt.Fprintf(p.std.out, "%s: removed %s\n", file, names(gone))
	return err
}

// boundPlaces are what the bindings of all environments name, each once.
func boundPlaces(c *wrangler.Config) []localdev.Secret {
	var bound []localdev.Secret
	seen := map[localPlace]bool{}
	for _, env := range c.Environments {
		for _, b := range env.Bindings {
			if at := (localPlace{b.StoreID, b.SecretName}); !seen[at] {
				seen[at] = true
				bound = append(bound, localdev.Secret{StoreID: b.StoreID, Name: b.SecretName})
			}
		}
	}
	return bound
}

// clearError always has a way out: the values can be removed by hand.
func clearError(file string, place localdev.Place, err error) error {
	todo := "remove " + place.Values() + ", where the values lie"
	switch {
	case errors.Is(err, localdev.ErrBusy):
		todo = "try again when it has ended"
	case errors.Is(err, localdev.ErrDamaged):
		todo += ", and " + place.Record()
	case errors.Is(err, localdev.ErrLink):
		todo = "remove it, and look where it leads"
	}
	return hint(fmt.Errorf("%s: its values were not removed: %w", file, err), todo)
}

func samePath(a, b string) bool {
	x, errA := filepath.Abs(a)
	y, errB := filepath.Abs(b)
	return errA == nil && errB == nil && x == y
}
