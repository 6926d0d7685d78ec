package bindings

import (
	"cmp"

	"github.com/secretsync/secretsync/internal/hexid"
	"github.com/secretsync/secretsync/internal/wrangler"
	"github.com/secretsync/secretsync/lockfile"
	"github.com/secretsync/secretsync/planner"
)

// References returns the bindings for the planner. A binding that several environments
// inherit appears once.
func (p *Project) References() []planner.Reference {
	var refs []planner.Reference
	seen := map[planner.Reference]bool{}
	for _, c := range p.Configs {
		for env, b := range c.Bindings() {
			ref := planner.Reference{
				StoreID: boundStore(p.opts.Lock, env, b), Secret: b.SecretName, Pos: b.Pos,
				Worker: cmp.Or(env.WorkerName, c.Name, c.File),
			}
			inherited := ref
			inherited.Worker = ""
			if !seen[inherited] { // report an inherited binding for one environment only
				seen[inherited] = true
				refs = append(refs, ref)
			}
		}
	}
	return refs
}

// boundStore returns the id of the store that a binding refers to. A placeholder stands for
// the only store that has the secret, among those that the Worker can read.
func boundStore(lock *lockfile.File, env wrangler.Environment, b wrangler.Binding) planner.StoreID {
	if id, ok := hexid.Parse(b.StoreID); ok {
		return planner.StoreID(id)
	}
	var only lockfile.StoreID
	for k, st := range lock.All() {
		switch {
		case string(st.ID) == b.StoreID:
			return planner.StoreID(b.StoreID)
		case st.Secret(b.SecretName) == nil || !reaches(env, planner.AccountID(k.Account)):
		case only != "":
			return planner.StoreID(b.StoreID)
		default:
			only = st.ID
		}
	}
	return planner.StoreID(cmp.Or(string(only), b.StoreID))
}
