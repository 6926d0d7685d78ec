package bindings

import (
	"fmt"
	"github.com/secretsync/secretsync/internal/hexid"
	"slices"

	"github.com/secretsync/secretsync/internal/position"
	"github.com/secretsync/secretsync/internal/syntax"
	"github.com/secretsync/secretsync/internal/wrangler"
	"github.com/secretsync/secretsync/planner"
)

// CheckAll returns what is wrong with the bindings of all Workers, and the number of
// bindings. A binding that several environments inherit counts once.
func (p *Project) CheckAll() (bindings int, errs syntax.ErrorList) {
	defer func() { errs.Tag("binding", 0) }()
	seen := map[position.Position]bool{}
	for _, c := range p.Configs {
		for env, b := range c.Bindings() {
			seen[b.Pos] = true
			errs = append(errs, p.check(env, b)...)
		}
	}
	return len(seen), errs
}

// check returns everything that is wrong with a binding.
func (p *Project) check(env wrangler.Environment, b wrangler.Binding) []*syntax.Error {
	var errs []*syntax.Error
	st := p.storeOf(env, b)
	if st == nil {
		if st = p.guess(env, b); st == nil || st.id != "" {
			errs = append(errs, p.unknownStore(env, b))
		}
		if st == nil {
			return errs
		}
	}
	if !reaches(env, st.key.Account) {
		return append(errs, otherAccount(env, st, b))
	}
	st, sec := p.secretOf(st.key, b.SecretName)
	switch {
	case sec == nil:
		errs = append(errs, p.unknownSecret(st, b))
	case !slices.Contains(sec.Scopes, planner.ScopeWorkers):
		errs = append(errs, &syntax.Error{
			Pos: b.SecretNamePos, What: fmt.Sprintf("secret %q has no scope %q (%s)", b.SecretName, planner.ScopeWorkers, sec.Pos),
			Hint: "Workers may read only secrets that have it",
		})
	}
	return errs
}

// guess returns the store that a placeholder stands for, so that errors about the secret
// can be reported too: the only store that has the secret, or else the only store that the
// Worker can read. It returns nil for other ids, which may belong to stores outside the
// manifest.
func (p *Project) guess(env wrangler.Environment, b wrangler.Binding) *store {
	if _, isID := hexid.Parse(b.StoreID); isID {
		return nil
	}
	if st := p.storeWith(env, b.SecretName); st != nil {
		return st
	}
	if stores := p.within(env); len(stores) == 1 {
		return stores[0]
	}
	return nil
}

func otherAccount(env wrangler.Environment, st *store, b wrangler.Binding) *syntax.Error {
	return &syntax.Error{
		Pos:  b.StoreIDPos,
		What: fmt.Sprintf("store %q is in account %s, and this Worker is deployed to account %q", st.Name, st.key.Account, env.AccountID),
		Hint: "a Worker can read only the stores of its own account, " +
			"which comes from account_id, else CLOUDFLARE_ACCOUNT_ID, else its first binding",
	}
}

// unknownStore suggests the right id, if that is certain.
func (p *Project) unknownStore(env wrangler.Environment, b wrangler.Binding) *syntax.Error {
	e := &syntax.Error{Pos: b.StoreIDPos, What: fmt.Sprintf("store id %q matches no store of the manifest", b.StoreID)}
	if st, name := p.meant(env, b); st != nil && st.id != "" {
		e.Hint, e.Kind = fmt.Sprintf("store %q, which has %q, has the id %s", st.Name, name, st.id), ErrCorrectable
		return e
	}
	ids := map[string]string{}
	stores := p.within(env)
	for _, st := range stores {
		if st.id != "" {
			ids[st.id] = st.Name
		}
	}
	for id, name := range ids {
		e.Hint = fmt.Sprintf("store %q has the id %s", name, id)
	}
	switch {
	case len(ids) == 0 && len(stores) > 0:
		e.Kind = ErrNoID
	case len(ids) > 1:
		e.Hint, e.Kind = "the manifest has several stores, and the lockfile contains their ids", ErrSeveralStores
	case len(stores) == 0 && len(p.stores) > 0:
		e.Hint = fmt.Sprintf("the manifest has no store in account %q, to which this Worker is deployed", env.AccountID)
	}
	return e
}

// unknownSecret suggests the right secret, if it finds a likely one.
func (p *Project) unknownSecret(st *store, b wrangler.Binding) *syntax.Error {
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
