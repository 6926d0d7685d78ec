package syntax

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
	"github.com/secretsync/secretsync/internal/position"
)

// toml reads a TOML document. BurntSushi's library judges it and supplies the
// values, but keeps no positions; those come from the other one's parser
// (docs/findings.md §7). That one goes first, since it bounds how deep it descends.
func (p *parser) toml() *Node {
	root := &place{key: position.Position{File: p.src.name, Line: 1, Column: 1}, value: position.Position{File: p.src.name, Line: 1, Column: 1}}
	if !p.tomlPlaces(root) {
		return nil
	}
	var values map[string]any
	if _, err := toml.Decode(p.withoutDuplicates(), &values); err != nil {
		p.tomlError(err)
		return nil
	}
	if len(values) == 0 {
		p.empty()
		return nil
	}
	return tomlNode(values, root)
}

// dropped begins the names that keys get which are given again: their values are decoded,
// since they are part of the text, and left out.
const dropped = "secretsync-given-again-"

func isDropped(key string) bool { return strings.HasPrefix(key, dropped) }

// withoutDuplicates is the document with every key that was given already under another
// name. The library takes no such document, and with the first of them, as in YAML, all
// other mistakes can be reported in the same run.
func (p *parser) withoutDuplicates() string {
	var out strings.Builder
	at := 0
	for i, k := range p.again {
		out.Write(p.src.data[at:k.offset])
		fmt.Fprintf(&out, dropped+"%08d", i)
		at = k.end
	}
	out.Write(p.src.data[at:])
	return out.String()
}

// offset is where something of withoutDuplicates stands in the document.
func (p *parser) offset(changed int) int {
	const length = len(dropped) + 8
	for _, k := range p.again {
		switch {
		case changed <= k.offset:
			return changed
		case changed < k.offset+length:
			return k.offset
		}
		changed += k.end - k.offset - length
	}
	return changed
}

// tomlError rewords an error of the library, which quotes keys and values.
func (p *parser) tomlError(err error) {
	pos := position.Position{File: p.src.name, Line: 1, Column: 1}
	var pe toml.ParseError
	if errors.As(err, &pe) {
		pos = p.src.pos(p.offset(pe.Position.Start))
	}
	p.syntaxError(pos, translate(pe.Message, tomlReasons))
}

var tomlReasons = []reason{
	{"already", "a key or table that is defined already"},
	{"out of range", "a number that is out of range"},
	{"escape", "an unknown escape in a string"},
	{"datetime", "not a date"},
}

// tomlNode joins a value with its place.
func tomlNode(v any, at *place) *Node {
	n := &Node{Pos: at.value, Text: at.raw}
	switch v := v.(type) {
	case map[string]any:
		n.Kind, n.Text = Map, ""
		for key, value := range v {
			if isDropped(key) && at.fields[key] == nil {
				continue
			}
			f := at.field(key, at.value)
			n.Fields = append(n.Fields, Field{key, f.key, tomlNode(value, f)})
		}
		slices.SortFunc(n.Fields, func(a, b Field) int { return at.fields[a.Key].order - at.fields[b.Key].order })
	case []any:
		n.Kind, n.Text = List, ""
		for i, value := range v {
			n.Items = append(n.Items, tomlNode(value, at.item(i)))
		}
	case []map[string]any:
		n.Kind, n.Text = List, ""
		for i, value := range v {
			n.Items = append(n.Items, tomlNode(value, at.item(i)))
		}
	case string:
		n.Kind, n.Text = String, v
	case bool:
		n.Kind = Bool
	case int64:
		n.Kind = Int
	case float64:
		n.Kind = Float
	default:
		n.Kind = Time
	}
	return n
}
