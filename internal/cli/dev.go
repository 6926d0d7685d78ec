package cli

import (
	"context"
	"errors"
	"path/filepath"

	"github.com/secretsync/secretsync/internal/devvalues"
	"github.com/secretsync/secretsync/internal/hint"
	"github.com/secretsync/secretsync/internal/localdev"
	"github.com/secretsync/secretsync/internal/secret"
	"github.com/secretsync/secretsync/internal/wrangler"
	"github.com/secretsync/secretsync/manifest"
	"github.com/spf13/cobra"
)

// devOptions are the flags of dev.
type devOptions struct {
	workersFlags
	persistTo string
	clear     bool
}

// folder returns the value of wrangler dev's --persist-to option; empty for wrangler's
// default.
func (o *devOptions) folder() string {
	if o.persistTo == "" {
		return ""
	}
	return filepath.Clean(o.persistTo)
}

func (a *App) devCommand() *cobra.Command {
	var o devOptions
	cmd := &cobra.Command{
		Use:   "dev",
		Short: "Store secrets where wrangler dev reads them",
		Long: `dev stores the values of the secrets that Workers bind in the local store of
wrangler dev and Miniflare, using the project's own wrangler. It does not
contact Cloudflare. The values are then in plain text below
` + localdev.Folder + ` beside each configuration, which git must ignore, or in the folder
of the session that runs several Workers: it finds the calls of wrangler dev in
package.json, and vite.config. Where it cannot, --persist-to or persist_to in
the manifest's workers: says which folder. dev --clear removes the values, even
for a configuration that cannot be read, and with --worker for one that the
manifest no longer names. dev run is for Vitest, which has its own storage.

` + exitCodesHelp,
		Example: "  secretsync dev\n  secretsync dev --var environment=staging --worker apps/api/wrangler.jsonc\n  secretsync dev --clear",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.clear {
				return a.devClear(cmd.Context(), &o)
			}
			return a.dev(cmd.Context(), &o)
		},
	}
	f := cmd.Flags()
	o.workersFlags.register(f)
	f.StringVar(&o.persistTo, "persist-to", "", "the folder that wrangler dev gets as its --persist-to")
	f.BoolVar(&o.clear, "clear", false, "remove the values from the local store")
	cmd.AddCommand(a.devRunCommand())
	return cmd
}

// boundValues reads the values that the Workers bind. The caller wipes the values.
func (a *App) boundValues(ctx context.Context, f *workersFlags) (*workers, []*wrangler.Config, map[manifest.SecretRef]secret.Value, error) {
	w, err := a.workers(ctx, &f.manifestFlags, f.commandsFlag.configure)
	if err != nil {
		return nil, nil, nil, err
	}
	if err := a.mistakesOf(w, f.workers...); err != nil {
		return nil, nil, nil, err
	}
	configs, err := w.chosen(f.workers)
	if err != nil {
		return nil, nil, nil, err
	}
	if len(f.workers) == 0 {
		for _, e := range w.bindings.Unread {
			a.Say("note: %s: skipped: %s", e.Pos, e.What)
		}
	}
	values, err := w.bindings.Values(ctx, configs, a.Filter.Know)
	return w, configs, values, err
}

func wipe(values map[manifest.SecretRef]secret.Value) {
	for _, v := range values {
		v.Wipe()
	}
}

func (a *App) dev(ctx context.Context, o *devOptions) error {
	w, configs, values, err := a.boundValues(ctx, &o.workersFlags)
	if err != nil {
		return err
	}
	defer wipe(values)
	return partly(a.local(w, o.folder()).Store(ctx, configs, values))
}

// devClear removes the values that dev stored: all of them, or those that the chosen Workers bind.
func (a *App) devClear(ctx context.Context, o *devOptions) error {
	w, err := a.workers(ctx, &o.manifestFlags)
	if err != nil {
		return err
	}
	err = a.local(w, o.folder()).Clear(ctx, o.workers)
	if errors.Is(err, devvalues.ErrNoWorkers) {
		return noWorkers(w.manifest)
	}
	return partly(err)
}

// local is what the commands below dev work with.
func (a *App) local(w *workers, persistTo string) *devvalues.Local {
	return &devvalues.Local{
		Manifest: w.manifest, Bindings: w.bindings, Mistakes: w.mistakes, PersistTo: persistTo,
		Out: a.Out, Filter: a.Filter, Getenv: a.env, Say: a.Say, Failed: a.PrintError, Line: a.line,
	}
}

// partly turns failures that were printed when they happened into an exit code.
func partly(err error) error {
	if errors.Is(err, devvalues.ErrReported) {
		return &status{code: exitError}
	}
	return err
}

func (a *App) devRunCommand() *cobra.Command {
	var flags workersFlags
	cmd := &cobra.Command{
		Use:   "run [flags] -- COMMAND [ARGUMENT]...",
		Short: "Run a command, such as Vitest, with the secrets that Workers bind",
		Long: `run runs a command with the values of the secrets that Workers bind in the
environment variable ` + devvalues.Variable + `, and stores nothing. It is for
Vitest, whose storage is its own.
The variable holds JSON, the values by the name of the Worker and of the
binding: {"shop": {"STRIPE_KEY": "..."}}. Every program that the command starts
can read it.

If the output is not a terminal, values in it are withheld. The exit code is
the command's.

` + exitCodesHelp,
		Example: "  secretsync dev run -- npx vitest\n  secretsync dev run --worker apps/api/wrangler.jsonc -- npm test",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return hint.With(errors.New("no command given"), "for example secretsync dev run -- npx vitest")
			}
			return nil
		},
		DisableFlagsInUseLine: true,
		RunE:                  func(cmd *cobra.Command, args []string) error { return a.devRun(cmd.Context(), &flags, args) },
	}
	f := cmd.Flags()
	flags.register(f)
	f.SetInterspersed(false) // the command's flags are its own
	return cmd
}

func (a *App) devRun(ctx context.Context, flags *workersFlags, args []string) error {
	w, configs, values, err := a.boundValues(ctx, flags)
	if err != nil {
		return err
	}
	defer wipe(values)
	err = a.local(w, "").Run(ctx, devvalues.Command{Args: args, In: a.In, Out: a.Out, Err: a.Err, IsTerminal: isTerminal}, configs, values)
	if exit, ok := errors.AsType[*devvalues.ExitError](err); ok {
		return &status{code: exit.Code}
	}
	return err
}
