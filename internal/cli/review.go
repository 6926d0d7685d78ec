package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/secretsync/secretsync/internal/hint"
	"github.com/secretsync/secretsync/internal/render"
	"github.com/secretsync/secretsync/internal/results"
	"github.com/secretsync/secretsync/planner/planfile"
	"github.com/secretsync/secretsync/reconcile"
)

// review reads what was reviewed: the plan files, if any are named, and the ids of plans. With
// both, the ids say which plans the files have to be.
func (a *App) review(ctx context.Context, paths, ids []string) (reconcile.Review, error) {
	if len(paths) == 0 {
		return reconcile.Review{IDs: ids}, nil
	}
	var r reconcile.Review
	for _, path := range paths {
		f, err := readPlan(ctx, path)
		if err != nil {
			return r, err
		}
		if !slices.ContainsFunc(ids, func(id string) bool { return isOf(id, f) }) && len(ids) > 0 {
			return r, &status{exitStale, fmt.Errorf("%s has the id %s, but --plan-id says %s",
				path, planfile.WholeID(f.PlanID), render.Safe(strings.Join(ids, " or ")))}
		}
		// The current plan may have no such problems if it is built with other options than the
		// reviewed one.
		if err := problemsOf(f.Plan(), f.Inputs.Manifest); err != nil {
			return r, &status{exitStale, hint.With(err, path+" has problems and is not applied: resolve them, and have a new plan reviewed")}
		}
		a.files.ProtectPlan(ctx, path, f, a.LookupEnv)
		r.Files = append(r.Files, f)
	}
	for _, id := range ids {
		if !slices.ContainsFunc(r.Files, func(f *planfile.File) bool { return isOf(id, f) }) {
			return r, &status{exitStale, fmt.Errorf("none of the plan files has the id %s of --plan-id", render.Safe(id))}
		}
	}
	return r, nil
}

// isOf reports whether an id, with or without tags, belongs to a plan file.
func isOf(id string, f *planfile.File) bool {
	return id == f.PlanID || id == planfile.WholeID(f.PlanID)
}

// reviewedTargets returns the targets of all plan files together: none if one of the plans was
// not limited to any.
func reviewedTargets(files []*planfile.File) []string {
	var targets []string
	for _, f := range files {
		if len(f.Inputs.Targets) == 0 {
			return nil
		}
		targets = append(targets, f.Inputs.Targets...)
	}
	return targets
}

// checkReview compares the current plan with what was reviewed, and lists the reviewed
// actions that are not executed. It refuses a plan that goes further, with exit code 3.
func (a *App) checkReview(r reconcile.Review, p *reconcile.Proposal, noColor bool) error {
	err := a.compareReview(r, p, noColor)
	var stale *reconcile.StaleError
	if !errors.As(err, &stale) || len(r.IDs) == 0 {
		return err
	}
	a.Say("the current plan has the id %s:", planfile.WholeID(stale.PlanID))
	if err := render.Plan(a.Err, p.Plan, render.PlanInfo{}, a.style(noColor)); err != nil {
		return err
	}
	a.PrintError(problemsOf(p.Plan, p.File().Inputs.Manifest))
	return err
}

// annotateStale writes, for GitHub, how a plan goes further than the reviewed ones: the plan itself,
// which was shown before, does not say so.
func (a *App) annotateStale(err error, format string) error {
	var stale *reconcile.StaleError
	if format != results.GitHub || !errors.As(err, &stale) {
		return nil
	}
	f := &render.Failure{}
	f.Mistakes, f.Hints = a.complaints(err)
	if stale.Difference != nil {
		var text strings.Builder
		if err := render.Difference(&text, *stale.Difference, render.Style{}); err != nil {
			return err
		}
		for line := range strings.Lines(text.String()) {
			f.Mistakes = append(f.Mistakes, render.Mistake{What: strings.TrimSpace(line)})
		}
	}
	return render.FailureGitHub(a.Out, f)
}

// compareReview does the same without showing the plan.
func (a *App) compareReview(r reconcile.Review, p *reconcile.Proposal, noColor bool) error {
	skipped, err := p.Check(r)
	for _, line := range render.Skipped(skipped, p.Plan) {
		a.Say("%s", line)
	}
	var stale *reconcile.StaleError
	if !errors.As(err, &stale) {
		return err
	}
	if stale.Difference != nil {
		if err := render.Difference(a.Err, *stale.Difference, a.style(noColor)); err != nil {
			return err
		}
	}
	err = stale
	if slices.ContainsFunc(r.IDs, planfile.IsWhole) {
		err = hint.With(stale, "an id of 64 digits is that of a whole plan: for a part of a plan, or several plans together, "+
			"give the longer plan_id of the plan file, or the plan files")
	}
	return &status{exitStale, err}
}
