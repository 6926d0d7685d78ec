// Package wrangler reads which secrets of the Secrets Store a Worker binds, from
// wrangler.toml, wrangler.json and wrangler.jsonc, and writes such bindings.
//
// Call [Parse]; [Edit] changes a file in place and leaves everything else in it as it
// is, comments too; [Format] is the block to paste. Files are given as bytes: none is
// opened here. What else is in them is nobody's business here, and no mistake.
package wrangler

import (
	"bytes"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/secretsync/secretsync/internal/syntax"
	"github.com/tailscale/hujson"
)

// section is the key that bindings stand under, at the top level and in every
// environment, which inherits none (CLOUDFLARE_API.md 9).
const section = "secrets_store_secrets"

// Config is a Worker's configuration.
type Config struct {
	// File is its name, as it was given.
	File string
	// Name is the Worker's name; it may be empty.
	Name string
	// Environments are the top level, whose name is empty, and those under env.
	Environments []Environment
}

// Environment is a part of the configuration that is deployed as a Worker of its own.
type Environment struct {
	Name string
	// WorkerName and AccountID are as they hold for it; they may be empty.
	WorkerName, AccountID string
	Bindings              []Binding
	// Names are all that its env has already: of these bindings, others and variables.
	Names []string
}

// Has reports whether there is an environment of that name; empty is the top level.
func (c *Config) Has(env string) bool {
	return slices.ContainsFunc(c.Environments, func(e Environment) bool { return e.Name == env })
}

// Binding gives a Worker a secret.
type Binding struct {
	// Binding is the name in the Worker's env.
	Binding             string
	StoreID, SecretName string
	// Pos is of the whole binding; the others are of its parts.
	Pos, BindingPos, StoreIDPos, SecretNamePos syntax.Pos
}

// same reports whether two bindings say the same, wherever they stand.
func (b Binding) same(o Binding) bool {
	return b.Binding == o.Binding && b.StoreID == o.StoreID && b.SecretName == o.SecretName
}

// Parse reads a configuration. Its error is a [syntax.ErrorList] of what is wrong with
// the bindings; the configuration has those that are right. It is nil where the file
// cannot be read at all.
func Parse(file string, data []byte) (*Config, error) {
	root, err := tree(file, data)
	if err != nil {
		return nil, err
	}
	p := &parser{}
	c := &Config{File: file, Name: p.text(root, "name")}
	account := p.text(root, "account_id")
	c.Environments = append(c.Environments, Environment{WorkerName: c.Name, AccountID: account, Bindings: p.bindings(root), Names: names(root)})
	if envs := root.Get("env"); envs != nil && envs.Kind == syntax.Map {
		for _, f := range envs.Fields {
			if f.Value.Kind != syntax.Map {
				continue // wrangler tells
			}
			e := Environment{Name: f.Key, WorkerName: p.text(f.Value, "name"), AccountID: p.text(f.Value, "account_id")}
			if e.WorkerName == "" && c.Name != "" { // as wrangler names it
				e.WorkerName = c.Name + "-" + f.Key
			}
			if e.AccountID == "" {
				e.AccountID = account
			}
			e.Bindings, e.Names = p.bindings(f.Value), names(f.Value)
			c.Environments = append(c.Environments, e)
		}
	}
	return c, p.errs.Err()
}

// bom is what some editors put before the text.
const bom = "\xef\xbb\xbf"

// tree parses a file by its extension.
func tree(file string, data []byte) (*syntax.Node, error) {
	format := syntax.JSON
	switch filepath.Ext(file) {
	case ".toml":
		format = syntax.TOML
		if blankTOML.Match(data) { // of a Worker that has only the defaults
			return &syntax.Node{Kind: syntax.Map, Pos: syntax.Pos{File: file, Line: 1, Column: 1}}, nil
		}
	case ".json", ".jsonc":
		if len(data) <= syntax.MaxSize { // what is larger is refused below
			bare := bytes.TrimPrefix(bytes.Clone(data), []byte(bom))
			if plain, err := hujson.Standardize(bare); err == nil { // comments become blanks, so that positions hold
				data = plain
			} // else the error below has the better words
		}
	default:
		return nil, syntax.ErrorList{{Pos: syntax.Pos{File: file}, What: "not a wrangler configuration by its name", Hint: "want .toml, .json or .jsonc"}}
	}
	root, err := syntax.Parse(file, data, format)
	if err != nil {
		return nil, err
	}
	if root.Kind != syntax.Map {
		err = syntax.ErrorList{{Pos: root.Pos, What: "a wrangler configuration must be a map, not " + root.Kind.String()}}
	}
	return root, err
}

// blankTOML is a file with nothing but comments.
var blankTOML = regexp.MustCompile(`^\x{feff}?\s*(#[^\n]*\s*)*$`)

// names gathers what an environment puts into env: whatever is called a binding, the
// names of Durable Objects, and variables. Other environments are left out.
func names(n *syntax.Node) []string {
	var found []string
	for _, f := range n.Fields {
		switch {
		case f.Key == "env":
		case f.Key == "vars":
			for _, v := range f.Value.Fields {
				found = append(found, v.Key)
			}
		case (f.Key == "binding" || f.Key == "name") && f.Value.Kind == syntax.String:
			found = append(found, f.Value.Text)
		default:
			found = append(found, names(f.Value)...)
		}
	}
	for _, item := range n.Items {
		found = append(found, names(item)...)
	}
	return found
}

type parser struct{ errs syntax.ErrorList }

// text is a string, or empty: for what wrangler checks itself.
func (p *parser) text(n *syntax.Node, key string) string {
	if v := n.Get(key); v != nil && v.Kind == syntax.String {
		return v.Text
	}
	return ""
}

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
	seen := map[string]syntax.Pos{}
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
		pos *syntax.Pos
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

// Formats are what [Format] writes.
var Formats = []string{"toml", "jsonc", "types"}

// Format writes bindings as a block for an environment of wrangler.toml or wrangler.jsonc,
// or as the TypeScript type of env.
func Format(format, env string, bindings []Binding) (string, error) {
	var b strings.Builder
	switch format {
	case "toml":
		for i, x := range bindings {
			if i > 0 {
				b.WriteString("\n")
			}
			b.WriteString(tomlTable(tomlKey(env), x, "\n"))
		}
	case "jsonc":
		if env != "" {
			fmt.Fprintf(&b, "// under \"env\": {%s: {\n", quoted(env))
		}
		fmt.Fprintf(&b, "%s: [\n", quoted(section))
		for i, x := range bindings {
			comma := ","
			if i == len(bindings)-1 {
				comma = ""
			}
			b.WriteString("  " + jsonObject(x) + comma + "\n")
		}
		b.WriteString("]\n")
	case "types":
		b.WriteString("interface Env {\n")
		for _, x := range bindings {
			fmt.Fprintf(&b, "  %s: SecretsStoreSecret;\n", x.Binding)
		}
		b.WriteString("}\n")
	default:
		return "", fmt.Errorf("format %q is none of %s", format, strings.Join(Formats, ", "))
	}
	return b.String(), nil
}

// bareKey is a TOML key that needs no quotes.
var bareKey = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

// tomlKey is the section of an environment.
func tomlKey(env string) string {
	switch {
	case env == "":
		return section
	case !bareKey.MatchString(env):
		env = quoted(env)
	}
	return "env." + env + "." + section
}

func tomlTable(key string, x Binding, newline string) string {
	return strings.Join([]string{
		"[[" + key + "]]", "binding = " + quoted(x.Binding), "store_id = " + quoted(x.StoreID), "secret_name = " + quoted(x.SecretName), "",
	}, newline)
}

func tomlInline(x Binding) string {
	return fmt.Sprintf("{ binding = %s, store_id = %s, secret_name = %s }", quoted(x.Binding), quoted(x.StoreID), quoted(x.SecretName))
}

func jsonObject(x Binding) string {
	return fmt.Sprintf(`{ "binding": %s, "store_id": %s, "secret_name": %s }`, quoted(x.Binding), quoted(x.StoreID), quoted(x.SecretName))
}
