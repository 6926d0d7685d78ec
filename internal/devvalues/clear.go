package devvalues

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/secretsync/secretsync/internal/bindings"
	"github.com/secretsync/secretsync/internal/devsession"
	"github.com/secretsync/secretsync/internal/hint"
	"github.com/secretsync/secretsync/internal/localdev"
	"github.com/secretsync/secretsync/internal/syntax"
)

// ErrNoWorkers is returned if there are no configurations, and so no place where values could be.
var ErrNoWorkers = errors.New("the manifest has no workers")

// Clear removes the values that [Local.Store] stored: all of them, or those that the chosen
// Workers bind. Next to a configuration that is broken or no longer named, it uses the record of
// what was stored. It fails if any value may be left.
func (l *Local) Clear(ctx context.Context, chosen []string) error {
	for _, e := range l.Mistakes {
		l.Say("warning: %s: %s", e.Pos, e.What)
	}
	files, unread := chosen, false
	if len(chosen) == 0 {
		if files, unread = l.files(); len(files) == 0 && !unread {
			return ErrNoWorkers
		}
	}
	err := l.eachOf(ctx, l.placesToClear(files), func(p *devsession.Place) error {
		all := len(chosen) == 0 || slices.ContainsFunc(p.Visitors, func(v devsession.Visitor) bool { return l.mistaken(v.File) })
		return l.clearOne(ctx, p, all)
	})
	if err == nil && unread {
		err = hint.With(errors.New("values beside configurations that no longer exist were not removed"),
			l.Line("dev", "--clear")+" --worker FILE removes them, by what it finds beside FILE")
	}
	return err
}

// files returns the configurations that can be read, parsed or not, and whether there are
// others.
func (l *Local) files() (files []string, unread bool) {
	found, mistakes := l.Manifest.WorkerFiles()
	for _, f := range found {
		files = append(files, f.Name)
	}
	return files, len(mistakes) > 0
}

// mistaken reports whether there are mistakes in a configuration.
func (l *Local) mistaken(file string) bool {
	return slices.ContainsFunc(l.Mistakes, func(e *syntax.Error) bool { return devsession.SamePath(e.Pos.File, file) })
}

// placesToClear returns the folders where the Workers look, and those beside their
// configurations where dev has stored values: they may have looked there before. A place's
// others are further Workers of the manifest that share the folder.
func (l *Local) placesToClear(files []string) devsession.Layout {
	all, _ := l.files()
	for _, file := range files {
		if !slices.ContainsFunc(all, func(known string) bool { return devsession.SamePath(known, file) }) {
			all = append(all, file)
		}
	}
	places := l.places(all)
	for _, file := range all {
		own := localdev.Place{Dir: filepath.Dir(file)}
		if _, err := os.Lstat(own.Record()); err == nil && l.PersistTo == "" {
			places.Add(own, file, "")
		}
	}
	return places.Of(files)
}

// kept returns the secrets that other Workers bind in a place, and reports which of them stay although
// they were to be removed.
func (l *Local) kept(p *devsession.Place, secrets []localdev.Secret, all bool) []localdev.Secret {
	stored, _ := localdev.Recorded(p.Place) // Clear reports an error
	var keep []localdev.Secret
	for _, v := range p.Others {
		c := l.Bindings.Config(v.File)
		if c == nil {
			continue
		}
		var here []localdev.Secret
		for _, s := range bindings.BoundPlaces(c) {
			keep = append(keep, s)
			if slices.ContainsFunc(stored, s.Is) && (all || slices.ContainsFunc(secrets, s.Is)) {
				here = append(here, s)
			}
		}
		if len(here) > 0 {
			l.Say("kept %s in %s, where %s reads it too", names(here), p.Values(), v.File)
		}
	}
	return keep
}

// clearOne removes the values that the Workers of a place bind. With all, and if the bindings
// of one are not known, it removes everything that dev stored there.
func (l *Local) clearOne(ctx context.Context, p *devsession.Place, all bool) error {
	var secrets []localdev.Secret
	for _, v := range p.Visitors {
		if c := l.Bindings.Config(v.File); c != nil {
			secrets = append(secrets, bindings.BoundPlaces(c)...)
		} else if !all {
			if _, err := os.Lstat(p.Record()); err != nil {
				return hint.With(fmt.Errorf("%s is not one of the manifest's Workers, and dev stored nothing beside it", v.File),
					"name a wrangler configuration beside which dev stored values")
			}
			all = true
		}
	}
	gone, err := localdev.Clear(ctx, p.Place, secrets, l.kept(p, secrets, all), all)
	if err != nil {
		return clearError(p, err)
	}
	for i, list := range l.shares(p, gone) {
		if _, err := fmt.Fprintf(l.Out, "%s: removed %s\n", p.Visitors[i].File, names(list)); err != nil {
			return err
		}
	}
	return nil
}

// shares assigns each removed secret to the Workers that bind it. A secret that none binds goes to
// the first Worker whose bindings are not known, or else to the first one.
func (l *Local) shares(p *devsession.Place, gone []localdev.Secret) [][]localdev.Secret {
	lists := make([][]localdev.Secret, len(p.Visitors))
	rest := 0
	for i, v := range slices.Backward(p.Visitors) {
		if l.Bindings.Config(v.File) == nil {
			rest = i
		}
	}
	for _, g := range gone {
		bound := false
		for i, v := range p.Visitors {
			c := l.Bindings.Config(v.File)
			if c != nil && slices.ContainsFunc(bindings.BoundPlaces(c), g.Is) {
				lists[i], bound = append(lists[i], g), true
			}
		}
		if !bound {
			lists[rest] = append(lists[rest], g)
		}
	}
	return lists
}

// clearError always offers a way out: the values can be removed by hand.
func clearError(place *devsession.Place, err error) error {
	todo := "remove " + place.Values() + ", where the values are"
	switch {
	case errors.Is(err, localdev.ErrBusy):
		todo = "try again when it has finished"
	case errors.Is(err, localdev.ErrDamaged):
		todo += ", and " + place.Record()
	case errors.Is(err, localdev.ErrLink):
		todo = "remove it, and look where it leads"
	}
	return hint.With(fmt.Errorf("%s: its values were not removed: %w", place.Files(), err), todo)
}
