package main

import (
	"context"
	"fmt"

	"github.com/secretsync/secretsync/internal/position"
	"github.com/secretsync/secretsync/internal/syntax"
	"github.com/spf13/cobra"
)

func (a *app) bindingsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "bindings",
		Short: "Check and write the secrets that Workers bind",
		Long: "The manifest's workers: names wrangler configurations. What they bind under secrets_store_secrets has to be\n" +
			"what the manifest wants, or the Worker fails when it is deployed or runs.\n",
	}
	var fix bool
	check := &cobra.Command{
		Use:   "check",
		Short: "Hold the bindings of all Workers to the manifest",
		Long: "check reads the wrangler configurations that the manifest's workers: names, top level and every env. Each binding's\n" +
			"store and secret must be wanted, with the scope workers, in the Worker's account. It makes no request and needs no\n" +
			"key; store ids are those of the lockfile.\n\n" +
			"--fix writes the right ids and names into bindings where it is certain what they mean, and nothing else: placeholders,\n" +
			"ids of before, names without the store's prefix or of before a rename. bindings generate --write adds bindings.\n\n" + exitCodesHelp,
		Args: a.noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.bindingsCheck(cmd.Context(), fix) },
	}
	check.Flags().BoolVar(&fix, "fix", false, "correct the bindings, and check them then")
	cmd.AddCommand(check, a.bindingsGenerateCommand())
	return cmd
}

func (a *app) bindingsCheck(ctx context.Context, fix bool) error {
	p, err := a.openProject(ctx)
	if err != nil {
		return err
	}
	if fix {
		if err := p.fixBindings(); err != nil {
			return err
		}
		return a.bindingsCheck(ctx, false)
	}
	if !p.manifest.HasWorkers() {
		return hint(fmt.Errorf("%s names no Workers", p.manifest.File), "add workers: [apps/*/wrangler.jsonc]")
	}
	errs := syntax.ErrorList(p.mistakes)
	bindings := map[position.Position]bool{} // each once, however many environments inherit it
	for _, c := range p.configs {
		for _, env := range c.Environments {
			for _, b := range env.Bindings {
				bindings[b.Pos] = true
				errs = append(errs, p.check(env, b)...)
			}
		}
	}
	if err := errs.Err(); err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.std.out, "All is bound as the manifest says: Workers %d, bindings %d.\n", len(p.configs), len(bindings))
	return err
}
