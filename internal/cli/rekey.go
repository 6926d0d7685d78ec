package cli

import (
	"context"
	"fmt"
	"os"

	"github.com/secretsync/secretsync/internal/keyring"
	"github.com/secretsync/secretsync/internal/render"
	"github.com/secretsync/secretsync/lockfile"
	"github.com/secretsync/secretsync/reconcile"
	"github.com/spf13/cobra"
)

// rekeyOptions are the flags of lock rekey.
type rekeyOptions struct {
	manifestFlags
	apiFlags
	lockFlags
	newKeyEnv string
}

func (a *App) rekeyCommand() *cobra.Command {
	var o rekeyOptions
	cmd := &cobra.Command{
		Use:   "rekey",
		Short: "Change the key that the lockfile's fingerprints are made with",
		Long: `rekey makes all fingerprints anew under another key. It sends nothing, and needs
the old key and the values.

The new key is drawn at random, and sealed in the lockfile for the recipients of
.sops.yaml where that has some, else put into the key file. So rekey is also
what to run after the recipients were changed. With --new-key-env it is the one
in that variable, for those who keep it in ` + keyring.Variable + `.

A record stays comparable if the value at hand is the one that was last applied.
Any other loses its fingerprint, and is named: nothing is claimed of a value
that nobody has shown. If the manifest wants it, the next plan puts its value
again; a generated one needs no fingerprint, and is not drawn again. Plans that
were reviewed before no longer hold.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.underLock(cmd.Context(), &o.manifestFlags, &o.apiFlags, &o.lockFlags, []func(*reconcile.Config){readValues}, func(run *reconcile.Run) error {
				done, err := run.Rekey(cmd.Context(), o.newKeyEnv)
				if err != nil {
					return err
				}
				return a.reportRekey(cmd.Context(), &o.manifestFlags, run.Project(), done)
			})
		},
	}
	o.manifestFlags.register(cmd.Flags())
	o.apiFlags.register(cmd.Flags())
	o.lockFlags.register(cmd.Flags())
	cmd.Flags().StringVar(&o.newKeyEnv, "new-key-env", "", "take the new key, base64 of 32 bytes, from this variable")
	return cmd
}

func (a *App) reportRekey(ctx context.Context, f *manifestFlags, p *reconcile.Project, r *reconcile.Rekeyed) error {
	_, err := fmt.Fprintf(a.Out, "%s is under the fingerprint key %s now. Fingerprints made anew: %d.\n", render.Safe(p.Lockfile()), r.Key.ID, r.Kept)
	if len(r.Lost) > 0 {
		fmt.Fprintln(a.Out, "Without a fingerprint from now on:")
	}
	for _, l := range r.Lost {
		fmt.Fprintf(a.Out, "  %s/%s  %s\n", render.Safe(l.Secret.Store.Name), render.Safe(l.Secret.Name), whyLost(l.Reason))
	}
	next, failed := a.afterRekey(ctx, f, p, r.Key)
	if failed != nil {
		return failed
	}
	for _, todo := range next {
		_, err = fmt.Fprintf(a.Out, "Next: %s.\n", render.Safe(todo))
	}
	return err
}

func whyLost(r reconcile.LostReason) string {
	switch r {
	case reconcile.LostNoValue:
		return "the manifest supplies no value for it"
	case reconcile.LostForged:
		return "its fingerprint was made by no apply under the old key: the next plan puts its value"
	case reconcile.LostGenerated:
		return "generated: nobody knows its value, and it needs no fingerprint"
	}
	return "its value is not the one that was applied: the next plan puts it"
}

// afterRekey is what is left to do, so that every run finds the new key.
func (a *App) afterRekey(ctx context.Context, f *manifestFlags, p *reconcile.Project, key lockfile.Key) ([]string, error) {
	c, err := a.config(f, p.Manifest().File, nil)
	if err != nil {
		return nil, err
	}
	todo, file := []string{"commit " + p.Lockfile()}, p.KeyFile()
	now := reconcile.FindKey(ctx, c, key)
	_, noFile := os.Lstat(file)
	switch {
	case now.Err != nil:
		todo = append(todo, "make the new key known here, where it is not: "+now.Err.Error())
	case now.From == file:
		todo = append(todo, fmt.Sprintf("keep %s, and give its content to CI as %s", file, keyring.Variable))
	case noFile == nil:
		todo = append(todo, fmt.Sprintf("remove %s, which holds an older key", file))
	}
	if old, _ := a.LookupEnv(keyring.Variable); old != "" {
		todo = append(todo, keyring.Variable+" goes before all other places: set it to the new key, or unset it where the key is sealed or in a file")
	}
	return todo, nil
}
