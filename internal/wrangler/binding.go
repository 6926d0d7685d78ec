package wrangler

import (
	"regexp"

	"github.com/secretsync/secretsync/internal/position"
	"github.com/secretsync/secretsync/internal/syntax"
)

// parser gathers the mistakes in a configuration.
type parser struct{ errs syntax.ErrorList }

func (p *parser) bindings(n *syntax.Node) []Binding {
	list := n.Get(section)
	switch {
	case list == nil:
		return nil
	case list.Kind != syntax.List:
		p.errs.Add(list.Pos, "", "%q must be a list, not %s", section, list.Kind)
		return nil
	}
	var found []Binding
	seen := map[string]position.Position{}
	for _, item := range list.Items {
		b, ok := p.binding(item)
		if !ok {
			continue
		}
		if first, twice := seen[b.Binding]; twice {
			p.errs.Add(b.BindingPos, "", "binding %q is there already, at %s", b.Binding, first)
			continue
		}
		seen[b.Binding] = b.BindingPos
		found = append(found, b)
	}
	return found
}

// identifier is what a name in env can be.
var identifier = regexp.MustCompile(`^[A-Za-z_$][A-Za-z0-9_$]*$`)

func (p *parser) binding(n *syntax.Node) (Binding, bool) {
	if n.Kind != syntax.Map {
		p.errs.Add(n.Pos, `want binding, store_id and secret_name`, "a binding must be a map, not %s", n.Kind)
		return Binding{}, false
	}
	b := Binding{Pos: n.Pos}
	ok := true
	for _, part := range []struct {
		key string
		to  *string
		pos *position.Position
	}{{"binding", &b.Binding, &b.BindingPos}, {"store_id", &b.StoreID, &b.StoreIDPos}, {"secret_name", &b.SecretName, &b.SecretNamePos}} {
		switch v := n.Get(part.key); {
		case v == nil:
			p.errs.Add(n.Pos, "a binding has binding, store_id and secret_name", "the binding lacks %q", part.key)
			ok = false
		case v.Kind != syntax.String:
			p.errs.Add(v.Pos, "", "%q must be a string, not %s", part.key, v.Kind)
			ok = false
		default:
			*part.to, *part.pos = v.Text, v.Pos
		}
	}
	if ok && !identifier.MatchString(b.Binding) {
		p.errs.Add(b.BindingPos, "letters, digits, _ and $, not beginning with a digit", "binding %q is no name that a Worker could use", b.Binding)
		ok = false
	}
	return b, ok
}
