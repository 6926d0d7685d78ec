package bindings

import (
	"fmt"

	"github.com/secretsync/secretsync/internal/secret"
	"github.com/secretsync/secretsync/internal/wrangler"
	"github.com/secretsync/secretsync/manifest"
)

// BoundValue is the value of a binding.
type BoundValue struct {
	// Worker is the name under which the binding's environment is deployed; it may be empty.
	Worker  string
	Binding string
	Value   secret.Value
}

// BoundValues returns the values of the bindings of all environments of a Worker, and
// warnings about bindings without a value. Previews are left out.
func (p *Project) BoundValues(c *wrangler.Config, values map[manifest.SecretRef]secret.Value) (bound []BoundValue, warnings []string) {
	for env, b := range c.Bindings() {
		if env.Previews || b.Unsafe {
			continue
		}
		ref, _ := p.boundSecret(env, b)
		if !values[ref].IsSet() {
			warnings = append(warnings, fmt.Sprintf("%s binds %q, but %s", b.Pos, b.SecretName, p.whyNoValue(env, b)))
			continue
		}
		bound = append(bound, BoundValue{env.WorkerName, b.Binding, values[ref]})
	}
	return bound, warnings
}
