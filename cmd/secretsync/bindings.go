package main

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/secretsync/secretsync/internal/render"
	"github.com/secretsync/secretsync/internal/syntax"
	"github.com/secretsync/secretsync/internal/wrangler"
	"github.com/secretsync/secretsync/lockfile"
	"github.com/secretsync/secretsync/planner"
	"github.com/spf13/cobra"
)

func (a *app) bindingsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "bindings",
		Short: "Check and write the secrets that Workers bind",
		Long: "The manifest's workers: names wrangler configurations. What they bind under secrets_store_secrets has to be\n" +
			"what the manifest wants, or the Worker fails when it is deployed or runs.\n",
	}
	cmd.AddCommand(&cobra.Command{
		Use:   "check",
		Short: "Hold the bindings of all Workers to the manifest",
		Long: "check reads the wrangler configurations that the manifest's workers: names, top level and every env. Each binding's\n" +
			"store and secret must be wanted, with the scope workers, in the Worker's account. It makes no request and needs no\n" +
			"key; store ids are those of the lockfile.\n\n" + exitCodesHelp,
		Args: a.noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.bindingsCheck(cmd.Context()) },
	}, a.bindingsGenerateCommand())
	return cmd
}

func (a *app) bindingsCheck(ctx context.Context) error {
	p, err := a.openProject(ctx)
	if p == nil {
		return err
	}
	if !p.manifest.HasWorkers() {
		return hint(fmt.Errorf("%s names no Workers", p.manifest.File), "add workers: [apps/*/wrangler.jsonc]")
	}
	var errs syntax.ErrorList
	if list, ok := err.(syntax.ErrorList); ok { //nolint:errorlint // openProject's error with a project
		errs = list
	}
	bindings := 0
	for _, c := range p.configs {
		for _, env := range c.Environments {
			env.AccountID = p.accountOf(env)
			for _, b := range env.Bindings {
				bindings++
				if bad := p.check(env, b); bad != nil {
					errs = append(errs, bad)
				}
			}
		}
	}
	if err := errs.Err(); err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.std.out, "All is bound as the manifest says: Workers %d, bindings %d.\n", len(p.configs), bindings)
	return err
}

// check says what is wrong with a binding, or nil.
func (p *project) check(env wrangler.Environment, b wrangler.Binding) *syntax.Error {
	st := p.storeOf(b)
	if st == nil {
		return p.unknownStore(b)
	}
	if !reaches(env, *st) {
		return &syntax.Error{
			Pos: b.StoreIDPos, What: fmt.Sprintf("store %q is in account %s, and this Worker is deployed to account %q", st.Name, st.key.Account, env.AccountID),
			Hint: "a Worker reads stores of its own account alone: account_id names it, else CLOUDFLARE_ACCOUNT_ID, else its first binding",
		}
	}
	st, sec := p.secretOf(st.key, b.SecretName)
	if sec == nil {
		return p.unknownSecret(st, b)
	}
	if !slices.Contains(sec.Scopes, planner.ScopeWorkers) {
		return &syntax.Error{
			Pos: b.SecretNamePos, What: fmt.Sprintf("secret %q has no scope %q (%s)", b.SecretName, planner.ScopeWorkers, sec.Pos),
			Hint: "Workers may read only secrets that have it",
		}
	}
	return nil
}

// unknownStore says which id is meant, where that is certain.
func (p *project) unknownStore(b wrangler.Binding) *syntax.Error {
	e := &syntax.Error{Pos: b.StoreIDPos, What: fmt.Sprintf("store id %q is none of the manifest's stores", b.StoreID)}
	if st := p.storeWith(b.SecretName); st != nil {
		e.Hint = fmt.Sprintf("store %q, which has %q, has the id %s: bindings generate --write puts it in", st.Name, b.SecretName, st.id)
		return e
	}
	ids := map[string]string{}
	for _, st := range p.stores {
		if st.id != "" {
			ids[st.id] = st.Name
		}
	}
	e.Hint = "apply first: the lockfile keeps the ids of the manifest's stores"
	for id, name := range ids {
		e.Hint = fmt.Sprintf("store %q has the id %s", name, id)
	}
	if len(ids) > 1 {
		e.Hint = "the manifest has several stores: lock status lists them, the lockfile their ids"
	}
	return e
}

// unknownSecret says which secret may be meant.
func (p *project) unknownSecret(st *projectStore, b wrangler.Binding) *syntax.Error {
	e := &syntax.Error{Pos: b.SecretNamePos, What: fmt.Sprintf("secret %q is not in the manifest's store %q", b.SecretName, st.Name)}
	var names []string
	for _, other := range p.stores {
		if other.key != st.key {
			continue
		}
		for _, sec := range other.Secrets {
			names = append(names, sec.Name)
			switch b.SecretName {
			case sec.RenamedFrom:
				e.Hint = fmt.Sprintf("it was renamed to %q", sec.Name)
				return e
			case sec.Label:
				e.Hint = fmt.Sprintf("with the store's prefix it is %q", sec.Name)
				return e
			}
		}
	}
	e.Hint = syntax.DidYouMean(b.SecretName, names)
	return e
}

// references are the bindings as the planner wants them, and the places of those that
// cannot be read: a warning, unless --strict-bindings asks to be certain.
func (s *session) references(lock *lockfile.File) (refs []planner.Reference, unread []planner.Position, err error) {
	configs, _, err := s.workerConfigs()
	if list, ok := err.(syntax.ErrorList); ok { //nolint:errorlint // workerConfigs documents it
		if s.flags.strictBindings {
			return nil, nil, list
		}
		for _, e := range list {
			s.say("warning: its bindings are not looked at: %s", render.Safe(e.Error()))
			unread = append(unread, position(e.Pos))
		}
	}
	for _, c := range configs {
		for _, env := range c.Environments {
			for _, b := range env.Bindings {
				refs = append(refs, planner.Reference{
					StoreID: boundStore(lock, b), Secret: b.SecretName, Pos: position(b.Pos),
					Worker: cmp.Or(env.WorkerName, c.Name, c.File),
				})
			}
		}
	}
	return refs, unread, nil
}

// storeIDForm is what the ids of stores look like; another text is a placeholder.
var storeIDForm = regexp.MustCompile(`^[0-9a-f]{32}$`)

// boundStore is the id of the store that a binding means. A placeholder stands for the
// only store that has the secret.
func boundStore(lock *lockfile.File, b wrangler.Binding) planner.StoreID {
	id := strings.ToLower(b.StoreID)
	if storeIDForm.MatchString(id) {
		return planner.StoreID(id)
	}
	only := ""
	for i := range lock.Stores {
		st := &lock.Stores[i]
		switch {
		case st.ID == b.StoreID:
			return planner.StoreID(b.StoreID)
		case st.Secret(b.SecretName) == nil:
		case only != "":
			return planner.StoreID(b.StoreID)
		default:
			only = st.ID
		}
	}
	return planner.StoreID(cmp.Or(only, b.StoreID))
}
