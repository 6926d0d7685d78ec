package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/secretsync/secretsync/internal/position"
	"github.com/secretsync/secretsync/internal/syntax"
	"github.com/secretsync/secretsync/internal/wrangler"
	"github.com/secretsync/secretsync/lockfile"
	"github.com/secretsync/secretsync/manifest"
	"github.com/secretsync/secretsync/planner"
)

// project is a manifest with the Workers that it names, and what the lockfile knows of
// their stores.
type project struct {
	*session
	lock    *lockfile.File
	configs []*wrangler.Config
	data    map[string][]byte // of each configuration, by its name
	stores  []projectStore
	// mistakes are those in wrangler configurations.
	mistakes []*syntax.Error
}

// projectStore is a store of the manifest. Several may be one in Cloudflare.
type projectStore struct {
	manifest.Store
	key planner.StoreKey
	id  string // empty where it was never applied
}

// openProject reads everything that says who reads which secret.
func (a *app) openProject(ctx context.Context) (*project, error) {
	s, err := a.openManifest(ctx)
	if err != nil {
		return nil, err
	}
	lock, err := lockfile.Read(s.lockPath)
	if err != nil {
		return nil, err
	}
	p := &project{session: s, lock: lock, data: map[string][]byte{}}
	for _, st := range s.manifest.Stores {
		account := s.likelyAccount(st, lock)
		ps := projectStore{Store: st, key: planner.StoreKey{Account: account, Name: st.Name}}
		if recorded := lock.Stores[lockStore(ps.key)]; recorded != nil {
			ps.id = string(recorded.ID)
		}
		p.stores = append(p.stores, ps)
	}
	p.configs, p.data, p.mistakes = s.workerConfigs(lock)
	return p, nil
}

// workerConfigs parses the wrangler configurations; each environment has the account that
// it is deployed to.
func (s *session) workerConfigs(lock *lockfile.File) ([]*wrangler.Config, map[string][]byte, []*syntax.Error) {
	files, mistakes := s.manifest.WorkerFiles()
	errs := syntax.ErrorList(mistakes)
	data := map[string][]byte{}
	var configs []*wrangler.Config
	missing := map[position.Position]*syntax.Error{} // environments that no file has so far
	for _, f := range files {
		c, mistakes := wrangler.Parse(f.Name, f.Data)
		errs = append(errs, mistakes...)
		if c == nil {
			continue
		}
		for _, env := range f.Environments {
			if _, seen := missing[env.Pos]; c.Has(env.Name) {
				missing[env.Pos] = nil
			} else if !seen {
				missing[env.Pos] = &syntax.Error{Pos: env.Pos, What: fmt.Sprintf("%s has no environment %q", f.Name, env.Name), Hint: "env: \"\" stands for the top level"}
			}
		}
		if f.Environments != nil {
			c.Environments = slices.DeleteFunc(c.Environments, func(e wrangler.Environment) bool {
				return !slices.ContainsFunc(f.Environments, func(env manifest.WorkerEnvironment) bool { return env.Name == e.Name })
			})
		}
		for i := range c.Environments {
			env := &c.Environments[i]
			if env.Previews { // of the environment before it, with its account
				env.AccountID = cmp.Or(env.AccountID, c.Environments[i-1].AccountID)
			}
			env.AccountID = s.accountOf(lock, *env)
		}
		configs, data[f.Name] = append(configs, c), f.Data
	}
	for _, bad := range missing {
		if bad != nil {
			errs = append(errs, bad)
		}
	}
	s.filter.Public(workersText(configs)...)
	return configs, data, errs.Sorted()
}

// mistakesOf are the mistakes of the configurations that were chosen; the others are
// warnings. Without a choice all count.
func (p *project) mistakesOf(chosen ...string) error {
	var mistakes syntax.ErrorList
	for _, e := range p.mistakes {
		if len(chosen) == 0 || slices.ContainsFunc(chosen, func(file string) bool { return samePath(e.Pos.File, file) }) {
			mistakes = append(mistakes, e)
		} else {
			p.say("warning: %s: %s", e.Pos, e.What)
		}
	}
	return mistakes.Err()
}

// accountOf is the account that a Worker is deployed to; empty where nothing tells.
func (s *session) accountOf(lock *lockfile.File, env wrangler.Environment) string {
	id := cmp.Or(env.AccountID, s.setting(s.flags.accountID, "CLOUDFLARE_ACCOUNT_ID"))
	for _, b := range env.Bindings {
		for k, st := range lock.All() {
			if id == "" && b.StoreID != "" && string(st.ID) == b.StoreID {
				id = string(k.Account)
			}
		}
	}
	return id
}

// reaches reports whether a Worker can read the stores of an account: of its own alone.
// An account that nobody has named may be any.
func reaches(env wrangler.Environment, account planner.AccountID) bool {
	return env.AccountID == "" || strings.EqualFold(env.AccountID, string(account)) || account == accountUnknown || account == emulatorAccount
}

// storeOf is the manifest's store that a binding names by its id, or nil. While a store
// has no id yet, as before the first apply, the secret's name decides.
func (p *project) storeOf(env wrangler.Environment, b wrangler.Binding) *projectStore {
	if st := p.withID(b.StoreID); st != nil {
		return st
	}
	if st := p.storeWith(env, b.SecretName); st != nil && st.id == "" {
		return st
	}
	return nil
}

// storeWith is the only store within reach that has a secret of that name, or nil.
func (p *project) storeWith(env wrangler.Environment, name string) *projectStore {
	if stores := p.storesWith(env, name); len(stores) == 1 {
		return stores[0]
	}
	return nil
}

// storesWith are the stores within a Worker's reach that have a secret of that name.
func (p *project) storesWith(env wrangler.Environment, name string) []*projectStore {
	return slices.DeleteFunc(p.within(env), func(st *projectStore) bool {
		_, sec := p.secretOf(st.key, name)
		return sec == nil
	})
}

// within are the stores that a Worker can read, each once however many parts it has.
func (p *project) within(env wrangler.Environment) []*projectStore {
	var stores []*projectStore
	for i := range p.stores {
		st := &p.stores[i]
		if reaches(env, st.key.Account) && !slices.ContainsFunc(stores, func(o *projectStore) bool { return o.key == st.key }) {
			stores = append(stores, st)
		}
	}
	return stores
}

// withID is the manifest's store of an id, or nil.
func (p *project) withID(id string) *projectStore {
	i := slices.IndexFunc(p.stores, func(st projectStore) bool { return id != "" && st.id == id })
	if i < 0 {
		return nil
	}
	return &p.stores[i]
}

// secretOf finds a secret by its name in Cloudflare, with its store; or any store of
// the key, and nil.
func (p *project) secretOf(k planner.StoreKey, name string) (*projectStore, *manifest.Secret) {
	var store *projectStore
	for i := range p.stores {
		st := &p.stores[i]
		if st.key != k {
			continue
		}
		store = st
		for j := range st.Secrets {
			if st.Secrets[j].Name == name {
				return st, &st.Secrets[j]
			}
		}
	}
	return store, nil
}
