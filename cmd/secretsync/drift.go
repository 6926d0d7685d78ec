package main

import (
	"context"
	"errors"
	"time"

	"github.com/secretsync/secretsync/internal/render"
	"github.com/secretsync/secretsync/lockfile"
	"github.com/secretsync/secretsync/planner"
	"github.com/spf13/cobra"
)

func (a *app) driftCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "drift",
		Short: "Tell what changed in Cloudflare behind git's back",
		Long: "drift compares Cloudflare with the lockfile. It reads no value and needs no decryption key; a token with\n" +
			"the permission \"Secrets Store Read\" is enough. It exits with 2 where it finds drift.\n\n" + exitCodesHelp,
		Args: a.noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.drift(cmd.Context()) },
	}
}

func (a *app) drift(ctx context.Context) error {
	s, err := a.openManifest(ctx)
	if err != nil {
		return err
	}
	lock, err := lockfile.Read(s.lockPath)
	if err != nil {
		return err
	}
	if err := s.connect(ctx); err != nil {
		return err
	}
	defer s.close()
	if err := s.checkAPI(lock); err != nil {
		return err
	}
	in := planner.Input{Recorded: recordedStores(lock), Now: time.Now()}
	for _, st := range s.manifest.Stores {
		account, err := s.accountID(st, lock)
		if err != nil {
			return err
		}
		d := desiredStore(st, planner.StoreKey{Account: account, Name: st.Name})
		for _, sec := range st.Secrets {
			d.Secrets = append(d.Secrets, desiredSecret(sec))
		}
		in.Desired = append(in.Desired, d)
	}
	unreachable := s.observe(ctx, &in)
	if unreachable != nil && len(in.Desired)+len(in.Recorded) == 0 {
		return unreachable
	}
	found, checked := planner.FindDrift(in), 0
	for _, st := range in.Recorded {
		checked += len(st.Secrets)
	}
	if err := render.Drift(a.std.out, found, checked, a.style()); err != nil {
		return err
	}
	for _, d := range found {
		if d.Counts {
			return errors.Join(&status{code: exitChanges}, unreachable)
		}
	}
	return unreachable
}
