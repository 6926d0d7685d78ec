package bindings

import (
	"context"
	"fmt"

	"github.com/secretsync/secretsync/internal/localdev"
	"github.com/secretsync/secretsync/internal/secret"
	"github.com/secretsync/secretsync/internal/wrangler"
	"github.com/secretsync/secretsync/manifest"
)

// localPlace identifies a secret in wrangler dev: two bindings with the same store id and
// name are the same secret, even if their Workers are in different accounts.
type localPlace struct{ storeID, name string }

// LocalSecrets returns the secrets of all environments of each Worker, under the store id in
// its binding, and warnings about the bindings without a value. The Workers share
// one local store.
func (p *Project) LocalSecrets(
	configs []*wrangler.Config, values map[manifest.SecretRef]secret.Value,
) (secrets [][]localdev.Secret, warnings []string) {
	warn := func(format string, args ...any) { warnings = append(warnings, fmt.Sprintf(format, args...)) }
	put, told := map[localPlace]manifest.SecretRef{}, map[localPlace]bool{}
	for _, c := range configs {
		var own []localdev.Secret
		listed := map[localPlace]bool{}
		for env, b := range c.Bindings() {
			if b.Unsafe {
				if !env.Previews { // which are deployed
					warn("%s: %s is under unsafe.bindings, which wrangler dev ignores: bind it under secrets_store_secrets to have it there too",
						b.Pos, b.Binding)
				}
				continue
			}
			at := localPlace{b.StoreID, b.SecretName}
			ref, _ := p.boundSecret(env, b)
			first, taken := put[at]
			if !taken && values[ref].IsSet() {
				put[at], first, taken = ref, ref, true
			}
			switch {
			case taken && (first == ref || ref == manifest.SecretRef{}):
				if !listed[at] {
					listed[at] = true
					own = append(own, localdev.Secret{StoreID: b.StoreID, Name: b.SecretName, Value: values[first]})
				}
			case told[at]:
			case taken:
				told[at] = true
				warn("%s binds %q of store %q, but wrangler dev gives it that of store %q, because both bindings have the same store id",
					b.Pos, b.SecretName, ref.Store, first.Store)
			default:
				told[at] = true
				warn("%s binds %q, but %s", b.Pos, b.SecretName, p.whyNoValue(env, b))
			}
		}
		secrets = append(secrets, own)
	}
	return secrets, warnings
}

// whyNoValue says why a binding gets no value.
func (p *Project) whyNoValue(env wrangler.Environment, b wrangler.Binding) string {
	within := p.storesWith(env, b.SecretName)
	anywhere := p.storesWith(wrangler.Environment{}, b.SecretName)
	switch {
	case p.withID(b.StoreID) != nil:
	case len(within) > 1:
		return "several stores of the manifest have it: set the Worker's account_id or the binding's store id"
	case len(within) == 0 && len(anywhere) > 0:
		return fmt.Sprintf("the manifest has it for account %s, while this Worker is deployed to account %q",
			anywhere[0].key.Account, env.AccountID)
	}
	return "the manifest has no value for it"
}

// Values reads only the values that the Workers bind. Generated values are generated once
// for all Workers, and passed to known.
func (p *Project) Values(ctx context.Context, configs []*wrangler.Config, known func(secret.Value)) (map[manifest.SecretRef]secret.Value, error) {
	bound := map[manifest.SecretRef]manifest.Secret{}
	for _, c := range configs {
		for env, b := range c.Bindings() {
			if ref, sec := p.boundSecret(env, b); sec != nil && !b.Unsafe {
				bound[ref] = *sec
			}
		}
	}
	resolved, err := p.opts.Manifest.ResolveSome(ctx, func(ref manifest.SecretRef) bool { _, ok := bound[ref]; return ok })
	if err != nil {
		return nil, err
	}
	values := map[manifest.SecretRef]secret.Value{}
	for ref, sec := range bound {
		values[ref] = resolved[ref].Value
		if sec.Source.Kind == manifest.SourceGenerate {
			values[ref] = sec.Source.Generate.Value()
			known(values[ref])
		}
	}
	return values, nil
}

// boundSecret returns the secret that a binding refers to: in its store if that is known,
// or else by the secret's name alone, so that placeholders work locally. It returns nil if
// the manifest has no such secret, or if several match.
func (p *Project) boundSecret(env wrangler.Environment, b wrangler.Binding) (manifest.SecretRef, *manifest.Secret) {
	st := p.storeOf(env, b)
	if st == nil {
		st = p.storeWith(env, b.SecretName)
	}
	if st == nil {
		return manifest.SecretRef{}, nil
	}
	st, sec := p.secretOf(st.key, b.SecretName)
	if sec == nil {
		return manifest.SecretRef{}, nil
	}
	for i := range st.Secrets { // nothing is replaced locally, so both have the same value
		if st.Secrets[i].Previous == sec.Name {
			sec = &st.Secrets[i]
		}
	}
	return manifest.SecretRef{Store: st.Label, Secret: sec.Label}, sec
}

// BoundPlaces returns what the bindings of all environments name, each once and without
// values.
func BoundPlaces(c *wrangler.Config) []localdev.Secret {
	var bound []localdev.Secret
	seen := map[localPlace]bool{}
	for _, b := range c.Bindings() {
		if at := (localPlace{b.StoreID, b.SecretName}); !seen[at] {
			seen[at] = true
			bound = append(bound, localdev.Secret{StoreID: b.StoreID, Name: b.SecretName})
		}
	}
	return bound
}
