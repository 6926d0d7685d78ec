package cli

import (
	"context"
	"errors"

	"github.com/secretsync/secretsync/internal/metrics"
	"github.com/secretsync/secretsync/internal/outfile"
	"github.com/secretsync/secretsync/internal/results"
	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/reconcile"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// verifyFlag says that live values are verified.
type verifyFlag struct{ verify bool }

func (f *verifyFlag) register(fs *pflag.FlagSet) {
	fs.BoolVar(&f.verify, "verify", false, "have a Worker compare live values that would be assumed otherwise")
}

func (f *verifyFlag) configure(c *reconcile.Config) { c.Verify = f.verify }

// check reports what excludes verification.
func (f *verifyFlag) check(mode reconcile.Mode) error {
	switch {
	case f.verify && mode.Keyless:
		return errors.New("--verify and --keyless exclude each other: verification needs the fingerprint key")
	case f.verify && mode.Offline:
		return errors.New("--verify and --offline exclude each other: verification asks Cloudflare")
	}
	return nil
}

// verifyOptions are the flags of verify.
type verifyOptions struct {
	manifestFlags
	apiFlags
	format, metricsFile string
	noColor             bool
}

func (a *App) verifyCommand() *cobra.Command {
	var o verifyOptions
	cmd := &cobra.Command{
		Use:   "verify [STORE/SECRET...]",
		Short: "Prove that the live values are those that were applied",
		Long: `verify proves for each secret in the lockfile, or for those that the arguments
name, whether the value that Workers read is the one that was last applied. A
small Worker, which is not deployed, computes the fingerprint of each value and
compares it with that in the lockfile. No value leaves Cloudflare. It exits with
2 if a value is another one.

It needs the fingerprint key and a token with the permissions "Secrets Store
Write" and "Workers Scripts Edit". Never give these to a job that runs for a
pull request. Secrets without the scope workers cannot be verified: they are
listed as unreadable and do not count.

The arguments are globs of STORE/SECRET or ACCOUNT/STORE/SECRET. A name without
a store is enough if only one secret has it.

` + exitCodesHelp,
		Example: "  secretsync verify\n  secretsync verify 'default_secrets_store/production-*' --format json",
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.verify(cmd.Context(), &o, args)
		},
	}
	f := cmd.Flags()
	o.manifestFlags.register(f)
	o.apiFlags.register(f)
	f.StringVar(&o.format, "format", results.Text, results.Help)
	f.StringVar(&o.metricsFile, "metrics-file", "", "write metrics for Prometheus' textfile collector to this file")
	registerNoColor(f, &o.noColor)
	return cmd
}

func (a *App) verify(ctx context.Context, o *verifyOptions, patterns []string) error {
	if err := results.Check(o.format); err != nil {
		return err
	}
	connection, err := a.connect(&o.apiFlags)
	if err != nil {
		return err
	}
	project, err := a.project(ctx, &o.manifestFlags, connection)
	if err != nil {
		return err
	}
	if err := a.checkMetrics(o.metricsFile); err != nil {
		return err
	}
	if err := connection.start(ctx, project.LocalLockfile()); err != nil {
		return err
	}
	defer connection.stop()
	v, err := project.Verify(ctx, patterns...)
	if v == nil {
		return err
	}
	if err := a.writeVerifyMetrics(o.metricsFile, v); err != nil {
		return err
	}
	if v.Failed != nil && v.Count(planner.LiveSame)+v.Count(planner.LiveOther) == 0 { // there is no result to show
		return v.Failed
	}
	if err := a.results(o.format, o.noColor).Verification(ctx, v, project.Manifest().File); err != nil {
		return err
	}
	if v.Mismatches() > 0 {
		return errors.Join(&status{code: exitChanges}, v.Failed)
	}
	return v.Failed
}

// writeVerifyMetrics writes the metrics file, if requested.
func (a *App) writeVerifyMetrics(path string, v *reconcile.Verification) error {
	if path == "" {
		return nil
	}
	run := metrics.Verification{Now: v.Time, Success: v.Failed == nil}
	for _, s := range v.Secrets {
		run.Secrets = append(run.Secrets, metrics.VerifiedSecret{Store: s.Key.Store, Name: s.Key.Name, Value: s.Value, Accepted: !s.Counts})
	}
	text, err := metrics.FormatVerification(run)
	if err != nil {
		return err
	}
	return a.files.Write(outfile.Metrics(path), text)
}
