package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/secretsync/secretsync/internal/render"
	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/planner/planfile"
)

// review is what was reviewed before an apply: a plan file, an id, both or neither.
type review struct {
	file *planfile.File
	id   string
}

// newReview reads the plan file, if one is named.
func newReview(ctx context.Context, path, id string) (review, error) {
	r := review{id: id}
	if path == "" {
		return r, nil
	}
	var err error
	if r.file, err = readPlan(ctx, path); err != nil {
		return r, err
	}
	if id != "" && id != r.file.PlanID {
		return r, &status{exitStale, fmt.Errorf("%s has the id %s, and --plan-id %s was reviewed", path, r.file.PlanID, render.Safe(id))}
	}
	// Without the options that found the problems, a plan made now would have none.
	if err := problemsOf(r.file.Plan(), r.file.Inputs.Manifest); err != nil {
		return r, &status{exitStale, hint(err, path+" was made with problems, and is not applied: make a plan without them, and have that reviewed")}
	}
	return r, nil
}

// given reports whether anything was reviewed.
func (r review) given() bool { return r.file != nil || r.id != "" }

// checkReview holds a plan made now to what was reviewed, and says what of that is not
// done. It refuses, with exit code 3, whatever goes further.
func (w *workspace) checkReview(r review, p *planner.Plan) error {
	stale := hint(errors.New("the reviewed plan no longer holds: nothing was changed"), "make the plan again, and have it reviewed")
	switch {
	case r.file != nil:
		w.filter.Public(planText(r.file.Plan())...)
		d := planfile.Compare(r.file.Plan(), p)
		for _, gone := range d.Gone {
			w.say("%s: %s", w.whyNot(gone), render.ActionName(gone))
		}
		if d.Holds() {
			return nil
		}
		if err := render.Difference(w.std.err, d, w.style()); err != nil {
			return err
		}
	case r.id == "" || len(p.Actions)+len(p.Problems) == 0 || w.hasID(r.id, p):
		return nil
	default:
		w.say("the plan made now has the id %s:", planfile.ID(p))
		if err := render.Plan(w.std.err, p, render.PlanInfo{}, w.style()); err != nil {
			return err
		}
		w.printError(w.problems(p))
	}
	return &status{exitStale, stale}
}

// hasID reports whether an id is the plan's, or that of a plan made without a key which
// covers it. Problems that are new are told next, and forbid it.
func (w *workspace) hasID(id string, p *planner.Plan) bool {
	if id == planfile.ID(p) {
		return true
	}
	good, keyless := *p, *w.keylessPlan()
	good.Problems, keyless.Problems = nil, nil
	return id == planfile.ID(&good) || id == planfile.ID(&keyless) && planfile.Compare(&keyless, &good).Holds()
}

// whyNot says why a reviewed action is not in the plan made now.
func (w *workspace) whyNot(a planner.Action) string {
	_, wanted := w.wanted[a.Store.Secret(a.Secret)]
	switch {
	case w.unread[a.Store.Account]:
		return "cannot be told, since its account could not be read"
	case a.SetValue && !wanted:
		return "not asked for by this manifest any more"
	}
	return "not needed any more"
}
