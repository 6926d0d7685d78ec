package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/secretsync/secretsync/internal/keyring"
	"github.com/secretsync/secretsync/internal/localdev"
	"github.com/secretsync/secretsync/internal/secret"
	"github.com/secretsync/secretsync/internal/wrangler"
	"github.com/secretsync/secretsync/manifest"
	"github.com/spf13/cobra"
)

func (a *app) devCommand() *cobra.Command {
	var workers []string
	var persistTo string
	var remove bool
	cmd := &cobra.Command{
		Use:   "dev",
		Short: "Put secrets where wrangler dev reads them",
		Long: "dev puts the values of the secrets that Workers bind into the local store of wrangler dev and Miniflare, by the\n" +
			"project's own wrangler. Cloudflare is not asked, and nothing there is changed. The values then lie in plain text below\n" +
			localdev.Folder + " beside each configuration, which git has to ignore; dev --clear removes them, also of a configuration that\n" +
			"cannot be read, and with --worker of one that the manifest no longer names.\n\n" + exitCodesHelp,
		Example: "  secretsync dev\n  secretsync dev --var environment=staging --worker apps/api/wrangler.jsonc\n  secretsync dev --clear",
		Args:    a.noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if persistTo != "" {
				persistTo = filepath.Clean(persistTo)
			}
			if remove {
				return a.devClear(cmd.Context(), workers, persistTo)
			}
			return a.dev(cmd.Context(), workers, persistTo)
		},
	}
	cmd.Flags().StringArrayVar(&workers, "worker", nil, "a wrangler configuration that the manifest names (repeatable; default: all)")
	cmd.Flags().StringVar(&persistTo, "persist-to", "", "the folder that wrangler dev gets as its --persist-to")
	cmd.Flags().BoolVar(&remove, "clear", false, "remove the values from the local store")
	return cmd
}

func (a *app) dev(ctx context.Context, workers []string, persistTo string) error {
	p, err := a.openProject(ctx)
	if err != nil {
		return err
	}
	if err := p.mistakesOf(workers...); err != nil {
		return err
	}
	configs, err := p.chosen(workers)
	if err != nil {
		return err
	}
	values, err := p.boundValues(ctx, configs)
	if err != nil {
		return err
	}
	defer func() {
		for _, v := range values {
			v.Wipe()
		}
	}()
	var folders []string
	err = eachOf(ctx, p.app, configs, func(c *wrangler.Config) error {
		place := placeOf(c.File, persistTo)
		put, err := p.devOne(ctx, c, place, values)
		if put && !slices.Contains(folders, place.Values()) {
			folders = append(folders, place.Values())
		}
		return err
	})
	if len(folders) > 0 {
		clearing := "dev --clear"
		if persistTo != "" {
			clearing += " --persist-to " + persistTo
		}
		a.say("values lie in plain text in %s; %s removes them", strings.Join(folders, ", "), clearing)
	}
	return err
}

// eachOf goes on where one fails, and says at once what went wrong.
func eachOf[T any](ctx context.Context, a *app, list []T, do func(T) error) error {
	var failed error
	for _, item := range list {
		err := do(item)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			a.printError(err)
			failed = &status{code: exitError}
		}
	}
	return failed
}

func placeOf(file, persistTo string) localdev.Place {
	return localdev.Place{Dir: filepath.Dir(file), PersistTo: persistTo}
}

// chosen are the configurations that --worker names, or all.
func (p *project) chosen(workers []string) ([]*wrangler.Config, error) {
	if len(p.configs) == 0 {
		return nil, noWorkers(p.manifest)
	}
	if len(workers) == 0 {
		return p.configs, nil
	}
	var chosen []*wrangler.Config
	for _, name := range workers {
		c := p.config(name)
		if c == nil {
			return nil, hint(fmt.Errorf("%s is none of the Workers that the manifest names", name), "add it to workers:")
		}
		chosen = append(chosen, c)
	}
	return chosen, nil
}

func noWorkers(m *manifest.Manifest) error {
	return hint(fmt.Errorf("%s names no Workers", m.File), "add workers: [apps/*/wrangler.jsonc]")
}

// devOne puts the secrets of one Worker, and reports whether any was put.
func (p *project) devOne(ctx context.Context, c *wrangler.Config, place localdev.Place, values map[manifest.SecretRef]secret.Value) (bool, error) {
	secrets := p.localSecrets(c, values)
	if len(secrets) == 0 {
		p.say("%s binds no secret that has a value here", c.File)
		return false, nil
	}
	if err := checkIgnored(ctx, place); err != nil {
		return false, err
	}
	if err := localdev.Put(ctx, place, secrets); err != nil {
		return false, devError(c.File, place, err)
	}
	_, err := fmt.Fprintf(p.std.out, "%s: put %s\n", c.File, names(secrets))
	return true, err
}

func names(secrets []localdev.Secret) string {
	if len(secrets) == 0 {
		return "nothing"
	}
	list := make([]string, len(secrets))
	for i, s := range secrets {
		list[i] = s.Name
	}
	return strings.Join(list, ", ")
}

// devError says what to do.
func devError(file string, place localdev.Place, err error) error {
	values := place.Values()
	for is, todo := range map[error]string{
		localdev.ErrNoMiniflare: "install what wrangler dev needs first: npm install --save-dev wrangler",
		localdev.ErrNoNode:      "install Node.js, and then wrangler: npm install --save-dev wrangler",
		localdev.ErrUnsupported: "install a newer wrangler: npm install --save-dev wrangler@latest",
		localdev.ErrFailed: "see what wrangler dev says there: it may want a newer Node.js, or be too old; and an older wrangler cannot read what a newer one left in " +
			filepath.Dir(values),
		localdev.ErrLost:    "remove " + values + ", in case something is there, and try another wrangler; please report this one",
		localdev.ErrDamaged: "remove " + values + ", where the values lie, and " + place.Record() + "; then run dev again",
		localdev.ErrLink:    "remove it; nothing was put there",
		localdev.ErrBusy:    "try again when it has ended",
	} {
		if errors.Is(err, is) {
			return hint(fmt.Errorf("%s: %w", file, err), todo)
		}
	}
	return fmt.Errorf("%s: %w", file, err)
}

// checkIgnored refuses to put plain text where git would pick it up.
func checkIgnored(ctx context.Context, place localdev.Place) error {
	root := place.Root()
	if !keyring.InWorkTree(root) {
		return nil
	}
	at := root // or what of it is there: git has to start somewhere
	for {
		if info, err := os.Stat(at); err == nil && info.IsDir() {
			break
		}
		at = filepath.Dir(at)
	}
	for _, path := range []string{filepath.Join(place.Values(), "id", "blobs", "value"), filepath.Join(root, "file")} {
		path, err := filepath.Rel(at, path)
		if err != nil {
			return err
		}
		cmd := exec.CommandContext(ctx, "git", "check-ignore", "-q", path)
		cmd.Dir = at
		var exit *exec.ExitError
		switch err := cmd.Run(); {
		case err == nil:
		case errors.As(err, &exit) && exit.ExitCode() == 1:
			return hint(fmt.Errorf("git does not ignore %s, where the values would lie in plain text", root),
				"add "+filepath.Base(root)+" to .gitignore")
		default:
			return hint(fmt.Errorf("git cannot tell whether it ignores %s, where the values would lie in plain text", root),
				"run git check-ignore there, and see what it says")
		}
	}
	return nil
}
