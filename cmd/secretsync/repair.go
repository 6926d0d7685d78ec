package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/secretsync/secretsync/internal/atomicfile"
	"github.com/secretsync/secretsync/internal/render"
	"github.com/secretsync/secretsync/lockfile"
	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/planner/planfile"
)

// writeRepairPlan writes the plan that would undo the drift, made from what drift has
// seen, for review and for apply. It is a keyless plan, limited to what drifted: changes
// of the manifest to other secrets are not in it.
func (s *session) writeRepairPlan(ctx context.Context, in planner.Input, lock *lockfile.File, found []planner.Drift, path string) error {
	targets := driftedTargets(found)
	if left := countedDrift(found) - len(targets); left > 0 {
		s.say("findings that no plan repairs, such as unmanaged secrets: %d", left)
	}
	if len(targets) == 0 {
		s.say("no drift that a plan could repair: %s was not written", path)
		return s.removeOld(path)
	}
	s.flags.keyless = true
	w, err := s.prepare(ctx, lock)
	if err != nil {
		return err
	}
	w.options.Targets = targets
	in.Desired, in.References, in.Unread, in.Options = w.desired, w.references, w.unbound, w.options
	w.liveDigest = planfile.LiveDigest(in.Live)
	p := planner.Build(in)
	file := planfile.New(p, w.inputs())
	if err := atomicfile.Write(path, file.Format(), 0o644); err != nil {
		return err
	}
	s.say("wrote %s, the plan that would repair it: %s", path, render.Summary(p))
	return w.problems(p)
}

// removeOld removes the plan that an earlier run wrote, lest it be taken for this one's.
func (s *session) removeOld(path string) error {
	switch err := os.Remove(path); {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("the plan of an earlier run: %w", err)
	}
	s.say("removed the %s of an earlier run", path)
	return nil
}

// driftedTargets are the globs of what has drift that a plan can repair.
func driftedTargets(found []planner.Drift) []string {
	var targets []string
	for _, d := range found {
		store := string(d.Store.Account) + "/" + escapeGlob(d.Store.Name) + "/"
		switch {
		case !d.Counts || d.Kind == planner.DriftUnmanaged || d.Kind == planner.DriftNotActive,
			d.Kind == planner.DriftRotationOverdue && !d.Generated:
		case d.Kind == planner.DriftStoreGone:
			targets = append(targets, store+"*")
		default:
			targets = append(targets, store+escapeGlob(d.Secret))
		}
	}
	return targets
}

// escapeGlob makes a name match itself alone.
func escapeGlob(name string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(name)
}
