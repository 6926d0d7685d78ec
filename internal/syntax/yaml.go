package syntax

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"sort"
	"strings"

	"github.com/secretsync/secretsync/internal/position"
	"gopkg.in/yaml.v3"
)

// yaml reads a YAML document through the library's nodes, which it neither
// resolves nor expands (docs/findings.md §7).
func (p *parser) yaml() *Node {
	if p.manyDirectives() {
		return nil
	}
	docs, err := yamlDocuments(p.src.data)
	switch {
	case err != nil:
		p.yamlError(err)
		return nil
	case len(docs) == 0:
		p.empty()
		return nil
	case len(docs) > 1:
		p.errs.Add(p.yamlPos(docs[1]), "one file holds one", "a second YAML document")
	}
	root := p.yamlNode(docs[0].Content[0], 1)
	p.yamlShared()
	return root
}

// manyDirectives reports a document that begins with more lines of directives than any needs:
// the time that the library takes grows with their square.
func (p *parser) manyDirectives() bool {
	const most = 100
	offset, count := 0, 0
	for line := range bytes.Lines(p.src.data) {
		switch {
		case bytes.HasPrefix(line, []byte("---")):
			return false
		case bytes.HasPrefix(line, []byte("%")):
			count++
		}
		if count > most {
			p.errs.Add(p.src.pos(offset), "", "more than %d YAML directives", most)
			return true
		}
		offset += len(line)
	}
	return false
}

// yamlDocuments reads the documents up to the second, which is one too many.
func yamlDocuments(data []byte) (docs []*yaml.Node, err error) {
	for dec := yaml.NewDecoder(bytes.NewReader(data)); len(docs) < 2; {
		var doc yaml.Node
		if err := dec.Decode(&doc); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, err
		}
		docs = append(docs, &doc)
	}
	return docs, nil
}

func (p *parser) yamlPos(n *yaml.Node) position.Position {
	return position.Position{File: p.src.name, Line: max(n.Line, 1), Column: max(n.Column, 1)}
}

func (p *parser) yamlNode(y *yaml.Node, depth int) *Node {
	n := p.node(p.yamlPos(y))
	n.Anchored = y.Anchor != "" && !p.full
	p.yamlRefuse(y)
	if len(p.within) > 0 && !p.mayExpand(n.Pos) {
		return n
	}
	switch y.Kind {
	case yaml.MappingNode:
		n.Kind = Map
		if !p.tooDeep(n.Pos, depth) {
			p.yamlFields(n, y, depth)
		}
	case yaml.SequenceNode:
		n.Kind = List
		if !p.tooDeep(n.Pos, depth) {
			n.Items = make([]*Node, 0, len(y.Content))
			for _, item := range y.Content {
				n.Items = append(n.Items, p.yamlNode(item, depth+1))
			}
		}
	case yaml.ScalarNode:
		n.Kind, n.Text = yamlScalar(y)
	case yaml.AliasNode:
		return p.yamlAlias(n, y, depth)
	}
	for _, f := range n.Fields {
		n.Anchored = n.Anchored || f.Value.Anchored
	}
	for _, item := range n.Items {
		n.Anchored = n.Anchored || item.Anchored
	}
	return n
}

// yamlAlias returns the node that an alias refers to. If aliases are refused, it returns n, since
// a mistake in the content is reported at the anchor.
func (p *parser) yamlAlias(n *Node, y *yaml.Node, depth int) *Node {
	switch {
	case !p.full:
		return n
	case slices.Contains(p.within, y.Alias):
		p.errs.Add(n.Pos, "write the content out", "a YAML alias that contains itself")
		p.partly = true
		return n
	}
	p.within = append(p.within, y.Alias)
	defer func() { p.within = p.within[:len(p.within)-1] }()
	return p.yamlNode(y.Alias, depth)
}

// maxAliased bounds the nodes that are read through aliases, since a few aliases can refer to any
// number of nodes.
const maxAliased = 100_000

// mayExpand counts a node that is read through an alias.
func (p *parser) mayExpand(pos position.Position) bool {
	if p.aliased++; p.aliased == maxAliased {
		p.errs.Add(pos, "write the content out", "YAML aliases stand for more than %d values", maxAliased)
		p.partly = true
	}
	return p.aliased < maxAliased
}

func (p *parser) yamlFields(n *Node, y *yaml.Node, depth int) {
	var seen keyIndex
	n.Fields = make([]Field, 0, len(y.Content)/2)
	var merged []*yaml.Node
	for i := 0; i+1 < len(y.Content); i += 2 {
		k, pos := y.Content[i], p.yamlPos(y.Content[i])
		merge := k.ShortTag() == "!!merge"
		if p.full && k.Kind == yaml.AliasNode {
			k = k.Alias
		}
		if !merge {
			p.yamlRefuse(k)
		}
		value := p.yamlNode(y.Content[i+1], depth+1)
		switch first := seen.find(n.Fields, k.Value); {
		case merge && !p.full:
			p.shared = append(p.shared, pos)
			merged = append(merged, y.Content[i+1])
		case k.Kind == yaml.AliasNode: // refused above
		case k.Kind != yaml.ScalarNode || k.ShortTag() != "!!str" && !merge:
			p.errs.Add(pos, "put it in quotes", "a key that is not a string")
		case first >= 0:
			p.duplicate(k.Value, pos, n.Fields[first].Pos)
		default:
			n.Fields = append(n.Fields, Field{k.Value, pos, value})
		}
	}
	for _, m := range merged {
		p.yamlMerge(n, &seen, m, 1)
	}
}

// yamlMerge gives n the keys that a refused merge key would merge, with values that were refused,
// so that n does not seem to lack them.
func (p *parser) yamlMerge(n *Node, seen *keyIndex, y *yaml.Node, depth int) {
	if p.aliased++; p.aliased > maxAliased || depth > maxDepth {
		return
	}
	switch y.Kind {
	case yaml.AliasNode:
		p.yamlMerge(n, seen, y.Alias, depth+1)
	case yaml.SequenceNode:
		for _, item := range y.Content {
			p.yamlMerge(n, seen, item, depth+1)
		}
	case yaml.MappingNode:
		for i := 0; i+1 < len(y.Content); i += 2 {
			k, pos := y.Content[i], p.yamlPos(y.Content[i])
			if k.ShortTag() == "!!merge" {
				p.yamlMerge(n, seen, y.Content[i+1], depth+1)
			} else if k.Kind == yaml.ScalarNode && seen.find(n.Fields, k.Value) < 0 {
				n.Fields = append(n.Fields, Field{k.Value, pos, &Node{Pos: pos}})
			}
		}
	}
}

// yamlRefuse reports features of YAML that the other formats lack. Anchors and aliases are
// collected for [parser.yamlShared].
func (p *parser) yamlRefuse(y *yaml.Node) {
	pos := p.yamlPos(y)
	switch {
	case p.full:
	case y.Kind == yaml.AliasNode || y.Anchor != "":
		p.shared = append(p.shared, pos)
	case y.Style&yaml.TaggedStyle != 0 && y.ShortTag() != "!!str":
		p.errs.Add(pos, "only !!str may be given", "a YAML tag")
	}
}

// yamlShared reports anchors, aliases and merge keys: once, since each of them is there for
// the others.
func (p *parser) yamlShared() {
	if len(p.shared) == 0 {
		return
	}
	hint := "write the content out where it is used"
	switch more := len(p.shared) - 1; more {
	case 0:
	case 1:
		hint += "; 1 more place has one"
	default:
		hint += fmt.Sprintf("; %d more places have one", more)
	}
	slices.SortFunc(p.shared, position.Position.Compare)
	p.errs.Add(p.shared[0], hint, "YAML anchors, aliases and merge keys (&, *, <<) are not supported")
}

func yamlScalar(y *yaml.Node) (Kind, string) {
	switch y.ShortTag() {
	case "!!null":
		return Null, ""
	case "!!bool":
		return Bool, strings.ToLower(y.Value)
	case "!!int":
		return Int, y.Value
	case "!!float":
		return Float, y.Value
	case "!!timestamp":
		return Time, y.Value
	}
	return String, y.Value
}

const badDirective = "an unknown directive; text that begins with % needs quotes"

var yamlReasons = []reason{
	{"found character that cannot start any token", "a tab or a reserved character (@, `, %) where a value begins; use spaces, or quotes"},
	{"could not find expected ':'", "expected ':' and a space after a key"},
	{"mapping values are not allowed in this context", "a ':' in the wrong place: wrong indentation, or a text with ': ' that needs quotes"},
	{"did not find expected key", "wrong indentation, or a text that needs quotes"},
	{"did not find expected '-' indicator", "expected '- ' before a list's item; check the indentation"},
	{"did not find expected ',' or ']'", "expected ',' or ']' in a list"},
	{"did not find expected ',' or '}'", "expected ',' or '}' in a map"},
	{"did not find expected node content", "expected a value"},
	{"block sequence entries are not allowed in this context", "a list's '- ' in the wrong place"},
	{"mapping keys are not allowed in this context", "a '? ' in the wrong place"},
	{"found unexpected end of stream", "a quoted text has no closing quote"},
	{"found unexpected document indicator", "a line of --- or ... inside a quoted text"},
	{"found unknown escape character", badEscape},
	{"did not find expected hexdecimal number", badEscape},
	{"found a tab character", "a tab where spaces are expected"},
	{"did not find expected <document start>", "text after the end of the document, or a directive without --- below it"},
	{"did not find expected alphabetic or numeric character", "an anchor (&) or alias (*) without a name; text that begins so needs quotes"},
	{"indentation indicator", "a block of text (| or >) with a wrong indentation indicator"},
	{"did not find expected comment or line break", "text behind |, > or a directive, where only a comment may stand"},
	{"did not find expected whitespace or line break", "a tag (!) that is not followed by a space; text that begins so needs quotes"},
	{"found incompatible YAML document", "a %YAML directive; remove the line: the file is read as YAML 1.2, as far as yaml.v3 knows it"},
	{"could not find expected directive name", badDirective},
	{"found unknown directive name", badDirective},
	{"undefined tag handle", "an undefined tag"},
	{"exceeded max depth", "nested too deep"},
	{"unknown anchor", "an alias without an anchor; aliases are not supported"},
}

// yamlError rewords an error of the library. At best the library reports the line
// at which it started reading the faulty part, so the line is searched for: it is the
// first line up to which the file has this error.
func (p *parser) yamlError(err error) {
	why := translate(err.Error(), yamlReasons)
	ends := append(p.src.lines[1:], len(p.src.data))
	line := sort.Search(len(ends)-1, func(i int) bool {
		_, err := yamlDocuments(p.src.data[:ends[i]])
		return err != nil && translate(err.Error(), yamlReasons) == why
	})
	start := p.src.lines[line]
	text := p.src.data[start:ends[line]]
	p.syntaxError(p.src.pos(start+len(text)-len(bytes.TrimLeft(text, " "))), why)
}
