package wrangler

import (
	"regexp"

	"github.com/secretsync/secretsync/internal/position"
	"github.com/secretsync/secretsync/internal/syntax"
)

// parser gathers the mistakes in a configuration.
type parser struct {
	errs syntax.ErrorList
	// pages is where the file says that it belongs to a Pages project; zero for a Worker.
	pages position.Position
}

// bindings returns the bindings of one part of the file: under secrets_store_secrets, and bindings
// of the same type under unsafe.bindings. wrangler uploads both alike.
func (p *parser) bindings(n *syntax.Node) []Binding {
	var found []Binding
	seen := map[string]position.Position{}
	add := func(b Binding, ok bool) {
		if !ok {
			return
		}
		if first, twice := seen[b.Binding]; twice {
			p.errs.Add(b.BindingPos, "", "binding %q is there already, at %s", b.Binding, first)
			return
		}
		seen[b.Binding] = b.BindingPos
		found = append(found, b)
	}
	for _, item := range p.items(n) {
		add(p.binding(item, "binding"))
	}
	for _, item := range p.unsafeItems(n) {
		b, ok := p.binding(item, "name")
		b.Unsafe = true
		add(b, ok)
	}
	return found
}

// items are the entries of secrets_store_secrets.
func (p *parser) items(n *syntax.Node) []*syntax.Node {
	list := n.Get(section)
	switch {
	case list == nil:
	case list.Kind != syntax.List:
		p.errs.Add(list.Pos, "", "%q must be a list, not %s", section, list.Kind)
	case !p.pages.IsZero() && len(list.Items) > 0:
		p.errs = append(p.errs, pagesMistake(keyPos(n, section)))
	default:
		return list.Items
	}
	return nil
}

// unsafeType is the type of a binding of the Secrets Store in Cloudflare's API, which
// unsafe.bindings names.
const unsafeType = "secrets_store_secret"

// unsafeItems are the entries of unsafe.bindings that bind secrets of the Secrets Store.
// wrangler reports what else is wrong there.
func (p *parser) unsafeItems(n *syntax.Node) []*syntax.Node {
	list := n.Get("unsafe").Get("bindings")
	if list == nil {
		return nil
	}
	var found []*syntax.Node
	for _, item := range list.Items {
		switch {
		case p.text(item, "type") != unsafeType:
		case !p.pages.IsZero():
			p.errs = append(p.errs, pagesMistake(item.Pos))
		default:
			found = append(found, item)
		}
	}
	return found
}

func pagesMistake(at position.Position) *syntax.Error {
	return &syntax.Error{
		Pos: at, What: "a Pages project (pages_build_output_dir) cannot bind secrets of the Secrets Store",
		Hint: "wrangler refuses to deploy it like this; a Worker with static assets can bind them", Rule: Rule,
	}
}

// identifier is what a name in env can be.
var identifier = regexp.MustCompile(`^[A-Za-z_$][A-Za-z0-9_$]*$`)

// binding reads a binding whose name in env is under nameKey.
func (p *parser) binding(n *syntax.Node, nameKey string) (Binding, bool) {
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
	}{{nameKey, &b.Binding, &b.BindingPos}, {"store_id", &b.StoreID, &b.StoreIDPos}, {"secret_name", &b.SecretName, &b.SecretNamePos}} {
		switch v := n.Get(part.key); {
		case v == nil:
			p.errs.Add(n.Pos, "a binding has "+nameKey+", store_id and secret_name", "the binding lacks %q", part.key)
			ok = false
		case v.Kind != syntax.String:
			p.errs.Add(v.Pos, "", "%q must be a string, not %s", part.key, v.Kind)
			ok = false
		default:
			*part.to, *part.pos = v.Text, v.Pos
		}
	}
	if ok && !identifier.MatchString(b.Binding) {
		p.errs.Add(b.BindingPos, "letters, digits, _ and $, not beginning with a digit",
			"%q is not a valid binding name", b.Binding)
		ok = false
	}
	return b, ok
}
