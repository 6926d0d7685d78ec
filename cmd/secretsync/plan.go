package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/secretsync/secretsync/internal/atomicfile"
	"github.com/secretsync/secretsync/internal/render"
	"github.com/secretsync/secretsync/internal/syntax"
	"github.com/secretsync/secretsync/lockfile"
	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/planner/planfile"
	"github.com/spf13/cobra"
)

func (a *app) planCommand() *cobra.Command {
	var detailed bool
	var out, format string
	cmd := &cobra.Command{
		Use:   "plan",
		Short: "Show what apply would do",
		Long: "plan compares the manifest with the lockfile and with Cloudflare, and shows what apply would do.\n" +
			"It changes nothing. A token with the permission \"Secrets Store Read\" is enough.\n\n" +
			"--keyless needs no key: values are compared by their ciphertexts, and what cannot be known is said to be.\n" +
			"--offline needs no token: the lockfile is taken at its word for what is in Cloudflare. Both together need no\n" +
			"credentials at all, as for a pull request from a fork.\n\n" + exitCodesHelp,
		Example: "  secretsync plan -o plan.json     # for review\n  secretsync apply plan.json       # does that and nothing else",
		Args:    a.noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			a.flags.values = !a.flags.keyless
			p, err := a.plan(cmd.Context(), out, format)
			if err == nil && detailed && len(p.Actions) > 0 {
				return &status{code: exitChanges}
			}
			return err
		},
	}
	f := cmd.Flags()
	f.StringVarP(&out, "out", "o", "", "write the plan to this file, for review and for apply")
	f.StringVar(&format, "format", "text", formatHelp)
	f.BoolVar(&a.flags.keyless, "keyless", false, "compare ciphertexts, without decryption or fingerprint key")
	f.BoolVar(&a.flags.offline, "offline", false, "compare with the lockfile alone, without a token")
	f.BoolVar(&detailed, "detailed-exitcode", false, "exit with 2 where there are changes")
	return cmd
}

func (a *app) plan(ctx context.Context, out, format string) (*planner.Plan, error) {
	if err := checkFormat(format); err != nil {
		return nil, err
	}
	s, err := a.openManifest(ctx)
	if err != nil {
		return nil, err
	}
	if out != "" {
		if err := s.mayReplace(out); err != nil {
			return nil, err
		}
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
	p, unreachable, err := w.plan(ctx, false)
	if err != nil {
		return nil, err
	}
	file := planfile.New(p, w.inputs())
	if out != "" {
		if err := atomicfile.Write(out, file.Format(), 0o644); err != nil {
			return nil, err
		}
	}
	if err := a.showPlan(file, format); err != nil {
		return nil, err
	}
	return p, errors.Join(s.problems(p), unreachable)
}

// mayReplace refuses to write a plan over anything but a plan, or where secretsync looks
// for something else.
func (s *session) mayReplace(path string) error {
	for name, what := range map[string]string{s.lockPath: "the lockfile", s.ring().KeyFile(): "the fingerprint key's file", s.manifest.File: "the manifest"} {
		if sameFile(path, name) {
			return hint(fmt.Errorf("-o %s: that is %s", path, what), "name another one")
		}
	}
	switch info, err := os.Lstat(path); {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("-o %s: %w", path, err)
	case !info.Mode().IsRegular():
		return hint(fmt.Errorf("-o %s: that is not a regular file", path), "--format json writes the plan to the standard output")
	case info.Size() == 0:
		return nil
	case info.Size() > planfile.MaxSize:
		return hint(fmt.Errorf("-o %s: that file exists, and is no plan", path), "name another one, or remove it")
	}
	old, err := os.ReadFile(path)
	switch {
	case err != nil:
		return fmt.Errorf("-o %s: %w", path, err)
	case len(bytes.TrimSpace(old)) > 0 && !planfile.Is(old):
		return hint(fmt.Errorf("-o %s: that file exists, and is no plan", path), "name another one, or remove it")
	}
	return nil
}

// sameFile compares names, of files that need not be there.
func sameFile(x, y string) bool { return resolved(x) == resolved(y) }

func resolved(name string) string {
	if abs, err := filepath.Abs(name); err == nil {
		name = abs
	}
	if dir, err := filepath.EvalSymlinks(filepath.Dir(name)); err == nil {
		name = filepath.Join(dir, filepath.Base(name))
	}
	return name
}

// problems fails where a plan has some.
func (s *session) problems(p *planner.Plan) error { return problemsOf(p, s.manifest.File) }

func problemsOf(p *planner.Plan, manifest string) error {
	var errs syntax.ErrorList
	for _, q := range p.Problems {
		what, hint := render.Problem(q)
		pos := q.Pos
		if pos.File == "" { // about no place in it
			pos.File = manifest
		}
		errs.Add(pos, hint, "%s", what)
	}
	return errs.Err()
}
