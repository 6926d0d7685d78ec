package cli

import (
	"cmp"
	"context"
	"errors"

	"github.com/secretsync/secretsync/internal/metrics"
	"github.com/secretsync/secretsync/internal/notify/delivery"
	"github.com/secretsync/secretsync/internal/outfile"
	"github.com/secretsync/secretsync/internal/render"
	"github.com/secretsync/secretsync/internal/results"
	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/reconcile"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// driftOptions are the flags of drift.
type driftOptions struct {
	manifestFlags
	apiFlags
	verifyFlag
	limitFlags
	notifyFlags
	format, metricsFile, out string
	who, repair, noColor     bool
}

// notifyFlags say where to send what was found.
type notifyFlags struct {
	webhooks []string
	state    string
}

func (f *notifyFlags) register(fs *pflag.FlagSet) {
	fs.StringArrayVar(&f.webhooks, "notify", nil,
		"send drift to this `URL`, a webhook of Slack, Discord, Teams or any other (repeatable; better SECRETSYNC_NOTIFY, since it is a secret)")
	fs.StringVar(&f.state, "notify-state", "",
		"the file that remembers what was sent, so that it is sent once (default: one in the user's cache folder)")
}

// delivery is how a run's findings are sent to the webhooks that the flags and the environment name.
func (a *App) delivery(f *notifyFlags, c *connection, p *reconcile.Project) (*delivery.Delivery, error) {
	return delivery.New(delivery.Options{
		Webhooks: f.webhooks, State: f.state,
		Manifest: p.Manifest().File, Lockfile: p.Lockfile(), API: cmp.Or(c.address, c.flags.emulator),
	}, delivery.Host{LookupEnv: a.LookupEnv, Filter: a.Filter, Outputs: &a.files, Transport: a.Transport, Say: a.Say})
}

func (a *App) driftCommand() *cobra.Command {
	var o driftOptions
	cmd := &cobra.Command{
		Use:   "drift",
		Short: "Report what changed in Cloudflare outside git",
		Long: `drift compares Cloudflare with the lockfile (plan compares it with the
manifest). It reads no values and needs no decryption key; a token with the
permission "Secrets Store Read" is enough. It exits with 2 if it finds drift.

--who says who made each change, when and how, by the account's audit log: one
more request for each account with drift. Entries can be late.

--verify has a Worker compare the values of secrets that were changed, so that
it is known whether those changed too. It needs the fingerprint key, and the
permissions that the verify command needs.

--notify sends what was found to a webhook: once, until it changes, and once
more when the drift is over. A webhook's address is a secret: set
SECRETSYNC_NOTIFY to one or several, rather than show it in a list of processes.

` + exitCodesHelp,
		Example: `  secretsync drift --who
  secretsync drift --notify "$WEBHOOK"
  secretsync drift --metrics-file /var/lib/node_exporter/secretsync.prom
  secretsync drift --repair-plan -o repair.json`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.repair != (o.out != "") {
				return errors.New("--repair-plan and -o go together: -o names the file for the plan")
			}
			if !o.repair && o.limitFlags.given() {
				return errors.New("--max-deletes and --strict-bindings go with --repair-plan: they limit the plan that it writes")
			}
			return a.drift(cmd, &o)
		},
	}
	f := cmd.Flags()
	o.manifestFlags.register(f)
	o.apiFlags.register(f)
	o.verifyFlag.register(f)
	o.limitFlags.register(f)
	f.StringVar(&o.format, "format", results.Text, results.Help)
	registerWho(f, &o.who)
	f.StringVar(&o.metricsFile, "metrics-file", "", "write metrics for Prometheus' textfile collector to this file")
	o.notifyFlags.register(f)
	f.BoolVar(&o.repair, "repair-plan", false, "with -o: write a plan that would undo the drift, for review and apply")
	f.StringVarP(&o.out, "out", "o", "", "the file for --repair-plan")
	registerNoColor(f, &o.noColor)
	return cmd
}

// openDrift opens the project that the flags name.
func (a *App) openDrift(ctx context.Context, o *driftOptions) (*connection, *reconcile.Project, error) {
	if err := results.Check(o.format); err != nil {
		return nil, nil, err
	}
	connection, err := a.connect(&o.apiFlags)
	if err != nil {
		return nil, nil, err
	}
	project, err := a.project(ctx, &o.manifestFlags, connection, o.limitFlags.apply, o.verifyFlag.configure,
		func(c *reconcile.Config) { c.Who = o.who })
	return connection, project, err
}

func (a *App) drift(cmd *cobra.Command, o *driftOptions) error {
	ctx := cmd.Context()
	connection, project, err := a.openDrift(ctx, o)
	if o.repair {
		sayRemoved, failed := a.removeOld(cmd, o.out)
		defer sayRemoved()
		err = errors.Join(err, failed)
	}
	if err != nil {
		return err
	}
	if err := a.checkMetrics(o.metricsFile); err != nil {
		return err
	}
	webhooks, err := a.delivery(&o.notifyFlags, connection, project)
	if err != nil {
		return err
	}
	if err := connection.start(ctx, project.LocalLockfile()); err != nil {
		return err
	}
	defer connection.stop()
	drift, err := project.Drift(ctx)
	if drift == nil {
		return err
	}
	if err := errors.Join(a.writeMetrics(ctx, o.metricsFile, drift), err); err != nil {
		return err
	}
	err = a.results(o.format, o.noColor).Drift(ctx, drift.Findings, len(drift.Secrets), project.Manifest().File)
	webhooks.Send(ctx, drift)
	if err != nil {
		return err
	}
	if o.repair {
		if err := errors.Join(drift.Unreachable, a.writeRepairPlan(ctx, drift, o.out)); err != nil {
			return err
		}
	}
	if drift.Counted() > 0 {
		return errors.Join(&status{code: exitChanges}, drift.Unreachable)
	}
	return drift.Unreachable
}

// checkMetrics reports why the file of --metrics-file, if one is named, may not be replaced.
func (a *App) checkMetrics(path string) error {
	if path == "" {
		return nil
	}
	return a.files.Check(outfile.Metrics(path))
}

// writeMetrics writes the metrics file, if requested.
func (a *App) writeMetrics(ctx context.Context, path string, d *reconcile.Drift) error {
	if path == "" {
		return nil
	}
	run := metrics.Run{Now: d.Time, Success: d.Unreachable == nil, Drift: d.Findings, Quotas: map[planner.AccountID]planner.Quota{}}
	for _, s := range d.Secrets {
		run.Secrets = append(run.Secrets, metrics.Secret{
			Store: s.Key.Store, Name: s.Key.Name, Applied: s.Applied, RotateAfter: s.RotateAfter,
		})
	}
	if run.Success {
		run.Quotas = d.Quotas(ctx)
	}
	text, err := metrics.Format(run)
	if err != nil {
		return err
	}
	return a.files.Write(outfile.Metrics(path), text)
}

// writeRepairPlan writes the plan that would undo the drift, for review and for apply.
func (a *App) writeRepairPlan(ctx context.Context, d *reconcile.Drift, path string) error {
	proposal, unrepairable, err := d.Repair(ctx)
	if unrepairable > 0 {
		a.Say("findings that no plan can repair, such as unmanaged secrets: %d", unrepairable)
	}
	switch {
	case err != nil:
		return err
	case proposal == nil:
		a.Say("nothing that a plan could repair: %s was not written", path)
		return nil
	}
	defer proposal.Close()
	file := proposal.File()
	if err := a.files.Write(outfile.Plan(path), file.Format()); err != nil {
		return err
	}
	a.inform("wrote %s, the plan that would repair it: %s", path, render.Summary(proposal.Plan))
	return problemsOf(proposal.Plan, file.Inputs.Manifest)
}
