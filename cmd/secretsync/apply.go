package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/secretsync/secretsync/applier"
	"github.com/secretsync/secretsync/internal/keyring"
	"github.com/secretsync/secretsync/internal/render"
	"github.com/secretsync/secretsync/internal/secret"
	"github.com/secretsync/secretsync/lockfile"
	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/planner/planfile"
	"github.com/spf13/cobra"
)

func (a *app) applyCommand() *cobra.Command {
	var autoApprove bool
	var planID string
	cmd := &cobra.Command{
		Use:   "apply [PLAN]",
		Short: "Make Cloudflare what the manifest says",
		Long: "apply shows the plan, asks, executes it, and writes the lockfile, which belongs into git.\n" +
			"It needs a token with the permission \"Secrets Store Write\".\n\n" +
			"With a PLAN that plan -o wrote, or with --plan-id, it does what was reviewed and does not ask: everything is read\n" +
			"anew, and if more or something else would be done now, nothing is, and the exit code is 3.\n\n" + exitCodesHelp,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			// An empty variable of a CI job must not make an apply of anything of it.
			if cmd.Flags().Changed("plan-id") && planID == "" || len(args) == 1 && args[0] == "" {
				return errors.New("the plan or plan id that was reviewed is empty")
			}
			reviewed, err := newReview(cmd.Context(), strings.Join(args, ""), planID)
			if err != nil {
				return err
			}
			if reviewed.file != nil && len(a.flags.targets) == 0 {
				a.flags.targets = reviewed.file.Inputs.Targets
			}
			ask := approval{auto: autoApprove, word: "yes", reviewed: reviewed}
			return a.apply(cmd.Context(), ask, func(*workspace) error { return nil })
		},
	}
	cmd.Flags().BoolVar(&autoApprove, "auto-approve", false, "do not ask")
	a.eventsFlag(cmd)
	cmd.Flags().StringVar(&planID, "plan-id", "", "the id of the reviewed plan: refuse to do anything else")
	return cmd
}

// apply is the main flow. adjust may change what is wanted before the plan is made.
func (a *app) apply(ctx context.Context, ask approval, adjust func(*workspace) error) error {
	a.flags.values = true
	return a.underLock(ctx, func(s *session, handle *lockfile.Handle) error {
		w, err := s.prepare(ctx, handle.File())
		if err != nil {
			return err
		}
		defer w.wipe()
		if err := adjust(w); err != nil {
			return err
		}
		return w.planAndExecute(ctx, handle, ask)
	})
}

// underLock reads the manifest, and does something while no other apply can.
func (a *app) underLock(ctx context.Context, do func(*session, *lockfile.Handle) error) error {
	s, err := a.openManifest(ctx)
	if err != nil {
		return err
	}
	handle, err := lockfile.Open(ctx, s.lockPath, a.flags.lockTimeout)
	if err != nil {
		return err
	}
	defer handle.Close()
	if err := keyring.Ignore(filepath.Dir(s.lockPath), lockfile.SideFile(s.lockPath)); err != nil {
		return err
	}
	if err := s.connect(ctx); err != nil {
		return err
	}
	defer s.close()
	return do(s, handle)
}

// planAndExecute is the second half of the main flow: from live state to the report.
func (w *workspace) planAndExecute(ctx context.Context, handle *lockfile.Handle, ask approval) error {
	p, unreachable, err := w.plan(ctx, true)
	if err != nil {
		return err
	}
	if err := w.checkReview(ask.reviewed, p); err != nil {
		return err
	}
	if err := w.showWhatIsToDo(p); err != nil {
		return err
	}
	if err := w.problems(p); err != nil {
		return err
	}
	j := &journal{workspace: w, handle: handle, now: w.clock.Now}
	if len(p.Actions) == 0 {
		return errors.Join(j.refresh(), w.report(&applier.Report{}, nil, true), incomplete(unreachable))
	}
	if err := w.approve(ctx, len(p.Actions), ask); err != nil {
		return err
	}
	if err := w.ensureKey(ctx); err != nil {
		return err
	}
	return errors.Join(w.execute(ctx, p, j), incomplete(unreachable))
}

// showWhatIsToDo shows the plan before it is executed.
func (w *workspace) showWhatIsToDo(p *planner.Plan) error {
	if w.flags.events {
		return w.events().Plan(planfile.New(p, w.inputs()))
	}
	return render.Plan(w.std.out, p, render.PlanInfo{}, w.style())
}

// progress tells of an action that ended.
func (w *workspace) progress(r applier.Result) {
	if w.flags.events {
		_ = w.events().Result(r) // the last event shows whether there is a reader
		return
	}
	w.say("%s", render.Progress(r))
}

// report tells how it ended. Where nothing was to be done, the plan has said so.
func (w *workspace) report(r *applier.Report, err error, nothing bool) error {
	switch {
	case w.flags.events:
		return w.events().End(r, err)
	case nothing:
		return nil
	}
	return render.Report(w.std.out, r)
}

func (a *app) events() *render.Events { return &render.Events{W: a.std.out, Now: time.Now} }

// eventsFlag is of every command that executes a plan.
func (a *app) eventsFlag(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&a.flags.events, "json", false, "tell what is done as JSON, one object a line")
}

// incomplete is the end of an apply that could not look at every account.
func incomplete(unreachable error) error {
	if unreachable == nil {
		return nil
	}
	return &status{exitIncomplete, unreachable}
}

// approval is how a plan is approved: by a review before, unasked, or by a word on the
// terminal.
type approval struct {
	auto     bool
	word     string
	reviewed review
}

// approve asks whether so many things may be done.
func (a *app) approve(ctx context.Context, things int, ask approval) error {
	switch {
	case ask.auto || ask.reviewed.given():
		return nil
	case !isTerminal(a.std.in):
		return hint(errors.New("an answer is needed, and there is no terminal to ask on"),
			"look at the plan, then run it again with --auto-approve, or give the plan that was reviewed")
	}
	question := "\nDo this?"
	if things > 1 {
		question = fmt.Sprintf("\nDo these %d things?", things)
	}
	switch ok, err := a.confirm(ctx, question, ask.word); {
	case err != nil:
		return &status{exitInterrupted, errors.New("interrupted: nothing was changed")}
	case !ok:
		return errors.New("not approved: nothing was changed")
	}
	return nil
}

// generate draws the values that the plan sends and that nobody has yet.
func (w *workspace) generate(p *planner.Plan) {
	for _, a := range p.Actions {
		ref := a.Store.Secret(a.Secret)
		if wanted := w.wanted[ref]; a.SetValue && wanted.generate != nil {
			wanted.value = wanted.generate()
			w.filter.Know(wanted.value)
			w.wanted[ref] = wanted
		}
	}
}

// sayPending names the secrets that cannot be used yet.
func (a *app) sayPending(r *applier.Report, interrupted bool) {
	var names []string
	for _, res := range r.Pending() {
		names = append(names, res.Action.Store.Name+"/"+res.Action.Secret)
	}
	waited := fmt.Sprintf(" after --wait %s", a.flags.wait)
	if interrupted {
		waited = ""
	}
	if len(names) > 0 {
		a.say("warning: still pending in Cloudflare%s, so a Worker cannot read them yet: %s", waited, render.Safe(strings.Join(names, ", ")))
	}
}

// execute applies the plan and reports.
func (w *workspace) execute(ctx context.Context, p *planner.Plan, j *journal) error {
	targets, err := w.targets(p)
	if err != nil {
		return err
	}
	w.generate(p)
	report, applied := applier.Apply(ctx, p, applier.Config{
		Targets: targets, Journal: j, Parallelism: w.flags.parallelism, Wait: w.flags.wait, Now: w.clock.Now,
		Value: func(k planner.SecretKey) (secret.Value, bool) {
			want, ok := w.wanted[k]
			return want.value, ok
		},
		Events: w.progress,
	})
	refreshed := j.refresh()
	w.sayPending(report, ctx.Err() != nil)
	reported := w.report(report, applied, false)
	if err := outcome(ctx, report, applied); err != nil {
		return errors.Join(err, reported)
	}
	return errors.Join(refreshed, reported)
}

// outcome is the error that an apply amounts to, or nil.
func outcome(ctx context.Context, report *applier.Report, err error) error {
	switch {
	case ctx.Err() != nil:
		return &status{exitInterrupted, hint(errors.New("interrupted"), "run plan to see what is left")}
	case err != nil: // the lockfile cannot be written
		return &status{exitIncomplete, hint(errors.Join(errors.New("the apply is incomplete"), err),
			"the lockfile has as unknown what was done last: make room for it to be written, and apply again, which settles that")}
	case !report.Complete():
		return &status{exitIncomplete, hint(errors.New("the apply is incomplete"),
			"the lockfile says what was done: run plan to see what is left, then apply again")}
	}
	return nil
}
