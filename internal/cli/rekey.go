package cli

import (
	"context"
	"fmt"
	"os"

	"github.com/secretsync/secretsync/internal/keyring"
	"github.com/secretsync/secretsync/internal/render"
	"github.com/secretsync/secretsync/lockfile"
	"github.com/secretsync/secretsync/objectstore"
	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/reconcile"
	"github.com/spf13/cobra"
)

// rekeyOptions are the flags of lock rekey.
type rekeyOptions struct {
	manifestFlags
	commandsFlag
	addressFlags
	lockFlags
	progressFlags
	newKeyEnv string
}

func (a *App) rekeyCommand() *cobra.Command {
	var o rekeyOptions
	cmd := &cobra.Command{
		Use:   "rekey",
		Short: "Change the key of the lockfile's fingerprints",
		Long: `rekey computes all fingerprints again with another key. It sends no request to
Cloudflare, and needs the old key and the values.

The new key is random. It is sealed in the lockfile for the recipients in
.sops.yaml or, without any, stored in the key file; so run rekey after changing
the recipients, too. With --new-key-env it is the key in that environment
variable, for those who keep it in ` + keyring.Variable + `.

A secret keeps a fingerprint if its current value is the one that was last
applied. The others lose theirs and are listed: their next plan sends the value
again. Generated secrets need no fingerprint, and keep their values. Plans that
were reviewed before no longer hold.`,
		Example: "  secretsync lock rekey\n  secretsync lock rekey --new-key-env NEW_KEY",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			api, err := a.unconnected(&o.addressFlags, &o.progressFlags)
			if err != nil {
				return err
			}
			options := []func(*reconcile.Config){readValues, o.commandsFlag.configure}
			return a.withLock(cmd.Context(), &o.manifestFlags, api, &o.lockFlags, options, func(run *reconcile.Run) error {
				done, err := run.Rekey(cmd.Context(), o.newKeyEnv)
				if err != nil {
					return err
				}
				return a.reportRekey(cmd.Context(), run.Project(), done)
			})
		},
	}
	f := cmd.Flags()
	o.manifestFlags.register(f)
	o.commandsFlag.register(f)
	o.addressFlags.register(f)
	o.lockFlags.register(f)
	o.progressFlags.register(f)
	f.StringVar(&o.newKeyEnv, "new-key-env", "", "read the new key, base64 of 32 bytes, from this environment variable")
	return cmd
}

func (a *App) reportRekey(ctx context.Context, p *reconcile.Project, r *reconcile.Rekeyed) error {
	_, err := fmt.Fprintf(a.Out, "%s now uses the fingerprint key %s. Fingerprints computed again: %d.\n",
		render.Safe(p.Lockfile()), r.Key.ID, r.Kept)
	if len(r.Lost) > 0 {
		fmt.Fprintln(a.Out, "Without a fingerprint now:")
	}
	var stores []planner.StoreKey
	for _, l := range r.Lost {
		stores = append(stores, l.Secret.Store)
	}
	names := render.NamesOf(stores...)
	for _, l := range r.Lost {
		fmt.Fprintf(a.Out, "  %s  %s\n", names.Secret(l.Secret.Store, l.Secret.Name), whyLost(l.Reason))
	}
	for _, todo := range a.afterRekey(ctx, p, r.Key) {
		_, err = fmt.Fprintf(a.Out, "Next: %s.\n", render.Safe(todo))
	}
	return err
}

func whyLost(r reconcile.LostReason) string {
	switch r {
	case reconcile.LostNoValue:
		return "the manifest supplies no value for it"
	case reconcile.LostForged:
		return "no apply wrote its fingerprint: the next plan sends its value"
	case reconcile.LostGenerated:
		return "generated: it needs no fingerprint"
	}
	return "its value is not the one that was applied: the next plan sends it"
}

// afterRekey returns what is left to do, so that every run finds the new key.
func (a *App) afterRekey(ctx context.Context, p *reconcile.Project, key lockfile.Key) []string {
	var todo []string
	if !objectstore.IsURL(p.Lockfile()) {
		todo = append(todo, commit(p.Lockfile())+" "+p.Lockfile())
	}
	file := p.KeyFile()
	now := p.FindKey(ctx, key)
	_, noFile := os.Lstat(file)
	switch {
	case now.Err != nil:
		todo = append(todo, "make the new key available here: "+now.Err.Error())
	case now.From == file:
		todo = append(todo, fmt.Sprintf("keep %s, and store its content in CI as %s", file, keyring.Variable))
	case noFile == nil:
		todo = append(todo, fmt.Sprintf("remove %s, which holds an older key", file))
	}
	if old, _ := a.LookupEnv(keyring.Variable); old != "" {
		todo = append(todo, keyring.Variable+" takes precedence: set it to the new key, or unset it if the key is sealed or in a file")
	}
	return todo
}
