package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/secretsync/secretsync/internal/atomicfile"
	"github.com/secretsync/secretsync/internal/syntax"
	"github.com/secretsync/secretsync/internal/wrangler"
	"github.com/secretsync/secretsync/manifest"
	"github.com/secretsync/secretsync/planner"
	"github.com/spf13/cobra"
)

// generateOptions are the flags of bindings generate.
type generateOptions struct {
	worker, env, format string
	anyEnv              bool // --env was not given
	write               bool
}

func (a *app) bindingsGenerateCommand() *cobra.Command {
	var o generateOptions
	cmd := &cobra.Command{
		Use:   "generate",
		Short: "Print the bindings to paste into a Worker's configuration, or write them there",
		Long: "generate prints secrets_store_secrets for the secrets that Workers may use, limited by --target, or the TypeScript\n" +
			"type of env. With --worker, the bindings that the file has keep their names, and get the ids and names that are right now.\n" +
			"--write puts the result into the file, and leaves everything else in it as it is, comments too.\n\n" + exitCodesHelp,
		Example: "  secretsync bindings generate --target '*/stripe-*'\n  secretsync bindings generate --worker apps/api/wrangler.jsonc --write",
		Args:    a.noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.anyEnv = !cmd.Flags().Changed("env")
			if o.write && o.format != "" {
				return errors.New("--write and --format exclude each other: the file has its format")
			}
			p, err := a.openProject(cmd.Context())
			if err != nil {
				return err
			}
			if o.worker != "" {
				if err := p.mistakesOf(o.worker); err != nil {
					return err
				}
			}
			return p.generateBindings(o)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.worker, "worker", "", "a wrangler configuration that the manifest's workers: names")
	f.StringVar(&o.env, "env", "", "the environment of that configuration (default: the one that workers: names, else its top level)")
	f.StringVar(&o.format, "format", "", "toml, jsonc or types (default: as the worker's file, else jsonc)")
	f.BoolVar(&o.write, "write", false, "write the bindings into the worker's file")
	return cmd
}

func (p *project) generateBindings(o generateOptions) error {
	var env wrangler.Environment
	var file string
	switch {
	case o.worker != "":
		c := p.config(o.worker)
		if c == nil {
			return hint(fmt.Errorf("%s is none of the Workers that the manifest names", o.worker), "add it to workers:")
		}
		if envs := c.Environments; o.anyEnv && len(envs) > 0 && !slices.ContainsFunc(envs, func(e wrangler.Environment) bool { return e.Name != envs[0].Name }) {
			o.env = envs[0].Name
		}
		i := slices.IndexFunc(c.Environments, func(e wrangler.Environment) bool { return e.Name == o.env })
		if i < 0 {
			return hint(fmt.Errorf("%s has no environment %q that workers: means", c.File, o.env), "name one with --env, or set the manifest's variables with --var")
		}
		file, env = c.File, c.Environments[i]
	case o.write:
		return errors.New("--write needs --worker, the file to write into")
	case o.env != "":
		return errors.New("--env needs --worker, the file that has it")
	}
	p.warnOfEmulator()
	want, err := p.wantedBindings(env)
	switch {
	case err != nil:
		return err
	case o.write:
		return p.writeBindings(file, o.env, want)
	}
	format := o.format
	if format == "" {
		format = "jsonc"
		if filepath.Ext(file) == ".toml" {
			format = "toml"
		}
	}
	text, err := wrangler.Format(format, o.env, want)
	if err != nil {
		return err
	}
	_, err = fmt.Fprint(p.std.out, text)
	return err
}

// config is the configuration of that name, however it is spelled, or nil.
func (p *project) config(name string) *wrangler.Config {
	abs := func(name string) string {
		if a, err := filepath.Abs(name); err == nil {
			return a
		}
		return name
	}
	i := slices.IndexFunc(p.configs, func(c *wrangler.Config) bool { return abs(c.File) == abs(name) })
	if i < 0 {
		return nil
	}
	return p.configs[i]
}

func (p *project) writeBindings(file, env string, want []wrangler.Binding) error {
	before := p.data[file]
	after, err := wrangler.Edit(file, before, env, want)
	if err != nil {
		return err
	}
	if string(after) == string(before) {
		_, err := fmt.Fprintf(p.std.out, "%s is as it should be: bindings %d.\n", file, len(want))
		return err
	}
	if err := atomicfile.Write(file, after, 0o644); err != nil {
		return err
	}
	_, err = fmt.Fprintf(p.std.out, "Wrote %s: bindings %d.\n", file, len(want))
	return err
}

// wantedBindings are those that a Worker has, corrected where they are ours, and after
// them one for every other secret of its account that Workers may use and that --target
// selects.
func (p *project) wantedBindings(env wrangler.Environment) ([]wrangler.Binding, error) {
	var want []wrangler.Binding
	bound, taken := map[planner.SecretKey]bool{}, map[string]bool{}
	for _, name := range env.Names {
		taken[name] = true
	}
	env.AccountID = p.accountOf(p.lock, env)
	for _, b := range env.Bindings {
		if st := p.withID(b.StoreID); st != nil && !reaches(env, st.key.Account) {
			return nil, syntax.ErrorList{otherAccount(env, st, b)}
		}
		if st, name := p.meant(env, b); st != nil && st.id != "" {
			b.StoreID, b.SecretName = st.id, name
			bound[st.key.Secret(name)] = true
		}
		want = append(want, b)
	}
	var added planner.AccountID
	for _, st := range p.stores {
		for _, sec := range st.Secrets {
			ref := st.key.Secret(sec.Name)
			if bound[ref] || !reaches(env, st.key.Account) || !slices.Contains(sec.Scopes, planner.ScopeWorkers) || !p.selected(ref) {
				continue
			}
			if st.id == "" {
				return nil, hint(fmt.Errorf("the id of store %q is not known yet", st.Name), "apply first: the lockfile keeps it")
			}
			if added == "" {
				added = st.key.Account
			}
			if added != st.key.Account {
				return nil, hint(errors.New("secrets of several accounts, and a Worker reads those of its own alone"),
					"give it account_id, or set CLOUDFLARE_ACCOUNT_ID, or choose with --target ACCOUNT/STORE/SECRET")
			}
			name := bindingName(sec.Label, taken)
			taken[name], bound[ref] = true, true
			want = append(want, wrangler.Binding{Binding: name, StoreID: st.id, SecretName: sec.Name})
		}
	}
	if len(want) == 0 && len(p.flags.targets) > 0 {
		return nil, fmt.Errorf("--target %s selects no secret that Workers may use", strings.Join(p.flags.targets, " "))
	}
	return want, nil
}

// meant is the store and the secret that a binding means: in the store that it names, or,
// where its id is none of ours, in the only store that has the secret. The secret may
// have another name now. Nil where that is not certain.
func (p *project) meant(env wrangler.Environment, b wrangler.Binding) (*projectStore, string) {
	for _, named := range []func(manifest.Secret) bool{
		func(sec manifest.Secret) bool { return sec.Name == b.SecretName },
		func(sec manifest.Secret) bool { return sec.RenamedFrom != "" && sec.RenamedFrom == b.SecretName },
		func(sec manifest.Secret) bool { return sec.Label == b.SecretName }, // without the store's prefix
	} {
		var only *projectStore
		name, several := "", false
		for i := range p.stores {
			st := &p.stores[i]
			if p.withID(b.StoreID) != nil && st.id != b.StoreID || !reaches(env, st.key.Account) {
				continue
			}
			for _, sec := range st.Secrets {
				if named(sec) {
					several = several || only != nil && only.key != st.key
					only, name = st, sec.Name
				}
			}
		}
		if only != nil && !several {
			return only, name
		}
	}
	return nil, ""
}

func (p *project) selected(ref planner.SecretKey) bool {
	return planner.Options{Targets: p.flags.targets}.Targeted(ref.Store, ref.Name)
}

// bindingName makes a JavaScript identifier of a secret's name, as Workers usually have
// them: stripe-key becomes STRIPE_KEY. One that is taken gets a number.
func bindingName(label string, taken map[string]bool) string {
	name := strings.ToUpper(strings.ReplaceAll(label, "-", "_"))
	if name[0] >= '0' && name[0] <= '9' {
		name = "_" + name
	}
	unique := name
	for n := 2; taken[unique]; n++ {
		unique = fmt.Sprintf("%s_%d", name, n)
	}
	return unique
}
