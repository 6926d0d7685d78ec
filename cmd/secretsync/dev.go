package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
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
	var remove bool
	cmd := &cobra.Command{
		Use:   "dev",
		Short: "Put secrets where wrangler dev reads them",
		Long: "dev puts the values of the secrets that Workers bind into the local store of wrangler dev and Miniflare, by the\n" +
			"project's own wrangler. Cloudflare is not asked, and nothing there is changed. The values then lie in plain text below\n" +
			localdev.Folder + " beside each configuration, which git has to ignore; dev --clear removes them.\n\n" + exitCodesHelp,
		Example: "  secretsync dev\n  secretsync dev --var environment=staging --worker apps/api/wrangler.jsonc\n  secretsync dev --clear",
		Args:    a.noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.dev(cmd.Context(), workers, remove)
		},
	}
	cmd.Flags().StringArrayVar(&workers, "worker", nil, "a wrangler configuration that the manifest names (repeatable; default: all)")
	cmd.Flags().BoolVar(&remove, "clear", false, "remove the values from the local store")
	return cmd
}

func (a *app) dev(ctx context.Context, workers []string, remove bool) error {
	p, err := a.openProject(ctx)
	if p == nil || err != nil && !remove { // what can be read is cleared
		return err
	}
	configs, err := p.chosen(workers)
	if err != nil {
		return err
	}
	var values map[manifest.SecretRef]secret.Value
	if !remove {
		if values, err = p.boundValues(ctx, configs); err != nil {
			return err
		}
		defer func() {
			for _, v := range values {
				v.Wipe()
			}
		}()
	}
	for _, c := range configs {
		if err := p.devOne(ctx, c, values, remove, len(workers) == 0); err != nil {
			return err
		}
	}
	return nil
}

// chosen are the configurations that --worker names, or all.
func (p *project) chosen(workers []string) ([]*wrangler.Config, error) {
	if len(p.configs) == 0 {
		return nil, hint(fmt.Errorf("%s names no Workers", p.manifest.File), "add workers: [apps/*/wrangler.jsonc]")
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

// devOne puts the secrets of one Worker, or takes them out: all that was put into its
// folder, unless Workers were chosen.
func (p *project) devOne(ctx context.Context, c *wrangler.Config, values map[manifest.SecretRef]secret.Value, remove, all bool) error {
	dir := filepath.Dir(c.File)
	secrets := p.localSecrets(c, values, remove)
	if len(secrets) == 0 && !remove {
		p.say("%s binds no secret that has a value here", c.File)
		return nil
	}
	if remove {
		gone, err := localdev.Clear(ctx, localdev.Place{Dir: dir}, secrets, all)
		if err != nil {
			return devError(c, err)
		}
		_, err = fmt.Fprintf(p.std.out, "%s: removed %s\n", c.File, names(gone))
		return err
	}
	if err := checkIgnored(ctx, dir); err != nil {
		return err
	}
	if err := localdev.Put(ctx, localdev.Place{Dir: dir}, secrets); err != nil {
		return devError(c, err)
	}
	_, err := fmt.Fprintf(p.std.out, "%s: put %s\n", c.File, names(secrets))
	return err
}

// localSecrets are the secrets that a Worker binds, under the ids that it gives. Those
// without a value here are said and left out.
func (p *project) localSecrets(c *wrangler.Config, values map[manifest.SecretRef]secret.Value, remove bool) []localdev.Secret {
	var secrets []localdev.Secret
	seen := map[[2]string]bool{}
	for _, env := range c.Environments {
		for _, b := range env.Bindings {
			id := [2]string{b.StoreID, b.SecretName}
			if seen[id] {
				continue
			}
			seen[id] = true
			s := localdev.Secret{StoreID: b.StoreID, Name: b.SecretName}
			if !remove {
				ref, _ := p.boundSecret(b)
				if s.Value = values[ref]; !s.Value.IsSet() {
					p.say("warning: %s binds %q, and the manifest has no value for it", b.Pos, b.SecretName)
					continue
				}
			}
			secrets = append(secrets, s)
		}
	}
	return secrets
}

// boundValues are the values of what the Workers bind, and of nothing else. Those that
// are drawn when they are applied are drawn anew, each once for all Workers.
func (p *project) boundValues(ctx context.Context, configs []*wrangler.Config) (map[manifest.SecretRef]secret.Value, error) {
	bound := map[manifest.SecretRef]manifest.Secret{}
	for _, c := range configs {
		for _, env := range c.Environments {
			for _, b := range env.Bindings {
				if ref, sec := p.boundSecret(b); sec != nil {
					bound[ref] = *sec
				}
			}
		}
	}
	resolved, err := p.manifest.ResolveSome(ctx, func(ref manifest.SecretRef) bool { _, ok := bound[ref]; return ok })
	if err != nil {
		return nil, err
	}
	values := map[manifest.SecretRef]secret.Value{}
	for ref, sec := range bound {
		values[ref] = resolved[ref].Value
		if sec.Source.Kind == manifest.SourceGenerate {
			values[ref] = sec.Source.Generate.Value()
			p.filter.Know(values[ref])
		}
	}
	return values, nil
}

// boundSecret is what a binding means: by its store where that is known, else by the
// secret's name alone, so that placeholders work locally. Nil where it is none of ours.
func (p *project) boundSecret(b wrangler.Binding) (manifest.SecretRef, *manifest.Secret) {
	st := p.storeOf(b)
	if st == nil {
		st = p.storeWith(b.SecretName)
	}
	if st == nil {
		return manifest.SecretRef{}, nil
	}
	st, sec := p.secretOf(st.key, b.SecretName)
	if sec == nil {
		return manifest.SecretRef{}, nil
	}
	return manifest.SecretRef{Store: st.Label, Secret: sec.Label}, sec
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

func devError(c *wrangler.Config, err error) error {
	err = fmt.Errorf("%s: %w", c.File, err)
	switch {
	case errors.Is(err, localdev.ErrNoMiniflare):
		return hint(err, "install what wrangler dev needs first: npm install --save-dev wrangler")
	case errors.Is(err, localdev.ErrNoNode):
		return hint(err, "install Node.js, and then wrangler: npm install --save-dev wrangler")
	}
	return err
}

// checkIgnored refuses to put plain text where git would pick it up.
func checkIgnored(ctx context.Context, dir string) error {
	if !keyring.InWorkTree(dir) {
		return nil
	}
	for _, path := range []string{filepath.Join(localdev.Folder, "state", "v3", "secrets-store", "id", "blobs", "value"), filepath.Join(localdev.Folder, "file")} {
		cmd := exec.CommandContext(ctx, "git", "check-ignore", "-q", path)
		cmd.Dir = dir
		var exit *exec.ExitError
		switch err := cmd.Run(); {
		case err == nil:
		case errors.As(err, &exit) && exit.ExitCode() == 1:
			return hint(fmt.Errorf("git does not ignore %s, where the values would lie in plain text", filepath.Join(dir, localdev.Folder)),
				"add "+localdev.Folder+" to .gitignore")
		default:
			return hint(fmt.Errorf("git cannot tell whether it ignores %s, where the values would lie in plain text", filepath.Join(dir, localdev.Folder)),
				"run git check-ignore there, and see what it says")
		}
	}
	return nil
}
