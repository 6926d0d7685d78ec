package bindings

import (
	"path/filepath"
	"slices"

	"github.com/secretsync/secretsync/internal/wrangler"
	"github.com/secretsync/secretsync/manifest"
	"github.com/secretsync/secretsync/planner"
)

// storeOf returns the manifest's store that a binding names by its id, or nil. If the id of
// no store is known yet, as before the first apply, the secret's name decides.
func (p *Project) storeOf(env wrangler.Environment, b wrangler.Binding) *store {
	if st := p.withID(b.StoreID); st != nil {
		return st
	}
	if st := p.storeWith(env, b.SecretName); st != nil && st.id == "" {
		return st
	}
	return nil
}

// storeWith returns the only store that the Worker can read and that has a secret of that
// name, or nil.
func (p *Project) storeWith(env wrangler.Environment, name string) *store {
	if stores := p.storesWith(env, name); len(stores) == 1 {
		return stores[0]
	}
	return nil
}

// storesWith returns the stores that a Worker can read and that have a secret of that name.
func (p *Project) storesWith(env wrangler.Environment, name string) []*store {
	return slices.DeleteFunc(p.within(env), func(st *store) bool {
		_, sec := p.secretOf(st.key, name)
		return sec == nil
	})
}

// within returns the stores that a Worker can read, each once even if the manifest splits
// it into several parts.
func (p *Project) within(env wrangler.Environment) []*store {
	var stores []*store
	for i := range p.stores {
		st := &p.stores[i]
		if reaches(env, st.key.Account) && !slices.ContainsFunc(stores, func(o *store) bool { return o.key == st.key }) {
			stores = append(stores, st)
		}
	}
	return stores
}

// withID returns the manifest's store with the given id, or nil.
func (p *Project) withID(id string) *store {
	i := slices.IndexFunc(p.stores, func(st store) bool { return id != "" && st.id == id })
	if i < 0 {
		return nil
	}
	return &p.stores[i]
}

// secretOf finds a secret by its name in Cloudflare, with its store. If there is none, it
// returns any store with the key, and nil.
func (p *Project) secretOf(k planner.StoreKey, name string) (*store, *manifest.Secret) {
	var store *store
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

// meant returns the store and the name of the secret that a binding refers to: in the store
// that it names or, if the manifest has no store with that id, in the only store that has
// the secret. The secret may have been renamed since. It returns nil if that is not
// certain.
func (p *Project) meant(env wrangler.Environment, b wrangler.Binding) (*store, string) {
	for _, named := range []func(manifest.Secret) bool{
		func(sec manifest.Secret) bool { return sec.Name == b.SecretName },
		func(sec manifest.Secret) bool { return sec.RenamedFrom != "" && sec.RenamedFrom == b.SecretName },
		func(sec manifest.Secret) bool { return sec.Label == b.SecretName }, // the name without the store's prefix
	} {
		var only *store
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

// Config returns the configuration with the given path, however it is spelled, or nil.
func (p *Project) Config(name string) *wrangler.Config {
	abs := func(name string) string {
		if a, err := filepath.Abs(name); err == nil {
			return a
		}
		return name
	}
	i := slices.IndexFunc(p.Configs, func(c *wrangler.Config) bool { return abs(c.File) == abs(name) })
	if i < 0 {
		return nil
	}
	return p.Configs[i]
}
