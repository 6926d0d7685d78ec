package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/secretsync/secretsync/internal/metrics"
	"github.com/secretsync/secretsync/internal/render"
	"github.com/secretsync/secretsync/lockfile"
	"github.com/secretsync/secretsync/planner"
	"github.com/spf13/cobra"
)

// driftOptions are the flags of drift.
type driftOptions struct {
	format, metricsFile, out string
	repair, sinceLock        bool
}

func (a *app) driftCommand() *cobra.Command {
	var o driftOptions
	cmd := &cobra.Command{
		Use:   "drift",
		Short: "Tell what changed in Cloudflare behind git's back",
		Long: "drift compares Cloudflare with the lockfile. It reads no value and needs no decryption key; a token with\n" +
			"the permission \"Secrets Store Read\" is enough. It exits with 2 where it finds drift.\n\n" + exitCodesHelp,
		Example: "  secretsync drift --metrics-file /var/lib/node_exporter/secretsync.prom\n  secretsync drift --repair-plan -o repair.json",
		Args:    a.noArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.drift(cmd.Context(), o) },
	}
	f := cmd.Flags()
	f.StringVar(&o.format, "format", formatText, formatHelp)
	f.StringVar(&o.metricsFile, "metrics-file", "", "write metrics for Prometheus's textfile collector to this file")
	f.BoolVar(&o.repair, "repair-plan", false, "with -o: write the plan that would undo the drift, for review and apply")
	f.StringVarP(&o.out, "out", "o", "", "the file for --repair-plan")
	f.BoolVar(&o.sinceLock, "since-lock", true, "compare with what was last applied; plan compares with the manifest")
	return cmd
}

func (o driftOptions) check() error {
	switch {
	case o.repair != (o.out != ""):
		return errors.New("--repair-plan and -o belong together: the plan, and the file that it is written to")
	case !o.sinceLock:
		return hint(errors.New("drift compares with the lockfile alone"), "plan compares with the manifest")
	}
	return checkFormat(o.format)
}

func (a *app) drift(ctx context.Context, o driftOptions) error {
	if err := o.check(); err != nil {
		return err
	}
	s, err := a.openManifest(ctx)
	if err != nil {
		return err
	}
	if o.repair {
		if err := s.mayReplace(o.out); err != nil {
			return err
		}
	}
	lock, err := lockfile.Read(s.lockPath)
	if err != nil {
		return err
	}
	if len(lock.Stores) == 0 {
		return hint(fmt.Errorf("%s has no records: nothing was applied with it", s.lockPath),
			"run apply first; if it was, look for the lockfile in git, or name it with --lockfile")
	}
	if err := s.connect(ctx); err != nil {
		return err
	}
	defer s.close()
	if err := cmp.Or(s.checkAPI(lock), s.checkPin(lock)); err != nil {
		return err
	}
	in, unreachable, err := s.look(ctx, lock)
	if err != nil {
		return err
	}
	found := planner.FindDrift(in)
	if err := s.writeMetrics(ctx, o.metricsFile, in, found, unreachable == nil); err != nil {
		return err
	}
	if unreachable != nil && len(in.Desired)+len(in.Recorded) == 0 {
		return unreachable
	}
	if err := a.showDrift(found, checkedSecrets(in), s.manifest.File, o.format); err != nil {
		return err
	}
	if o.repair {
		if err := errors.Join(unreachable, s.writeRepairPlan(ctx, in, lock, found, o.out)); err != nil {
			return err
		}
	}
	if countedDrift(found) > 0 {
		return errors.Join(&status{code: exitChanges}, unreachable)
	}
	return unreachable
}

// look reads what the lockfile and the manifest name, without values. Accounts that
// cannot be read are left out of the input, as observe does.
func (s *session) look(ctx context.Context, lock *lockfile.File) (in planner.Input, unreachable, err error) {
	in = planner.Input{Recorded: recordedStores(lock), Now: s.clock.Now()}
	for _, st := range s.manifest.Stores {
		account, err := s.accountID(st, lock)
		if err != nil {
			return in, nil, err
		}
		d := desiredStore(st, planner.StoreKey{Account: account, Name: st.Name})
		for _, sec := range st.Secrets {
			d.Secrets = append(d.Secrets, desiredSecret(sec))
		}
		in.Desired = append(in.Desired, d)
	}
	unreachable = s.observe(ctx, &in)
	in.Now = s.clock.Now() // which Cloudflare's answers have set
	return in, unreachable, nil
}

func checkedSecrets(in planner.Input) int {
	n := 0
	for _, st := range in.Recorded {
		n += len(st.Secrets)
	}
	return n
}

// writeMetrics writes the metrics file, if one is wanted.
func (s *session) writeMetrics(ctx context.Context, path string, in planner.Input, found []planner.Drift, success bool) error {
	if path == "" {
		return nil
	}
	run := metrics.Run{Now: in.Now, Success: success, Drift: found, Quotas: map[planner.AccountID]planner.Quota{}}
	rotateAfter := map[planner.SecretKey]time.Duration{}
	for _, d := range in.Desired {
		for _, sec := range d.Secrets {
			rotateAfter[d.Key.Secret(sec.Name)] = sec.RotateAfter
		}
	}
	for _, st := range in.Recorded {
		for _, sec := range st.Secrets {
			run.Secrets = append(run.Secrets, metrics.Secret{
				Store: st.Key, Name: sec.Name, Applied: sec.Applied, RotateAfter: rotateAfter[st.Key.Secret(sec.Name)],
			})
		}
		if _, asked := run.Quotas[st.Key.Account]; success && !asked {
			if q, ok := s.quota(ctx, st.Key.Account); ok {
				run.Quotas[st.Key.Account] = q
			}
		}
	}
	return metrics.Write(path, run)
}

// quota is an account's quota. One that cannot be read is a warning, and no reason to
// stop: Cloudflare holds every request to it too.
func (s *session) quota(ctx context.Context, account planner.AccountID) (planner.Quota, bool) {
	c, err := s.client(account)
	if err == nil {
		var q planner.Quota
		if q.Usage, q.Limit, err = c.GetQuota(ctx); err == nil {
			return q, true
		}
	}
	if ctx.Err() == nil {
		s.say("warning: nothing is held to the quota, which cannot be read: %s", render.Safe(err.Error()))
	}
	return planner.Quota{}, false
}
