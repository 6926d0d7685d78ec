package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/secretsync/secretsync/internal/hint"
	"github.com/secretsync/secretsync/internal/render"
	"github.com/secretsync/secretsync/reconcile"
	"github.com/spf13/cobra"
)

// acceptOptions are the flags of lock accept.
type acceptOptions struct {
	manifestFlags
	apiFlags
	lockFlags
	verifyFlag
	auto, noColor bool
}

func (a *App) lockAcceptCommand() *cobra.Command {
	var o acceptOptions
	cmd := &cobra.Command{
		Use:   "accept STORE/SECRET...",
		Short: "Accept what was changed in Cloudflare outside git",
		Long: `accept records the live state of secrets that drifted: their ids, modification
times, scopes and comments. It changes nothing in Cloudflare, reads no values
and needs no decryption key; a token with the permission "Secrets Store Read"
is enough.

The arguments are globs of STORE/SECRET or ACCOUNT/STORE/SECRET. A name without
a store is enough if only one secret has it.

Values cannot be read back, so from then on the value counts as accepted and
not known: plan, drift and lock status say so. It is not sent again, and a
generated value is not rotated, until the value changes at its source or is due
for rotation. Where the manifest has other scopes or another comment, the next
apply still sets those.

--verify has a Worker compare the values: one that is known to be unchanged
stays known. It needs the fingerprint key, and the permissions that the verify
command needs.

A secret that was deleted cannot be accepted: remove it from the manifest, or
let the next apply create it again.

` + exitCodesHelp,
		Example: "  secretsync lock accept default_secrets_store/stripe-secret-key\n  secretsync lock accept 'default_secrets_store/staging-*'",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return hint.With(errors.New("lock accept needs the names of secrets, as STORE/SECRET"), "drift lists the secrets that drifted")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.lockAccept(cmd.Context(), &o, args)
		},
	}
	f := cmd.Flags()
	o.manifestFlags.register(f)
	o.apiFlags.register(f)
	o.lockFlags.register(f)
	o.verifyFlag.register(f)
	f.BoolVar(&o.auto, "auto-approve", false, "do not ask for approval")
	registerNoColor(f, &o.noColor)
	return cmd
}

func (a *App) lockAccept(ctx context.Context, o *acceptOptions, patterns []string) error {
	options := []func(*reconcile.Config){o.verifyFlag.configure}
	return a.underLock(ctx, &o.manifestFlags, &o.apiFlags, &o.lockFlags, options, func(run *reconcile.Run) error {
		found, err := run.FindAcceptable(ctx, patterns...)
		if err != nil {
			return err
		}
		lockfile := render.Safe(run.Project().Lockfile())
		if len(found.Accept)+len(found.Refuse) == 0 {
			_, err := fmt.Fprintf(a.Out, "Nothing to accept: checked %d, and all match %s.\n", found.Named, lockfile)
			return err
		}
		if err := render.Acceptable(a.Out, found, a.style(o.noColor)); err != nil {
			return err
		}
		if len(found.Accept) == 0 {
			return hint.With(errors.New("nothing that was named can be accepted"), "run "+a.line("plan")+" to see what the next apply does about it")
		}
		ask := approval{auto: o.auto, word: "yes", question: "Accept this as it is in Cloudflare?"}
		if err := a.approve(ctx, len(found.Accept), ask); err != nil {
			return err
		}
		if err := run.Accept(found); err != nil {
			return err
		}
		_, err = fmt.Fprintf(a.Out, "\nWrote %s: %d accepted. Next: run %s%s.\n",
			lockfile, len(found.Accept), render.Safe(a.line("plan")), andCommit(run.Project().Lockfile()))
		return err
	})
}
