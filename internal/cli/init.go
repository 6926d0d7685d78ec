package cli

import (
	"context"

	"github.com/secretsync/secretsync/internal/initproject"
	"github.com/secretsync/secretsync/internal/setup"
	"github.com/secretsync/secretsync/reconcile"
	"github.com/spf13/cobra"
)

// initOptions are the flags of init.
type initOptions struct {
	manifestFlags
	lockFlags
	store, ci string
	age       setup.Choice
	yes       bool
}

func (a *App) initCommand() *cobra.Command {
	var o initOptions
	cmd := &cobra.Command{
		Use:   "init",
		Short: "Set up a project: manifest, encryption, CI recipe",
		Long: `init creates what does not exist yet, and overwrites nothing: a first manifest
and its schema for editors; an age identity in the user's configuration folder,
where SOPS looks for it, and a .sops.yaml that names its recipient; the key for
the lockfile's fingerprints; entries in .gitignore and .gitattributes; and, with
--ci, a CI recipe.

The fingerprint key is sealed in the lockfile for the recipients in .sops.yaml
or, without any, stored in a file that git ignores. An age identity that SOPS
finds already is used, and none is created. An existing .sops.yaml is checked.

On a terminal, init asks for what the flags leave open. Elsewhere, and with
--yes, it takes the suggested answers. After an interrupt, run it again.

init sends nothing to Cloudflare. If the manifest keeps the lockfile or a lease
in a bucket, creating the key writes there too; and key servers that an existing
.sops.yaml names encrypt it.`,
		Example: "  secretsync init\n  secretsync init --yes --ci github\n  secretsync init -f secretsync.toml --recipient age1...",
		Args:    noArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.init(cmd.Context(), &o) },
	}
	f := cmd.Flags()
	o.manifestFlags.register(f)
	o.lockFlags.register(f)
	f.StringVar(&o.store, "store", "", "the store's name in Cloudflare, for a new manifest (default "+setup.DefaultStore+")")
	f.StringArrayVar(&o.age.Recipients, "recipient", nil, "encrypt for this age `recipient`, and create no identity (repeatable)")
	f.StringVar(&o.age.KeyFile, "age-key", "", "the `file` of the age identity, which is created if there is none (default where SOPS looks for it)")
	f.BoolVar(&o.age.None, "no-sops", false, "create no .sops.yaml")
	f.StringVar(&o.ci, "ci", "", "add a CI recipe: github, gitlab or none (default none)")
	f.BoolVarP(&o.yes, "yes", "y", false, "do not ask: take the suggested answers")
	return cmd
}

// init sets up a project in the current folder, or beside the manifest that the flags name.
func (a *App) init(ctx context.Context, o *initOptions) error {
	return initproject.Run(ctx, initproject.Options{
		Manifest: o.file, Store: o.store, CI: o.ci, Age: o.age, KeyTypes: a.sopsKeyTypes(&o.manifestFlags), EmulatorState: emulatorDefault,
		Open: func() (*reconcile.Project, error) { return a.project(ctx, &o.manifestFlags, nil) },
		Config: func(file string) (reconcile.Config, error) {
			c, err := a.config(&o.manifestFlags, file, nil)
			o.configure(&c)
			return c, err
		},
	}, initproject.Host{
		Out: a.Out, LookupEnv: a.LookupEnv, Questions: a.questions(o.yes), Outputs: &a.files, Say: a.Say, Hint: a.sayHint, Line: a.line,
	})
}
