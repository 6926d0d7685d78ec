package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"time"

	"github.com/secretsync/secretsync/applier"
	"github.com/secretsync/secretsync/internal/hint"
	"github.com/secretsync/secretsync/internal/render"
	"github.com/secretsync/secretsync/internal/results"
	"github.com/secretsync/secretsync/lockfile"
	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/reconcile"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// applyOptions are the flags of apply.
type applyOptions struct {
	changeFlags
	commandsFlag
	waitFlag
	targetFlags
	adoptFlag
	verifyFlag
	limitFlags
	outsideFlags
	planIDs []string
}

func (a *App) applyCommand() *cobra.Command {
	var o applyOptions
	cmd := &cobra.Command{
		Use:   "apply [PLAN...]",
		Short: "Make Cloudflare match the manifest",
		Long: `apply shows the plan, asks for approval, executes it and writes the lockfile,
which belongs in git. It needs a token with the permission "Secrets Store
Write".

With a PLAN that plan -o wrote, or with --plan-id, it executes the reviewed plan
and does not ask. Everything is read again first: if anything more or different
would be done now, nothing is, and the exit code is 3. Several plans, or several
ids, allow together what any of them has: for reviews that land together.

--verify has a Worker compare the values of secrets that were changed outside:
those that are still right are recorded, and not sent. Afterwards it proves that
Workers read what was sent, waiting up to --wait. It needs the permissions that
the verify command needs.

` + exitCodesHelp,
		Example: "  secretsync apply\n  secretsync apply plan.json       # as plan -o plan.json wrote it\n  secretsync apply --target 'default_secrets_store/stripe-*'",
		RunE: func(cmd *cobra.Command, args []string) error {
			// An empty variable in a CI job must not turn a reviewed apply into an
			// unreviewed one.
			if slices.Contains(o.planIDs, "") || slices.Contains(args, "") {
				return errors.New("the reviewed plan or plan id is empty")
			}
			if err := cmp.Or(o.waitFlag.check(), o.targetFlags.check(), o.adoptFlag.check()); err != nil {
				return err
			}
			reviewed, err := a.review(cmd.Context(), args, o.planIDs)
			if err != nil {
				return err
			}
			return a.apply(cmd.Context(), &o, reviewed)
		},
	}
	f := cmd.Flags()
	o.changeFlags.register(f)
	o.commandsFlag.register(f)
	o.waitFlag.register(f)
	o.targetFlags.register(f)
	o.adoptFlag.register(f)
	o.verifyFlag.register(f)
	o.limitFlags.register(f)
	o.outsideFlags.register(f)
	f.StringArrayVar(&o.planIDs, "plan-id", nil, "the id of a reviewed plan: refuse anything else (repeatable)")
	return cmd
}

// apply is the main flow: the manifest, the lock, a plan, its approval, the writes, the
// report.
func (a *App) apply(ctx context.Context, o *applyOptions, reviewed reconcile.Review) error {
	ask := approval{command: "apply", auto: o.auto, word: "yes", reviewed: reviewed}
	c := change{flags: &o.changeFlags, ask: ask, wait: o.wait, prove: o.verify}
	outside := o.outsideFlags.configure(a, &o.apiFlags)
	return a.change(ctx, c, readValues, o.commandsFlag.configure, o.limitFlags.apply, o.verifyFlag.configure, outside, func(c *reconcile.Config) {
		c.Adopt = o.policy()
		c.Targets = o.targets
		if len(o.targets) == 0 {
			c.Targets = reviewedTargets(reviewed.Files)
		}
	})
}

// changeFlags are the flags of every command that changes Cloudflare.
type changeFlags struct {
	manifestFlags
	apiFlags
	lockFlags
	applyFlags
}

func (f *changeFlags) register(fs *pflag.FlagSet) {
	f.manifestFlags.register(fs)
	f.apiFlags.register(fs)
	f.lockFlags.register(fs)
	f.applyFlags.register(fs)
}

// change describes a change of Cloudflare: what to plan, and how to approve it.
type change struct {
	flags *changeFlags
	ask   approval
	edits []reconcile.Edit
	// wait is how long to wait for what was written to become active.
	wait time.Duration
	// prove has Workers prove afterwards that they read what was sent.
	prove bool
}

// change plans and applies under the lock.
func (a *App) change(ctx context.Context, c change, options ...func(*reconcile.Config)) error {
	f := c.flags
	var out *results.Apply // nil until there is a plan, and so until an action is done
	options = append(options, func(cfg *reconcile.Config) {
		cfg.Wait, cfg.Notify = c.wait, func(e reconcile.Event) {
			if done, ok := e.(reconcile.ActionDone); ok {
				a.view.Event(e)
				out.Done(done.Result)
			} else {
				a.notify(e)
			}
		}
	})
	return a.underLock(ctx, &f.manifestFlags, &f.apiFlags, &f.lockFlags, options, func(run *reconcile.Run) error {
		proposal, err := run.Plan(ctx, c.edits...)
		if err != nil {
			return err
		}
		defer proposal.Close()
		if err := a.checkReview(c.ask.reviewed, proposal, f.noColor); err != nil {
			return err
		}
		out = a.applied(ctx, &f.applyFlags)
		if err := out.Plan(proposal); err != nil {
			return err
		}
		if err := problemsOf(proposal.Plan, run.Project().Manifest().File); err != nil {
			return errors.Join(err, proposal.Unreachable)
		}
		nothing := len(proposal.Plan.Actions) == 0
		if !nothing {
			if err := a.approve(ctx, len(proposal.Plan.Actions), c.ask); err != nil {
				return err
			}
		}
		report, err := run.Apply(ctx, proposal)
		if report == nil {
			return err
		}
		a.sayPending(report, waited(ctx, c.wait))
		var proof *reconcile.Verification
		if c.prove && err == nil {
			proof = run.Prove(ctx, proposal, report)
		}
		reported := out.Report(report, err, nothing, proof)
		return errors.Join(a.outcome(ctx, c.ask.command, report, err), reported, a.unproven(proof, c.wait), incomplete(proposal.Unreachable))
	})
}

// applied writes what is done.
func (a *App) applied(ctx context.Context, f *applyFlags) *results.Apply {
	return &results.Apply{
		Out: a.Out, JSON: f.json, Style: a.style(f.noColor), Quiet: a.isQuiet(), Say: a.Say,
		Interrupted: func() bool { return ctx.Err() != nil },
	}
}

// underLock opens the project, and calls do with a usable API while it holds the lock.
func (a *App) underLock(
	ctx context.Context, m *manifestFlags, api *apiFlags, lock *lockFlags,
	options []func(*reconcile.Config), do func(*reconcile.Run) error,
) error {
	connection, err := a.connect(api)
	if err != nil {
		return err
	}
	return a.withLock(ctx, m, connection, lock, options, func(run *reconcile.Run) error {
		if err := connection.start(ctx, run.Project().LocalLockfile()); err != nil {
			return err
		}
		defer connection.stop()
		return do(run)
	})
}

// withLock is like underLock, but the API need not be usable.
func (a *App) withLock(
	ctx context.Context, m *manifestFlags, api *connection, lock *lockFlags,
	options []func(*reconcile.Config), do func(*reconcile.Run) error,
) (err error) {
	project, err := a.project(ctx, m, api, slices.Concat(options, []func(*reconcile.Config){lock.configure})...)
	if err != nil {
		return err
	}
	run, err := project.Lock(ctx)
	if err != nil {
		return err
	}
	defer func() { err = a.closed(err, run.Close()) }()
	return do(run)
}

// closed adds the error of closing a run to that of what the run did.
func (a *App) closed(err, closing error) error {
	switch {
	case closing == nil:
		return err
	case err != nil:
		return errors.Join(err, closing)
	}
	return &status{exitIncomplete, hint.With(closing, a.adviser().Changed(closing))}
}

// unproven returns the error of an apply after which Workers still read values other than the sent ones.
// A verification that failed is a warning.
func (a *App) unproven(v *reconcile.Verification, wait time.Duration) error {
	if v == nil {
		return nil
	}
	if v.Failed != nil {
		a.Say("warning: it is not known whether Workers read what was sent: %s", render.Safe(v.Failed.Error()))
	}
	if n := v.Count(planner.LiveOther); n > 0 {
		secrets := "1 secret"
		if n != 1 {
			secrets = fmt.Sprintf("%d secrets", n)
		}
		return &status{exitIncomplete, hint.With(fmt.Errorf("after --wait %s, Workers still read other values for %s", wait, secrets),
			"they may not have the new ones yet: run "+a.line("verify")+" in a while")}
	}
	return nil
}

// incomplete returns the error of an apply that could not read every account.
func incomplete(unreachable error) error {
	if unreachable == nil {
		return nil
	}
	return &status{exitIncomplete, unreachable}
}

// outcome combines a report and the error of Apply into the error of a command, or nil.
func (a *App) outcome(ctx context.Context, command string, report *applier.Report, err error) error {
	switch {
	case len(report.Results) == 0: // there was nothing to do
		return err
	case errors.As(err, new(*reconcile.LeaseLostError)):
		return &status{exitIncomplete, hint.With(errors.Join(errors.New("the apply is incomplete"), err), a.adviser().Shared(err))}
	case errors.As(err, new(*lockfile.ReplacedError)): // said even after an interrupt
		return &status{exitIncomplete, hint.With(errors.Join(errors.New("the apply is incomplete"), err), a.adviser().Changed(err))}
	case ctx.Err() != nil:
		what := render.Interrupted(report)
		return &status{exitInterrupted, hint.With(errors.New(what), "run "+a.line("plan")+" to see what is left")}
	case errors.Is(err, reconcile.ErrNotRefreshed):
		return err
	case err != nil: // the lockfile could not be written
		return &status{exitIncomplete, hint.With(errors.Join(errors.New("the apply is incomplete"), err),
			"the outcome of the last requests was not recorded: free disk space and run "+command+" again")}
	case !report.Complete():
		return &status{exitIncomplete, hint.With(errors.New("the apply is incomplete"),
			"the lockfile records what was done: run "+a.line("plan")+" to see what is left, then "+command+" again")}
	}
	return nil
}

func waited(ctx context.Context, wait time.Duration) string {
	if ctx.Err() != nil {
		return ""
	}
	return fmt.Sprintf(" after --wait %s", wait)
}

// destroyOptions are the flags of destroy.
type destroyOptions struct {
	changeFlags
	targetFlags
	limitFlags
}

func (a *App) destroyCommand() *cobra.Command {
	var o destroyOptions
	cmd := &cobra.Command{
		Use:   "destroy",
		Short: "Delete every secret that the lockfile owns",
		Long: `destroy deletes every secret that the lockfile owns, or those that --target
selects. Secrets under delete: false are forgotten and stay in Cloudflare. A
store is deleted only if it was applied with delete: true and has no other
secrets. It reads no values, and never touches what secretsync does not manage.

` + exitCodesHelp,
		Example: "  secretsync destroy\n  secretsync destroy --target 'default_secrets_store/staging-*'",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.targetFlags.check(); err != nil {
				return err
			}
			ask := approval{command: cmd.Name(), auto: o.auto, word: "destroy"}
			c := change{flags: &o.changeFlags, ask: ask, edits: []reconcile.Edit{reconcile.Destroy()}}
			return a.change(cmd.Context(), c, o.limitFlags.apply, func(c *reconcile.Config) { c.Targets = o.targets })
		},
	}
	o.changeFlags.register(cmd.Flags())
	o.targetFlags.register(cmd.Flags())
	o.limitFlags.register(cmd.Flags())
	return cmd
}

// rotateOptions are the flags of rotate.
type rotateOptions struct {
	changeFlags
	commandsFlag
	waitFlag
}

func (a *App) rotateCommand() *cobra.Command {
	var o rotateOptions
	cmd := &cobra.Command{
		Use:   "rotate SECRET|GLOB",
		Short: "Give generated secrets new values now",
		Long: `rotate generates new values for the generated secrets that match the argument,
and changes nothing else, whatever else the manifest asks for. Matching secrets
that cannot be rotated are listed with the reason.

The argument is a glob of the form STORE/SECRET or ACCOUNT/STORE/SECRET, or the
name of a secret that is in one store only. Names are those in Cloudflare.

` + exitCodesHelp,
		Example: "  secretsync rotate webhook-signing-secret\n  secretsync rotate 'default_secrets_store/webhook-*'",
		Args:    oneArg("the name of a secret, or a glob", "name it as in Cloudflare, or write a glob in quotes, as 'STORE/webhook-*'"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.waitFlag.check(); err != nil {
				return err
			}
			if _, err := path.Match(args[0], ""); err != nil || args[0] == "" {
				return fmt.Errorf("%q is neither the name of a secret nor a glob of the form STORE/SECRET or ACCOUNT/STORE/SECRET", args[0])
			}
			ask := approval{command: cmd.Name(), auto: o.auto, word: "yes"}
			c := change{flags: &o.changeFlags, ask: ask, wait: o.wait, edits: []reconcile.Edit{reconcile.Rotate(args[0])}}
			return a.change(cmd.Context(), c, readValues, o.commandsFlag.configure)
		},
	}
	o.changeFlags.register(cmd.Flags())
	o.commandsFlag.register(cmd.Flags())
	o.waitFlag.register(cmd.Flags())
	return cmd
}
