package manifest

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"

	"github.com/secretsync/secretsync/internal/syntax"
	"github.com/secretsync/secretsync/internal/visible"
	"gopkg.in/yaml.v3"
)

// ErrLayout is the kind of the error about a manifest that [Insert] cannot edit in place.
var ErrLayout = errors.New("the manifest is written in a way that cannot be edited in place")

// Insertion is a secret for [Insert], whose value is in a SOPS file.
type Insertion struct {
	Label string
	// SOPS is the SOPS file, relative to the manifest's folder, and Key the value's key in it.
	SOPS, Key string
}

// Insert adds secrets to a store of a manifest, whose content is data, and returns the new
// content. The store may be one that the manifest does not describe yet. Every other byte stays
// as it is: comments, order and line ends. The content is read again before it is returned: an
// error is a [*LoadError] if it has mistakes, such as a secret that an included file describes.
func Insert(ctx context.Context, o Options, data []byte, store string, secrets []Insertion) ([]byte, error) {
	limits := o.withDefaults().limits()
	root, format, mistakes := parse(limits, o.File, data)
	if len(mistakes) > 0 {
		return nil, &LoadError{Mistakes: mistakes}
	}
	if isSealed(root) {
		return nil, &LoadError{Mistakes: []*Error{
			refused(ErrLayout, Position{File: o.File}, "", "the manifest is a SOPS file, which an edit in place would damage"),
		}}
	}
	if list := alreadyThere(root, store, secrets); len(list) > 0 {
		return nil, &LoadError{Mistakes: list}
	}
	e := inserter{data: data, format: format, newline: "\n"}
	if bytes.Contains(data, []byte("\r\n")) {
		e.newline = "\r\n"
	}
	edited := e.insert(root, store, secrets)
	again, _, mistakes := parse(limits, o.File, edited)
	if len(mistakes) > 0 || !again.Equal(withSecrets(root, store, secrets)) {
		return nil, &LoadError{Mistakes: []*Error{refused(ErrLayout, Position{File: o.File}, "", "%s", ErrLayout.Error())}}
	}
	if _, err := newLoader(o).load(ctx, edited); err != nil {
		return nil, err
	}
	return edited, nil
}

// alreadyThere reports secrets that the file has already, even if their condition is false.
func alreadyThere(root *syntax.Node, store string, secrets []Insertion) (mistakes []*Error) {
	in := root.Get("stores").Get(store).Get("secrets")
	if in == nil {
		return nil
	}
	added := map[string]bool{}
	for _, s := range secrets {
		added[s.Label] = true
	}
	for _, f := range in.Fields {
		if added[f.Key] {
			mistakes = append(mistakes, mistake(ruleSecret, f.Pos, "", "the secret %s is described already", syntax.QuoteKey(f.Key)))
		}
	}
	return mistakes
}

// inserter edits the content of a manifest.
type inserter struct {
	data    []byte
	format  syntax.Format
	newline string
}

func (e *inserter) insert(root *syntax.Node, store string, secrets []Insertion) []byte {
	if e.format == syntax.TOML {
		return e.appendTables(store, secrets)
	}
	// The innermost existing map on the way to the secrets, and the keys that are missing below it.
	in, missing := root, []string{"stores", store, "secrets"}
	for len(missing) > 0 {
		next := in.Get(missing[0])
		if next == nil || next.Kind != syntax.Map {
			break
		}
		in, missing = next, missing[1:]
	}
	at := syntax.Offset(e.data, in.Pos)
	if at < len(e.data) && e.data[at] == '{' {
		return e.insertFlow(at+1, in, missing, secrets)
	}
	return e.insertBlock(in, missing, secrets)
}

// appendTables adds a table for each secret at the end: in TOML, a table's place does not matter.
func (e *inserter) appendTables(store string, secrets []Insertion) []byte {
	out := e.endLine(e.data)
	for _, s := range secrets {
		out = append(out, e.newline+"[stores."+store+".secrets."+s.Label+"]"+e.newline+
			entry(e.format, "from", s.source())+e.newline...)
	}
	return out
}

// insertFlow adds the secrets at the beginning of a map in braces: in JSON, or in YAML.
func (e *inserter) insertFlow(at int, in *syntax.Node, missing []string, secrets []Insertion) []byte {
	lead, sep := "", ", "
	if len(in.Fields) > 0 { // one entry a line, if the others are
		if first := syntax.Offset(e.data, in.Fields[0].Pos); bytes.ContainsRune(e.data[at:first], '\n') {
			lead = string(e.data[at:first])
			sep = "," + lead
		}
	}
	var entries literalMap
	for _, s := range secrets {
		entries = append(entries, literalField{s.Label, literalMap{{"from", s.source()}}})
	}
	for _, key := range slices.Backward(missing) {
		entries = literalMap{{key, entries}}
	}
	var texts []string
	for _, added := range entries {
		texts = append(texts, entry(e.format, added.key, added.value))
	}
	text := strings.Join(texts, sep)
	switch {
	case lead != "":
		text = lead + text + ","
	case len(in.Fields) > 0:
		text += ", "
	}
	return slices.Concat(e.data[:at], []byte(text), e.data[at:])
}

// insertBlock adds the secrets at the end of a map of YAML that is written by indentation.
func (e *inserter) insertBlock(in *syntax.Node, missing []string, secrets []Insertion) []byte {
	first := syntax.Offset(e.data, in.Fields[0].Pos)
	indent := strings.Repeat(" ", in.Fields[0].Pos.Column-1)
	end := len(e.data)
	if indent != "" {
		end = e.endOfBlock(first, len(indent))
	}
	out := e.endLine(e.data[:end])
	for _, key := range missing {
		out = append(out, indent+word(e.format, key)+":"+e.newline...)
		indent += "  "
	}
	for _, s := range secrets {
		out = append(out, indent+word(e.format, s.Label)+":"+e.newline+
			indent+"  "+entry(e.format, "from", s.source())+e.newline...)
	}
	return append(out, e.data[end:]...)
}

// endOfBlock is the end of the last line that belongs to the map whose first key is at an
// offset: the last one, before one with less indentation, that is not blank.
func (e *inserter) endOfBlock(first, indent int) int {
	end := -1
	for at := first; at < len(e.data); {
		next := len(e.data)
		if i := bytes.IndexByte(e.data[at:], '\n'); i >= 0 {
			next = at + i + 1
		}
		line := e.data[at:next]
		blank := len(bytes.TrimSpace(line)) == 0
		if end >= 0 && !blank && len(line)-len(bytes.TrimLeft(line, " ")) < indent {
			break
		}
		if !blank {
			end = next
		}
		at = next
	}
	return end
}

// endLine returns a copy of the text that ends with a line end.
func (e *inserter) endLine(text []byte) []byte {
	out := slices.Clone(text)
	if len(out) > 0 && out[len(out)-1] != '\n' {
		out = append(out, e.newline...)
	}
	return out
}

// path is how a manifest writes the SOPS file's name.
func (s Insertion) path() string {
	return strings.ReplaceAll(filepath.ToSlash(s.SOPS), "${", "$${")
}

func (s Insertion) source() literal { return sopsSource(s.path(), s.Key) }

// withSecrets is the tree of a manifest with secrets added.
func withSecrets(root *syntax.Node, store string, secrets []Insertion) *syntax.Node {
	text := func(s string) *syntax.Node { return &syntax.Node{Kind: syntax.String, Text: s} }
	entries := &syntax.Node{Kind: syntax.Map}
	for _, s := range secrets {
		from := &syntax.Node{Kind: syntax.Map, Fields: []syntax.Field{{Key: "sops", Value: text(s.path())}, {Key: "key", Value: text(s.Key)}}}
		entries.Fields = append(entries.Fields,
			syntax.Field{Key: s.Label, Value: &syntax.Node{Kind: syntax.Map, Fields: []syntax.Field{{Key: "from", Value: from}}}})
	}
	return merged(root, []string{"stores", store, "secrets"}, entries)
}

// merged returns a map with the fields of another one added at a path.
func merged(n *syntax.Node, path []string, add *syntax.Node) *syntax.Node {
	out := &syntax.Node{Kind: syntax.Map}
	if n != nil {
		out.Fields = slices.Clone(n.Fields)
	}
	if len(path) == 0 {
		out.Fields = append(out.Fields, add.Fields...)
		return out
	}
	below := merged(n.Get(path[0]), path[1:], add)
	if i := slices.IndexFunc(out.Fields, func(f syntax.Field) bool { return f.Key == path[0] }); i >= 0 {
		out.Fields[i].Value = below
	} else {
		out.Fields = append(out.Fields, syntax.Field{Key: path[0], Value: below})
	}
	return out
}

// DraftStore is a store for [Draft]: Label is its name in the manifest, Name is the
// store's in Cloudflare where that is another one.
type DraftStore struct {
	Label, Name string
	Secrets     []DraftSecret
}

// DraftSecret is a secret that exists. A Comment of "" is none.
type DraftSecret struct {
	Label, Comment string
	Scopes         []string
}

// Draft writes a manifest in YAML of secrets that exist. With sops, the name of a SOPS
// file, each is taken over as it is and has its value there, under its own name;
// without, all are external, so that nothing is written to them.
func Draft(stores []DraftStore, sops string) ([]byte, error) {
	type source struct {
		SOPS foreign `yaml:"sops"`
		Key  foreign `yaml:"key"`
	}
	type secret struct {
		From     *source   `yaml:"from,omitempty,flow"`
		External bool      `yaml:"external,omitempty"`
		Scopes   []foreign `yaml:"scopes,omitempty,flow"`
		Comment  foreign   `yaml:"comment,omitempty"`
		Adopt    string    `yaml:"adopt,omitempty"`
	}
	type store struct {
		Name    foreign            `yaml:"name,omitempty"`
		Secrets map[foreign]secret `yaml:"secrets"`
	}
	doc := struct {
		Version int              `yaml:"version"`
		Stores  map[string]store `yaml:"stores"`
	}{1, map[string]store{}}
	for _, st := range stores {
		to := store{Name: foreign(strings.ReplaceAll(st.Name, "${", "$${")), Secrets: map[foreign]secret{}}
		for _, sec := range st.Secrets {
			s := secret{External: sops == "", Comment: foreign(strings.ReplaceAll(sec.Comment, "${", "$${"))}
			for _, scope := range sec.Scopes {
				s.Scopes = append(s.Scopes, foreign(scope))
			}
			if sops != "" {
				s.From, s.Adopt = &source{foreign(sops), foreign(sec.Label)}, "keep" // a name has no dots
			}
			to.Secrets[foreign(sec.Label)] = s
		}
		doc.Stores[st.Label] = to
	}
	var out bytes.Buffer
	enc := yaml.NewEncoder(&out)
	enc.SetIndent(2)
	if err := enc.Encode(doc); err != nil {
		return nil, err
	}
	return visible.YAML(out.Bytes()), enc.Close()
}

// foreign is a text from Cloudflare. If it could hide something from the manifest's
// reviewer, or control a CI runner that prints it, it is written in double quotes, so that
// it can be escaped.
type foreign string

// MarshalYAML implements yaml.Marshaler.
func (f foreign) MarshalYAML() (any, error) {
	if visible.Text(string(f)) == string(f) {
		return string(f), nil
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: string(f), Style: yaml.DoubleQuotedStyle}, nil
}
