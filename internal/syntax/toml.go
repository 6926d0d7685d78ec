package syntax

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
	gotoml "github.com/pelletier/go-toml/v2"
	"github.com/secretsync/secretsync/internal/position"
)

// toml reads a TOML document. BurntSushi's library supplies the values, but keeps no positions
// and accepts some documents that TOML forbids. go-toml does both: its parser, which goes first
// because its depth can be limited, and its decoder (docs/findings.md §7).
func (p *parser) toml() *Node {
	root := &place{key: position.Position{File: p.src.name, Line: 1, Column: 1},
		value: position.Position{File: p.src.name, Line: 1, Column: 1}}
	if !p.tomlPlaces(root) {
		return nil
	}
	text := p.withoutDuplicates()
	if err := gotoml.Unmarshal([]byte(text), new(map[string]any)); err != nil {
		p.tomlRefused(text, err)
		return nil
	}
	var values map[string]any
	if _, err := toml.Decode(text, &values); err != nil {
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

// tomlRefused rewords an error of go-toml, which quotes keys and values.
func (p *parser) tomlRefused(text string, err error) {
	at := 0
	var de *gotoml.DecodeError
	if errors.As(err, &de) {
		row, column := de.Position() // in bytes, from 1
		for line := range strings.Lines(text) {
			if row--; row == 0 {
				at += min(column-1, len(line))
				break
			}
			at += len(line)
		}
	}
	p.syntaxError(p.src.pos(p.offset(at)), translate(err.Error(), tomlReasons))
}

// tomlError rewords an error of BurntSushi's library, which quotes keys and values.
func (p *parser) tomlError(err error) {
	pos := position.Position{File: p.src.name, Line: 1, Column: 1}
	var pe toml.ParseError
	if errors.As(err, &pe) {
		pos = p.src.pos(p.offset(pe.Position.Start))
	}
	p.syntaxError(pos, translate(pe.Message, tomlReasons))
}

const (
	isDefined  = "a key or table that is defined already"
	outOfRange = "a number that is out of range"
	notDate    = "not a date or a time"
)

// tomlReasons are reasons of both libraries.
var tomlReasons = []reason{
	{"already", isDefined},
	{"should be a table", isDefined},
	{"out of range", outOfRange},
	{"too large", outOfRange},
	{"escape", "an unknown escape in a string"},
	{"date", notDate},
	{"time", notDate},
	{"hour", notDate},
	{"minutes", notDate},
	{"seconds", notDate},
	{"digit", notDate},
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
