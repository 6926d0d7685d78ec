package bindings

import (
	"fmt"
	"slices"
	"strings"

	"github.com/secretsync/secretsync/internal/syntax"
	"github.com/secretsync/secretsync/internal/wrangler"
	"github.com/secretsync/secretsync/planner"
)

// Wanted returns the existing bindings of a Worker, corrected where it is certain what they
// refer to, followed by new ones for every other secret in its account that Workers may use
// and the targets select.
func (p *Project) Wanted(env wrangler.Environment, targets []string) ([]wrangler.Binding, error) {
	env.AccountID = p.accountOf(env)
	want, bound, err := p.corrected(env)
	if err != nil {
		return nil, err
	}
	added, err := p.unbound(env, bound, targets)
	if err != nil {
		return nil, err
	}
	if want = append(want, added...); len(want) == 0 && len(targets) > 0 {
		return nil, fmt.Errorf("no secret that Workers may use matches %s", strings.Join(targets, " or "))
	}
	return want, nil
}

// corrected returns the existing bindings of a Worker in corrected form, and the secrets
// that they bind.
func (p *Project) corrected(env wrangler.Environment) (want []wrangler.Binding, bound map[planner.SecretKey]bool, err error) {
	bound = map[planner.SecretKey]bool{}
	for _, b := range env.Bindings {
		if st := p.withID(b.StoreID); st != nil && !reaches(env, st.key.Account) {
			return nil, nil, syntax.ErrorList{otherAccount(env, st, b)}
		}
		if st, name := p.meant(env, b); st != nil && st.id != "" {
			b.StoreID, b.SecretName = st.id, name
			bound[st.key.Secret(name)] = true
		}
		want = append(want, b)
	}
	return want, bound, nil
}

// unbound returns new bindings for the secrets that have none yet.
func (p *Project) unbound(env wrangler.Environment, bound map[planner.SecretKey]bool, targets []string) ([]wrangler.Binding, error) {
	var added []wrangler.Binding
	var account planner.AccountID
	taken := map[string]bool{}
	for _, name := range env.Names {
		taken[name] = true
	}
	selects := planner.Options{Targets: targets}
	for _, st := range p.stores {
		for _, sec := range st.Secrets {
			key := st.key.Secret(sec.Name)
			if bound[key] || !reaches(env, st.key.Account) || !slices.Contains(sec.Scopes, planner.ScopeWorkers) || !selects.Targeted(st.key, sec.Name) {
				continue
			}
			if account == "" {
				account = st.key.Account
			}
			switch {
			case st.id == "":
				return nil, fmt.Errorf("the id of store %q %w", st.Name, ErrNoID)
			case account != st.key.Account:
				return nil, ErrSeveralAccounts
			}
			name := bindingName(sec.Label, taken)
			taken[name], bound[key] = true, true
			added = append(added, wrangler.Binding{Binding: name, StoreID: st.id, SecretName: sec.Name})
		}
	}
	return added, nil
}

// bindingName turns a secret's name into a JavaScript identifier in the usual style:
// stripe-key becomes STRIPE_KEY. If the identifier is taken, a number is appended.
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
