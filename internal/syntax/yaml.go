package syntax

import (
	"bytes"
	"errors"
	"io"
	"sort"
	"strings"

	"github.com/secretsync/secretsync/internal/position"
	"gopkg.in/yaml.v3"
)

// yaml reads a YAML document through the library's nodes, which it neither
// resolves nor expands (docs/findings.md §7).
func (p *parser) yaml() *Node {
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
	return p.yamlNode(docs[0].Content[0], 1)
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
	n := &Node{Pos: p.yamlPos(y)}
	p.yamlRefuse(y)
	switch y.Kind {
	case yaml.MappingNode:
		n.Kind = Map
		if !p.tooDeep(n.Pos, depth) {
			p.yamlFields(n, y, depth)
		}
	case yaml.SequenceNode:
		n.Kind = List
		if !p.tooDeep(n.Pos, depth) {
			for _, item := range y.Content {
				n.Items = append(n.Items, p.yamlNode(item, depth+1))
			}
		}
	case yaml.ScalarNode:
		n.Kind, n.Text = yamlScalar(y)
	default: // an alias, which was refused
		n.Kind = Refused
	}
	return n
}

func (p *parser) yamlFields(n *Node, y *yaml.Node, depth int) {
	seen := map[string]position.Position{}
	for i := 0; i+1 < len(y.Content); i += 2 {
		k, pos := y.Content[i], p.yamlPos(y.Content[i])
		p.yamlRefuse(k)
		value := p.yamlNode(y.Content[i+1], depth+1)
		switch first, again := seen[k.Value]; {
		case k.ShortTag() == "!!merge":
			p.errs.Add(pos, "write the fields out", "merge keys (<<) are not supported")
		case k.Kind == yaml.AliasNode: // refused above
		case k.Kind != yaml.ScalarNode || k.ShortTag() != "!!str":
			p.errs.Add(pos, "put it in quotes", "a key that is not a string")
		case again:
			p.duplicate(k.Value, pos, first)
		default:
			seen[k.Value] = pos
			n.Fields = append(n.Fields, Field{k.Value, pos, value})
		}
	}
}

// yamlRefuse reports what YAML has and the other formats have not.
func (p *parser) yamlRefuse(y *yaml.Node) {
	pos := p.yamlPos(y)
	switch {
	case y.Kind == yaml.AliasNode:
		p.errs.Add(pos, "write the content out", "YAML aliases are not supported")
	case y.Anchor != "":
		p.errs.Add(pos, "write the content out where it is used", "YAML anchors are not supported")
	case y.Style&yaml.TaggedStyle != 0 && y.ShortTag() != "!!str":
		p.errs.Add(pos, "only !!str may be given", "a YAML tag")
	}
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
	{"found unknown escape character", "an unknown escape in a text in double quotes"},
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

// yamlError rewords an error of the library. The library reports the
// start of what it was reading, if anything, so the line is searched for: it is
// the first one up to which the file has this error.
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
