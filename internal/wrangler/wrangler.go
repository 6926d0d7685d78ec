// Package wrangler reads which secrets of the Secrets Store a Worker binds, from
// wrangler.toml, wrangler.json and wrangler.jsonc, and writes such bindings.
//
// Call [Parse]; [Edit] and [Correct] change a file in place and leave everything else in
// it as it is, comments too; [Format] is the block to paste. Files are given as bytes: none is
// opened here. Whatever else they hold is ignored, and never a mistake.
package wrangler

import (
	"bytes"
	"iter"
	"path/filepath"
	"regexp"
	"slices"

	"github.com/secretsync/secretsync/internal/charset"
	"github.com/secretsync/secretsync/internal/hexid"
	"github.com/secretsync/secretsync/internal/position"
	"github.com/secretsync/secretsync/internal/syntax"
	"github.com/tailscale/hujson"
)

// section is the key of bindings, at the top level and in every environment, which inherits
// none (docs/cloudflare-api.md §9), and in the previews of both.
const section = "secrets_store_secrets"

// Config is a Worker's configuration.
type Config struct {
	// File is its name, as it was given.
	File string
	// Name is the Worker's name; it may be empty.
	Name string
	// Pages is the position of pages_build_output_dir, which only a Pages project has; zero for a
	// Worker.
	Pages position.Position
	// Environments are the top level, whose name is empty, and the environments under env. Each is
	// followed by its previews, if they bind something.
	Environments []Environment
}

// Environment is a part of the configuration that is deployed as a Worker of its own.
type Environment struct {
	Name string
	// Pos is where the file names it; the file for the top level.
	Pos position.Position
	// Previews says that it is what wrangler preview gives to the environment's previews,
	// in place of its own bindings.
	Previews bool
	// Forgotten says that it binds nothing, without an empty list that would say so, while the
	// top level, whose bindings it does not inherit, binds something.
	Forgotten bool
	// WorkerName and AccountID are the values in effect, the account's id in lower case; they may
	// be empty.
	WorkerName, AccountID string
	Bindings              []Binding
	// Names are all that its env has already: of these bindings, others and variables.
	Names []string
}

// Binds reports whether there is a binding of that name.
func (e Environment) Binds(name string) bool {
	return slices.ContainsFunc(e.Bindings, func(b Binding) bool { return b.Binding == name })
}

// Has reports whether there is an environment of that name; empty is the top level.
func (c *Config) Has(env string) bool {
	return slices.ContainsFunc(c.Environments, func(e Environment) bool { return e.Name == env })
}

// Bindings returns the bindings of all environments, each with its environment.
func (c *Config) Bindings() iter.Seq2[Environment, Binding] {
	return func(yield func(Environment, Binding) bool) {
		for _, env := range c.Environments {
			for _, b := range env.Bindings {
				if !yield(env, b) {
					return
				}
			}
		}
	}
}

// PagesError says that the configuration belongs to a Pages project, which cannot bind secrets of
// the Secrets Store; nil for a Worker.
func (c *Config) PagesError() error {
	if c.Pages.IsZero() {
		return nil
	}
	return syntax.ErrorList{pagesMistake(c.Pages)}
}

// Binding gives a Worker a secret.
type Binding struct {
	// Binding is the name in the Worker's env.
	Binding             string
	StoreID, SecretName string
	// Unsafe is set for a binding under unsafe.bindings: wrangler uploads it, and wrangler dev
	// ignores it.
	Unsafe bool
	// Pos is of the whole binding; the others are of its parts.
	Pos, BindingPos, StoreIDPos, SecretNamePos position.Position
}

// same reports whether two bindings have the same content, whatever their positions.
func (b Binding) same(o Binding) bool {
	return b.Binding == o.Binding && b.StoreID == o.StoreID && b.SecretName == o.SecretName
}

// Rule is the rule of the mistakes in a configuration, except those in its syntax.
const Rule = "wrangler"

// Parse reads a configuration. It returns the mistakes in the bindings. The configuration has the
// correct bindings, and is nil if the file cannot be read at all.
func Parse(file string, data []byte) (*Config, []*syntax.Error) {
	root, mistakes := tree(file, data)
	if len(mistakes) > 0 {
		return nil, mistakes
	}
	p := &parser{pages: keyPos(root, "pages_build_output_dir")}
	defer func() { p.errs.Tag(Rule, 0) }()
	c := &Config{File: file, Name: p.text(root, "name"), Pages: p.pages}
	top := Environment{
		Pos: position.Position{File: file}, WorkerName: c.Name, AccountID: p.account(root), Bindings: p.bindings(root), Names: names(root),
	}
	shared := p.previews(root)
	c.add(top, shared)
	if envs := root.Get("env"); envs != nil && envs.Kind == syntax.Map {
		for _, f := range envs.Fields {
			if f.Value.Kind != syntax.Map {
				continue // wrangler reports it
			}
			e := Environment{Name: f.Key, Pos: f.Pos, WorkerName: p.text(f.Value, "name"), AccountID: p.account(f.Value)}
			if e.WorkerName == "" && c.Name != "" { // as wrangler names it
				e.WorkerName = c.Name + "-" + f.Key
			}
			if e.AccountID == "" {
				e.AccountID = top.AccountID
			}
			e.Bindings, e.Names = p.bindings(f.Value), names(f.Value)
			e.Forgotten = len(top.Bindings) > 0 && len(e.Bindings) == 0 && !declares(f.Value, top.Bindings)
			previews := shared // inherited, unlike bindings
			if f.Value.Get("previews") != nil {
				previews = p.previews(f.Value)
			}
			c.add(e, previews)
		}
	}
	return c, p.errs.Sorted()
}

// declares reports whether an environment has a list, if an empty one, where the top level
// binds.
func declares(n *syntax.Node, top []Binding) bool {
	return n.Get(section) != nil ||
		n.Get("unsafe").Get("bindings") != nil && !slices.ContainsFunc(top, func(b Binding) bool { return !b.Unsafe })
}

// add adds an environment and what its previews bind.
func (c *Config) add(e Environment, previews []Binding) {
	c.Environments = append(c.Environments, e)
	if len(previews) > 0 {
		e.Previews, e.Forgotten, e.Bindings, e.Names = true, false, previews, nil
		c.Environments = append(c.Environments, e)
	}
}

// tree parses a file by its extension.
func tree(file string, data []byte) (*syntax.Node, []*syntax.Error) {
	if bad := notConfig(file); bad != nil {
		return nil, []*syntax.Error{bad}
	}
	format := syntax.JSON
	if filepath.Ext(file) == ".toml" {
		format = syntax.TOML
		if blankTOML.Match(data) { // of a Worker that has only the defaults
			return &syntax.Node{Kind: syntax.Map, Pos: position.Position{File: file, Line: 1, Column: 1}}, nil
		}
	} else if len(data) <= syntax.MaxSize { // what is larger is refused below
		bare := bytes.TrimPrefix(bytes.Clone(data), []byte(charset.BOM))
		if plain, err := hujson.Standardize(bare); err == nil { // comments become blanks, so that positions hold
			data = plain
		} // else the error below has the better words
	}
	root, mistakes := syntax.Parse(file, data, format)
	if len(mistakes) > 0 {
		return nil, mistakes
	}
	if root.Kind != syntax.Map {
		mistakes = []*syntax.Error{{Pos: root.Pos, What: "a wrangler configuration must be a map, not " + root.Kind.String(), Rule: Rule}}
	}
	return root, mistakes
}

// blankTOML is a file with nothing but comments.
var blankTOML = regexp.MustCompile(`^\x{feff}?\s*(#[^\n]*\s*)*$`)

// names collects the names that an environment defines in env: whatever is called a binding, and the
// names of Durable Objects, variables, files, and secrets that the Worker requires. Other
// environments and previews are left out.
func names(n *syntax.Node) []string {
	var found []string
	for _, f := range n.Fields {
		switch {
		case f.Key == "env", f.Key == "previews":
		case slices.Contains([]string{"vars", "wasm_modules", "text_blobs", "data_blobs"}, f.Key):
			for _, v := range f.Value.Fields {
				found = append(found, v.Key)
			}
		case f.Key == "secrets":
			if required := f.Value.Get("required"); required != nil {
				for _, item := range required.Items {
					found = append(found, item.Text)
				}
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

// previews are the bindings of an environment's previews.
func (p *parser) previews(n *syntax.Node) []Binding {
	if v := n.Get("previews"); v != nil && v.Kind == syntax.Map {
		return p.bindings(v)
	}
	return nil
}

// account is the account_id of a part, in lower case.
func (p *parser) account(n *syntax.Node) string {
	id, _ := hexid.Parse(p.text(n, "account_id"))
	return id
}

// keyPos is the position of a key of a map, or zero.
func keyPos(n *syntax.Node, key string) position.Position {
	for _, f := range n.Fields {
		if f.Key == key {
			return f.Pos
		}
	}
	return position.Position{}
}

// text is a string, or empty: for what wrangler checks itself.
func (p *parser) text(n *syntax.Node, key string) string {
	if v := n.Get(key); v != nil && v.Kind == syntax.String {
		return v.Text
	}
	return ""
}
