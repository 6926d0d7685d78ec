package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/secretsync/secretsync/internal/cmdline"
	"github.com/secretsync/secretsync/internal/envimport"
	"github.com/secretsync/secretsync/internal/hint"
	"github.com/secretsync/secretsync/internal/outfile"
	"github.com/secretsync/secretsync/internal/render"
	"github.com/secretsync/secretsync/internal/shell"
	"github.com/secretsync/secretsync/lockfile"
	"github.com/secretsync/secretsync/manifest"
	"github.com/secretsync/secretsync/reconcile"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// importOptions are the flags of import.
type importOptions struct {
	manifestFlags
	commandsFlag
	apiFlags
	lockFlags
	env            envFlags
	out, sops      string
	lockOnly, auto bool
}

// envFlags are the flags of import --from-env.
type envFlags struct {
	files, only, except []string
	store               string
	dryRun              bool
}

func (f *envFlags) register(fs *pflag.FlagSet) {
	fs.StringArrayVar(&f.files, "from-env", nil,
		"encrypt the values in this .dev.vars, .env or JSON `file` (repeatable; - is the standard input)")
	fs.StringVar(&f.store, "store", "", "with --from-env: the store in the manifest (default: the only one)")
	fs.StringArrayVar(&f.only, "only", nil, "with --from-env: only names that match this `glob` (repeatable)")
	fs.StringArrayVar(&f.except, "except", nil, "with --from-env: no names that match this `glob` (repeatable)")
	fs.BoolVar(&f.dryRun, "dry-run", false, "with --from-env: show what would be written, and write nothing")
}

// check refuses the flags that go only with --from-env.
func (f *envFlags) check() error {
	if len(f.files) == 0 && (f.store != "" || f.dryRun || len(f.only)+len(f.except) > 0) {
		return errors.New("--store, --only, --except and --dry-run go with --from-env")
	}
	return nil
}

func (a *App) importCommand() *cobra.Command {
	var o importOptions
	cmd := &cobra.Command{
		Use:         "import {--from-env FILE... | -o FILE | --lock-only}",
		Short:       "Import .dev.vars files or existing secrets; rebuild a lockfile",
		Annotations: map[string]string{cmdline.ArgumentsOf: "from-env"}, // for hints
		Long: `import --from-env FILE... takes over values from plaintext files: .dev.vars,
.env, or the JSON of "wrangler secret bulk", read as wrangler reads them. It
encrypts the values into a SOPS file (--sops, by default secrets.enc.yaml beside
the manifest), for the recipients in .sops.yaml, and adds an entry for each to
the manifest, which it creates if there is none. With -o the entries go to a new
file, to be included. It writes all or nothing, and says what to delete. The
Worker gets the same values as before, byte for byte.

import -o FILE writes a manifest of the secrets that exist in Cloudflare. If
there is a manifest already, it writes those that its stores have and it does
not describe, as a file to include. They are external at first: secretsync never
writes to them. With --sops they are adopted as they are, with their values in
that SOPS file, which you write yourself: values cannot be read back.

import --lock-only rebuilds a lost lockfile: it records the secrets that the
manifest describes and Cloudflare has, as adopt: keep does. Move a damaged
lockfile away first.

None of them changes anything in Cloudflare, and --from-env sends it no request.
For the others, a token with the permission "Secrets Store Read" is enough.

Since values cannot be read back, adopt: keep assumes that the values in
Cloudflare are the manifest's, and no later plan can tell if one is not. Unless
you are certain, use adopt: overwrite instead: it sends every value again.

` + exitCodesHelp,
		Example: "  secretsync import --from-env .dev.vars --dry-run\n  secretsync import --from-env .env --except 'PUBLIC_*' --sops prod.enc.yaml\n" +
			"  secretsync import -o secretsync.yaml\n  secretsync import -o found.yaml --sops secrets/prod.enc.yaml\n  secretsync import --lock-only",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(o.env.files) > 0 { // more of them
				return nil
			}
			if len(args) > 0 && o.out == "" && !o.lockOnly {
				return hint.With(fmt.Errorf("%s takes files only with --from-env, but got %q", cmd.CommandPath(), args[0]),
					"for a file with plaintext values: "+cmd.CommandPath()+" --from-env "+shell.File(args[0]))
			}
			return noArgs(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error { return a.runImport(cmd, &o, args) },
	}
	f := cmd.Flags()
	o.manifestFlags.register(f)
	o.commandsFlag.register(f)
	o.apiFlags.register(f)
	o.lockFlags.register(f)
	f.StringVarP(&o.out, "out", "o", "", "write a manifest of existing secrets to this new YAML file")
	o.env.register(f)
	f.StringVar(&o.sops, "sops", "", "the SOPS file: with --from-env, to write; with -o alone, to adopt the secrets with their values in it")
	f.BoolVar(&o.lockOnly, "lock-only", false, "rebuild the lockfile; changes nothing in Cloudflare")
	f.BoolVar(&o.auto, "auto-approve", false, "with --lock-only: do not ask")
	return cmd
}

// runImport does what the flags say, and refuses flags that contradict each other.
func (a *App) runImport(cmd *cobra.Command, o *importOptions, args []string) error {
	if err := o.env.check(); err != nil {
		return err
	}
	switch {
	case len(o.env.files) > 0 && o.lockOnly:
		return errors.New("--from-env and --lock-only exclude each other")
	case !o.lockOnly && given(cmd, "auto-approve", "allow-commands", "lease", "lease-duration", "lock-timeout"):
		return errors.New("--auto-approve, --allow-commands, --lease, --lease-duration and --lock-timeout go with --lock-only")
	case len(o.env.files) > 0 && given(cmd, "parallelism", "request-timeout", "log-level", "log-format"):
		return errors.New("--parallelism, --request-timeout, --log-level and --log-format go with -o and --lock-only: --from-env sends no request")
	case len(o.env.files) > 0:
		return a.importEnv(cmd.Context(), o, args)
	case o.lockOnly && o.out != "":
		return errors.New("-o and --lock-only exclude each other")
	case !o.lockOnly && o.out == "":
		return errors.New("import needs one of --from-env FILE (plaintext files), -o FILE (write a manifest), --lock-only (rebuild the lockfile)")
	case o.lockOnly && o.sops != "":
		return errors.New("--sops goes with -o and --from-env")
	case o.lockOnly:
		return a.importLock(cmd.Context(), o)
	}
	return a.importManifest(cmd.Context(), o)
}

// given reports whether one of the flags was given.
func given(cmd *cobra.Command, names ...string) bool {
	return slices.ContainsFunc(names, cmd.Flags().Changed)
}

// importEnv encrypts the values of existing files into a SOPS file, and writes entries for them
// to the manifest. more are files beyond those of --from-env.
func (a *App) importEnv(ctx context.Context, o *importOptions, more []string) error {
	return envimport.Run(ctx, envimport.Options{
		Files: slices.Concat(o.env.files, more), Only: o.env.only, Except: o.env.except, DryRun: o.env.dryRun,
		Store: o.env.store, Manifest: o.file, SOPS: o.sops, Out: o.out,
		AllowOutside: o.allow.Outside, KeyTypes: a.sopsKeyTypes(&o.manifestFlags),
		Open: func() (*reconcile.Project, error) { return a.project(ctx, &o.manifestFlags, nil) },
	}, a.importHost())
}

// importHost is what an import uses of the command line.
func (a *App) importHost() envimport.Host {
	return envimport.Host{
		In: a.In, Out: a.Out, LookupEnv: a.LookupEnv, Filter: a.Filter, Outputs: &a.files,
		Say: a.Say, Hint: a.sayHint, Notify: a.notify, Line: a.line,
	}
}

func (a *App) importLock(ctx context.Context, o *importOptions) error {
	options := []func(*reconcile.Config){readValues, o.commandsFlag.configure}
	return a.underLock(ctx, &o.manifestFlags, &o.apiFlags, &o.lockFlags, options, func(run *reconcile.Run) error {
		found, err := run.Find(ctx)
		if err != nil {
			return err
		}
		defer found.Close()
		if err := a.showFound(found); err != nil || len(found.Live) == 0 {
			return err
		}
		if err := a.approve(ctx, 1, approval{command: "import", auto: o.auto, word: "yes"}); err != nil {
			return err
		}
		if err := run.Import(ctx, found); err != nil {
			return err
		}
		lockfile := run.Project().Lockfile()
		_, err = fmt.Fprintf(a.Out, "\nWrote %s. Next: run %s%s.\n", render.Safe(lockfile), a.line("plan"), andCommit(lockfile))
		return err
	})
}

// showFound shows what would be recorded and what would not.
func (a *App) showFound(found *reconcile.Found) error {
	err := render.Found(a.Out, found)
	if err == nil && len(found.Live) > 0 {
		a.Say("warning: the values in Cloudflare are assumed to be the manifest's: they cannot be checked, and no later plan can tell")
		a.Say("warning: unless you are certain, run this instead, which sends every value again: %s", a.line("apply", "--adopt=overwrite"))
	}
	return err
}

// importManifest writes a manifest of the existing secrets that no manifest describes.
func (a *App) importManifest(ctx context.Context, o *importOptions) error {
	out, sops := o.out, o.sops
	if err := outfile.CheckAbsent(out, "import"); err != nil {
		return err
	}
	stores, existing, err := a.draft(ctx, o)
	if err != nil {
		return err
	}
	stores = a.describable(stores)
	found := 0
	for _, st := range stores {
		found += len(st.Secrets)
	}
	if found == 0 {
		_, err := fmt.Fprintln(a.Out, "Nothing to import: the manifest describes every secret.")
		return err
	}
	from := sops
	if sops != "" { // relative to the file that names it
		if from, err = filepath.Rel(filepath.Dir(out), sops); err != nil {
			return fmt.Errorf("--sops: %w", err)
		}
	}
	text, err := manifest.Draft(stores, filepath.ToSlash(from))
	if err != nil {
		return err
	}
	if err := a.files.CreateAndSay(a.Out, outfile.File{Flag: "-o", Path: out}, text); err != nil {
		return err
	}
	next := "run " + a.line("plan")
	if existing != "" {
		next = fmt.Sprintf("add %s to include in %s", out, existing)
	}
	if sops != "" {
		next = fmt.Sprintf("write the values into %s, each under its secret's name; then %s", sops, next)
	}
	secrets := "secrets"
	if found == 1 {
		secrets = "secret"
	}
	_, err = fmt.Fprintf(a.Out, "It describes %d %s. Next: %s.\n", found, secrets, render.Safe(next))
	return err
}

// describable leaves out what a manifest cannot name, and says so.
func (a *App) describable(stores []manifest.DraftStore) []manifest.DraftStore {
	for i := range stores {
		stores[i].Secrets = slices.DeleteFunc(stores[i].Secrets, func(sec manifest.DraftSecret) bool {
			if !manifest.IsName(sec.Label) {
				a.Say("warning: left out the secret %s: a manifest cannot have that name", render.Safe(sec.Label))
			}
			return !manifest.IsName(sec.Label)
		})
	}
	return slices.DeleteFunc(stores, func(st manifest.DraftStore) bool {
		name := cmp.Or(st.Name, st.Label)
		if !manifest.IsStoreName(name) {
			a.Say("warning: left out the store %s: a manifest cannot have that name", render.Safe(name))
			return true
		}
		return false
	})
}

// draft describes everything in the account or, if there is a manifest, what its stores
// contain beyond it. existing is that manifest's file name.
func (a *App) draft(ctx context.Context, o *importOptions) (stores []manifest.DraftStore, existing string, err error) {
	connection, err := a.connect(&o.apiFlags)
	if err != nil {
		return nil, "", err
	}
	project, err := a.project(ctx, &o.manifestFlags, connection)
	switch {
	case errors.Is(err, manifest.ErrNone):
		c, err := a.config(&o.manifestFlags, o.out, connection)
		if err != nil {
			return nil, "", err
		}
		lock := cmp.Or(c.Lockfile, lockfile.PathFor(o.out))
		a.files.Protect(reconcile.Files(reconcile.Config{Lockfile: lock, LookupEnv: a.LookupEnv}, nil))
		if err := a.files.CheckOwn("-o", o.out); err != nil {
			return nil, "", err
		}
		if err := connection.start(ctx, lock); err != nil {
			return nil, "", err
		}
		defer connection.stop()
		stores, err := reconcile.DraftAccount(ctx, c)
		return stores, "", err
	case err != nil:
		return nil, "", err
	}
	if err := a.files.CheckOwn("-o", o.out); err != nil {
		return nil, "", err
	}
	if err := connection.start(ctx, project.LocalLockfile()); err != nil {
		return nil, "", err
	}
	defer connection.stop()
	stores, err = project.DraftUnmanaged(ctx)
	return stores, project.Manifest().File, err
}
