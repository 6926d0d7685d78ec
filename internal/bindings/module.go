package bindings

import (
	"fmt"
	"slices"
	"strings"

	"github.com/secretsync/secretsync/internal/workermodule"
	"github.com/secretsync/secretsync/internal/wrangler"
	"github.com/secretsync/secretsync/manifest"
)

// Module describes the bindings of a Worker for the module that it reads them through. The
// same code is deployed in all of the given environments, so the module has only the secrets
// that all of them bind. An environment that binds none is not counted. Warnings name what
// is left out for either reason.
func (p *Project) Module(c *wrangler.Config, envs []wrangler.Environment) (m workermodule.Module, warnings []string, err error) {
	mb := &moduleBuilder{project: p, file: c.File}
	for _, env := range envs {
		if bound := p.boundIn(env); len(bound) > 0 {
			mb.envs = append(mb.envs, boundEnvironment{env, bound})
		} else {
			mb.warn("%s of %s binds no secret of the manifest: the module cannot be used there", place(env), c.File)
		}
	}
	if len(mb.envs) == 0 {
		return m, nil, fmt.Errorf("%s %w", c.File, ErrUnbound)
	}
	if m.Secrets, err = mb.table(""); err != nil {
		return m, nil, err
	}
	for _, st := range p.stores {
		secrets, err := mb.table(st.Label)
		if err != nil {
			return m, nil, err
		}
		if len(secrets) > 0 {
			m.Stores = append(m.Stores, workermodule.Store{Label: st.Label, Secrets: secrets})
		}
	}
	m.Bindings = mb.bindings(m, p.data[c.File])
	return m, mb.warnings, nil
}

// boundSecret is a binding and the secret that it refers to, by the manifest's labels.
type boundSecret struct {
	binding string
	ref     manifest.SecretRef
}

// boundIn returns the bindings of an environment whose secrets the manifest has.
func (p *Project) boundIn(env wrangler.Environment) []boundSecret {
	var bound []boundSecret
	for _, b := range env.Bindings {
		st, name := p.meant(env, b)
		if st == nil {
			continue // bindings check reports it
		}
		if st, sec := p.secretOf(st.key, name); sec != nil {
			bound = append(bound, boundSecret{b.Binding, manifest.SecretRef{Store: st.Label, Secret: sec.Label}})
		}
	}
	return bound
}

type boundEnvironment struct {
	wrangler.Environment
	bound []boundSecret
}

// named returns the bindings of the secret that a label means: in the given store or, if store is
// empty, in the only store from which the environment binds such a secret.
func (e boundEnvironment) named(store, label string) (bindings []string, ambiguous bool) {
	only := ""
	for _, b := range e.bound {
		if b.ref.Secret != label || store != "" && b.ref.Store != store {
			continue
		}
		if only != "" && only != b.ref.Store {
			return nil, true
		}
		only, bindings = b.ref.Store, append(bindings, b.binding)
	}
	return bindings, false
}

// has reports whether env has a binding or a variable of that name.
func (e boundEnvironment) has(name string) bool {
	return slices.Contains(e.Names, name) || e.Binds(name)
}

type moduleBuilder struct {
	project  *Project
	file     string
	envs     []boundEnvironment // those that bind a secret
	warnings []string
}

func (mb *moduleBuilder) warn(format string, args ...any) {
	mb.warnings = append(mb.warnings, fmt.Sprintf(format, args...))
}

// table returns the secrets that all environments bind, in the manifest's order: for one store;
// without one, those whose labels are unambiguous in every environment.
func (mb *moduleBuilder) table(store string) ([]workermodule.Secret, error) {
	var secrets []workermodule.Secret
	seen := map[string]bool{}
	for _, st := range mb.project.stores {
		for _, sec := range st.Secrets {
			if seen[sec.Label] || store != "" && st.Label != store {
				continue
			}
			seen[sec.Label] = true
			names, err := mb.names(store, sec.Label)
			if err != nil {
				return nil, err
			}
			if len(names) > 0 {
				secrets = append(secrets, workermodule.Secret{Label: sec.Label, Bindings: names})
			}
		}
	}
	return secrets, nil
}

// names returns the bindings under which the module looks for a secret; none if the module
// cannot have it.
func (mb *moduleBuilder) names(store, label string) ([]string, error) {
	var byEnv [][]string
	var lacking []string
	for _, e := range mb.envs {
		bindings, ambiguous := e.named(store, label)
		if ambiguous {
			return nil, nil
		}
		if len(bindings) == 0 {
			lacking = append(lacking, place(e.Environment))
		}
		byEnv = append(byEnv, bindings)
	}
	if len(lacking) > 0 {
		if store == "" && len(lacking) < len(mb.envs) {
			mb.warn("%q is left out: it is not bound in %s of %s", label, strings.Join(lacking, ", "), mb.file)
		}
		return nil, nil
	}
	names := fewest(byEnv)
	for i, e := range mb.envs {
		first := slices.IndexFunc(names, e.has)
		if wrong := names[first]; !slices.Contains(byEnv[i], wrong) {
			return nil, fmt.Errorf("%s: %q %w (%s), and %s uses %s for something else",
				mb.file, label, ErrDiffer, strings.Join(names, ", "), place(e.Environment), wrong)
		}
	}
	return names, nil
}

// fewest returns the binding that all environments have, or else the first of each.
func fewest(byEnv [][]string) []string {
	var names []string
	for _, bindings := range byEnv {
		for _, name := range bindings {
			if !slices.ContainsFunc(byEnv, func(other []string) bool { return !slices.Contains(other, name) }) {
				return []string{name}
			}
		}
		if len(bindings) > 0 && !slices.ContainsFunc(bindings, func(name string) bool { return slices.Contains(names, name) }) {
			names = append(names, bindings[0])
		}
	}
	return names
}

// bindings returns the bindings that a module reads. As in the types that wrangler
// generates, one is optional if any environment of the file lacks it.
func (mb *moduleBuilder) bindings(m workermodule.Module, data []byte) []workermodule.Binding {
	secrets := slices.Clone(m.Secrets)
	for _, st := range m.Stores {
		secrets = append(secrets, st.Secrets...)
	}
	all, _ := wrangler.Parse(mb.file, data) // its mistakes were reported
	var found []workermodule.Binding
	seen := map[string]bool{}
	for _, sec := range secrets {
		for _, name := range sec.Bindings {
			if seen[name] {
				continue
			}
			seen[name] = true
			optional := slices.ContainsFunc(all.Environments, func(e wrangler.Environment) bool {
				return !e.Previews && !e.Binds(name)
			})
			found = append(found, workermodule.Binding{Name: name, Optional: optional})
		}
	}
	return found
}

// place names an environment in a message.
func place(env wrangler.Environment) string {
	name := "the top level"
	if env.Name != "" {
		name = "env." + env.Name
	}
	if env.Previews {
		name = "the previews of " + name
	}
	return name
}
