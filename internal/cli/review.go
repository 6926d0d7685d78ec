package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/secretsync/secretsync/internal/hint"
	"github.com/secretsync/secretsync/internal/render"
	"github.com/secretsync/secretsync/reconcile"
)

// review reads what was reviewed: the plan file, if one is named, and the plan id.
func (a *App) review(ctx context.Context, path, id string) (reconcile.Review, error) {
	r := reconcile.Review{ID: id}
	if path == "" {
		return r, nil
	}
	var err error
	if r.File, err = readPlan(ctx, path); err != nil {
		return r, err
	}
	if id != "" && id != r.File.PlanID {
		return r, &status{exitStale, fmt.Errorf("%s has the id %s, but --plan-id says %s", path, r.File.PlanID, render.Safe(id))}
	}
	// The current plan may have no such problems if it is built with other options than the
	// reviewed one.
	if err := problemsOf(r.File.Plan(), r.File.Inputs.Manifest); err != nil {
		return r, &status{exitStale, hint.With(err, path+" has problems and is not applied: resolve them, and have a new plan reviewed")}
	}
	return r, nil
}

// checkReview compares the current plan with what was reviewed, and lists the reviewed
// actions that are not executed. It refuses a plan that goes further, with exit code 3.
func (a *App) checkReview(r reconcile.Review, p *reconcile.Proposal, noColor bool) error {
	skipped, err := p.Check(r)
	for _, s := range skipped {
		a.Say("%s", render.Skipped(s))
	}
	var stale *reconcile.StaleError
	switch {
	case !errors.As(err, &stale):
		return err
	case stale.Difference != nil:
		if err := render.Difference(a.Err, *stale.Difference, a.style(noColor)); err != nil {
			return err
		}
	default:
		a.Say("the current plan has the id %s:", stale.PlanID)
		if err := render.Plan(a.Err, p.Plan, render.PlanInfo{}, a.style(noColor)); err != nil {
			return err
		}
		a.PrintError(problemsOf(p.Plan, p.File().Inputs.Manifest))
	}
	return &status{exitStale, stale}
}
