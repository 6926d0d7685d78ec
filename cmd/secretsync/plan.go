package main

import (
	"context"
	"errors"
	"time"

	"github.com/secretsync/secretsync/internal/render"
	"github.com/secretsync/secretsync/internal/syntax"
	"github.com/secretsync/secretsync/lockfile"
	"github.com/secretsync/secretsync/planner"
	"github.com/spf13/cobra"
)

func (a *app) planCommand() *cobra.Command {
	var detailed bool
	cmd := &cobra.Command{
		Use:   "plan",
		Short: "Show what apply would do",
		Long: "plan compares the manifest with the lockfile and with Cloudflare, and shows what apply would do.\n" +
			"It changes nothing. A token with the permission \"Secrets Store Read\" is enough.\n\n" + exitCodesHelp,
		Args: a.noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			p, err := a.plan(cmd.Context())
			if err == nil && detailed && len(p.Actions) > 0 {
				return &status{code: exitChanges}
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&detailed, "detailed-exitcode", false, "exit with 2 where there are changes")
	return cmd
}

func (a *app) plan(ctx context.Context) (*planner.Plan, error) {
	s, err := a.openManifest(ctx)
	if err != nil {
		return nil, err
	}
	lock, err := lockfile.Read(s.lockPath)
	if err != nil {
		return nil, err
	}
	if err := s.connect(ctx); err != nil {
		return nil, err
	}
	defer s.close()
	w, err := s.prepare(ctx, lock)
	if err != nil {
		return nil, err
	}
	defer w.wipe()
	p, unreachable, err := w.plan(ctx, time.Now(), false)
	if err != nil {
		return nil, err
	}
	return p, errors.Join(s.show(p), unreachable)
}

// show writes a plan, and fails where it has problems.
func (s *session) show(p *planner.Plan) error {
	if err := render.Plan(s.std.out, p, s.style()); err != nil {
		return err
	}
	var errs syntax.ErrorList
	for _, q := range p.Problems {
		what, hint := render.Problem(q)
		pos := syntax.Pos(q.Pos)
		if pos.File == "" { // about no place in it
			pos.File = s.manifest.File
		}
		errs.Add(pos, hint, "%s", what)
	}
	return errs.Err()
}
