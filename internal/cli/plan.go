package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/secretsync/secretsync/internal/hint"
	"github.com/secretsync/secretsync/internal/outfile"
	"github.com/secretsync/secretsync/internal/render"
	"github.com/secretsync/secretsync/internal/results"
	"github.com/secretsync/secretsync/internal/syntax"
	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/planner/planfile"
	"github.com/secretsync/secretsync/reconcile"
	"github.com/spf13/cobra"
)

// planOptions are the flags of plan.
type planOptions struct {
	manifestFlags
	commandsFlag
	apiFlags
	targetFlags
	adoptFlag
	verifyFlag
	limitFlags
	outsideFlags
	mode              reconcile.Mode
	out, format       string
	planIDs           []string
	detailed, noColor bool
}

func (a *App) planCommand() *cobra.Command {
	var o planOptions
	cmd := &cobra.Command{
		Use:   "plan",
		Short: "Show what apply would do",
		Long: `plan shows what apply would do: it compares the manifest with the lockfile and
with Cloudflare. It changes nothing. A token with the permission "Secrets Store
Read" is enough.

--keyless needs no key: values are compared by their ciphertexts, and unknowns
are marked as such. --offline needs no token: the lockfile is taken at its word
for what is in Cloudflare. Both together need no credentials at all, as for a
pull request from a fork.

--verify has a Worker compare the values of secrets that were changed outside,
so that it is known whether they have to be sent again. It needs the permissions
that the verify command needs.

--plan-id compares the plan with reviewed ones as apply does, for merge queues:
if it goes further than all of them together, the exit code is 3.

` + exitCodesHelp,
		Example: "  secretsync plan -o plan.json     # for review\n  secretsync apply plan.json       # does that and nothing else",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			changes, err := a.plan(cmd, &o)
			if err == nil && o.detailed && changes {
				return &status{code: exitChanges}
			}
			return err
		},
	}
	f := cmd.Flags()
	o.manifestFlags.register(f)
	o.commandsFlag.register(f)
	o.apiFlags.register(f)
	o.targetFlags.register(f)
	o.adoptFlag.register(f)
	o.verifyFlag.register(f)
	o.limitFlags.register(f)
	o.outsideFlags.register(f)
	f.StringVarP(&o.out, "out", "o", "", "write the plan to this file, for review and for apply")
	f.StringVar(&o.format, "format", "text", results.Help)
	f.StringArrayVar(&o.planIDs, "plan-id", nil, "the id of a reviewed plan: exit with 3 if this one goes further (repeatable)")
	f.BoolVar(&o.mode.Keyless, "keyless", false, "compare ciphertexts, without decryption or fingerprint key")
	f.BoolVar(&o.mode.Offline, "offline", false, "compare with the lockfile alone, without a token")
	f.BoolVar(&o.detailed, "detailed-exitcode", false, "exit with 2 where there are changes")
	registerNoColor(f, &o.noColor)
	return cmd
}

// check reports mistakes in the flags.
func (o *planOptions) check() error {
	if slices.Contains(o.planIDs, "") {
		return errors.New("the reviewed plan id is empty")
	}
	if o.mode.Offline && (o.who || o.liveBindings) {
		return errors.New("--offline sends no request, and --who and --live-bindings need some")
	}
	return cmp.Or(o.targetFlags.check(), o.adoptFlag.check(), o.verifyFlag.check(o.mode), results.Check(o.format))
}

// openPlan opens the project that the flags name.
func (a *App) openPlan(ctx context.Context, o *planOptions) (*connection, *reconcile.Project, error) {
	if err := o.check(); err != nil {
		return nil, nil, err
	}
	connection, err := a.connect(&o.apiFlags)
	if err != nil {
		return nil, nil, err
	}
	outside := o.outsideFlags.configure(a, &o.apiFlags)
	options := []func(*reconcile.Config){o.commandsFlag.configure, o.limitFlags.apply, o.verifyFlag.configure, outside, func(c *reconcile.Config) {
		c.Values, c.Targets, c.Adopt = !o.mode.Keyless, o.targets, o.policy()
		if o.format != results.Text || o.out != "" { // a text does not show it, and git takes its time
			origin := a.origin(ctx, c.Manifest)
			c.Commit, c.RunURL = origin.Commit(), origin.RunURL()
		}
	}}
	project, err := a.project(ctx, &o.manifestFlags, connection, options...)
	if err == nil {
		a.warnTracked(ctx, project.LocalLockfile())
	}
	return connection, project, err
}

// plan shows a plan, and reports whether it has changes.
func (a *App) plan(cmd *cobra.Command, o *planOptions) (changes bool, err error) {
	ctx := cmd.Context()
	connection, project, err := a.openPlan(ctx, o)
	if o.out != "" {
		sayRemoved, failed := a.removeOld(cmd, o.out)
		defer sayRemoved()
		err = errors.Join(err, failed)
	}
	if err != nil {
		return false, err
	}
	if err := connection.start(ctx, project.LocalLockfile()); err != nil {
		return false, err
	}
	defer connection.stop()
	proposal, err := project.Plan(ctx, o.mode)
	if err != nil {
		return false, a.keyless(err)
	}
	defer proposal.Close()
	file := proposal.File()
	if o.out != "" {
		if err := a.files.Write(outfile.Plan(o.out), file.Format()); err != nil {
			return false, err
		}
	}
	if err := a.results(o.format, o.noColor).Plan(file); err != nil {
		return false, err
	}
	p := proposal.Plan
	if err := a.compareReview(reconcile.Review{IDs: o.planIDs}, proposal, o.noColor); err != nil {
		a.PrintError(problemsOf(p, project.Manifest().File))
		return false, errors.Join(err, a.annotateStale(err, o.format))
	}
	return len(p.Actions) > 0, errors.Join(problemsOf(p, project.Manifest().File), proposal.Unreachable)
}

// keyless adds a hint to an error that plan --keyless would avoid.
func (a *App) keyless(err error) error {
	values, ok := errors.AsType[*reconcile.ValuesError](err)
	var list syntax.ErrorList
	if !ok || !errors.As(values, &list) || hint.Of(err) != "" {
		return err
	}
	noKey := false
	for _, e := range list {
		switch e.Rule {
		case "sops-no-key", "sops-key-type":
			noKey = true
		case "environment", "command":
		default:
			return err
		}
	}
	if !noKey {
		return err
	}
	return hint.With(err, a.line("plan", "--keyless")+" needs no key: it compares ciphertexts")
}

// problemsOf returns a plan's problems as an error, or nil.
func problemsOf(p *planner.Plan, manifest string) error {
	var errs syntax.ErrorList
	names := render.PlanNames(p)
	for _, q := range p.Problems {
		what, todo := render.Problem(q, names)
		pos := q.Pos
		if pos.File == "" { // not about a position in the manifest
			pos.File = manifest
		}
		errs.Add(pos, todo, "%s", what)
		errs.Tag(string(q.Kind), len(errs)-1)
	}
	return errs.Err()
}

func (a *App) showCommand() *cobra.Command {
	var format string
	var noColor bool
	cmd := &cobra.Command{
		Use:   "show PLAN",
		Short: "Show a plan file",
		Long: `show prints what plan -o wrote, in any format. It needs no manifest, no
lockfile, no key and no token.

` + exitCodesHelp,
		Example: "  secretsync show plan.json\n  secretsync show plan.json --format markdown",
		Args:    oneArg("the name of a plan file", "plan -o plan.json writes one; plan alone shows what would change now"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := results.Check(format); err != nil {
				return err
			}
			file, err := readPlan(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			a.files.ProtectPlan(cmd.Context(), args[0], file, a.LookupEnv)
			if err := a.results(format, noColor).Plan(file); err != nil {
				return err
			}
			a.PrintError(problemsOf(file.Plan(), file.Inputs.Manifest))
			return nil
		},
	}
	cmd.Flags().StringVar(&format, "format", "text", results.Help)
	registerNoColor(cmd.Flags(), &noColor)
	return cmd
}

// readPlan reads a plan file. It checks the file's type before opening it, because opening
// a device can have side effects. For a pipe that the caller's shell created (apply
// <(...)), it waits for the other end until ctx ends.
func readPlan(ctx context.Context, path string) (*planfile.File, error) {
	switch info, err := os.Stat(path); {
	case err != nil: // readBounded returns the same error
	case !info.Mode().IsRegular() && (info.Mode()&fs.ModeNamedPipe == 0 || !strings.HasPrefix(path, "/dev/fd/")):
		return nil, fmt.Errorf("%s is not a plan file: it is not a regular file", path)
	case info.Size() > planfile.MaxSize:
		return nil, largePlan(path)
	}
	data, err := readBounded(ctx, path)
	if err != nil {
		err = fmt.Errorf("the plan file: %w", err)
		if errors.Is(err, fs.ErrNotExist) {
			err = hint.With(err, "plan -o writes one; in CI, the plan job must pass it on as an artifact")
		}
		return nil, err
	}
	if len(data) > planfile.MaxSize {
		return nil, largePlan(path)
	}
	return planfile.Parse(path, data)
}

func largePlan(path string) error {
	return fmt.Errorf("%s is not read: it is larger than %d bytes, the limit of plan files", path, planfile.MaxSize)
}

// readBounded reads no more than the largest allowed plan file. Its read outlives an
// interrupt, since it cannot be cancelled.
func readBounded(ctx context.Context, path string) ([]byte, error) {
	type result struct {
		data []byte
		err  error
	}
	done := make(chan result, 1)
	go func() {
		f, err := os.Open(path)
		if err != nil {
			done <- result{nil, err}
			return
		}
		defer f.Close()
		data, err := io.ReadAll(io.LimitReader(f, planfile.MaxSize+1))
		done <- result{data, err}
	}()
	select {
	case r := <-done:
		return r.data, r.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
