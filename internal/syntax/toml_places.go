package syntax

import (
	"bytes"
	"errors"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
	"github.com/secretsync/secretsync/internal/position"
)

// place is where one value of a TOML document stands.
type place struct {
	key, value position.Position
	order      int    // among its siblings
	raw        string // of a scalar, as written
	explicit   bool   // defined as a whole, by a value or a [table]
	fields     map[string]*place
	items      []*place
}

// field returns the place of a map's field, which the first mention creates.
func (pl *place) field(key string, pos position.Position) *place {
	f := pl.fields[key]
	if f == nil {
		if pl.fields == nil {
			pl.fields = map[string]*place{}
		}
		f = &place{key: pos, value: pos, order: len(pl.fields)}
		pl.fields[key] = f
	}
	return f
}

// item returns the place of a list's item.
func (pl *place) item(i int) *place {
	for len(pl.items) <= i {
		pl.items = append(pl.items, &place{key: pl.value, value: pl.value})
	}
	return pl.items[i]
}

// tomlPlaces fills root with the places of the whole document, of which those of keys that
// are given again are no part. It returns false where the document cannot be read.
func (p *parser) tomlPlaces(root *place) bool {
	ast := &unstable.Parser{}
	ast.Reset(p.src.data)
	table := root
	for !p.partly && ast.NextExpression() { // on past duplicates, to find them all
		switch e := ast.Expression(); e.Kind {
		case unstable.Table:
			table = p.tomlKey(root, e, 1).define(p)
		case unstable.ArrayTable:
			k := p.tomlKey(root, e, 1)
			table = &place{key: k.pos, value: k.pos}
			k.at.items = append(k.at.items, table)
		case unstable.KeyValue:
			p.tomlField(table, e, 1)
		}
	}
	if err := ast.Error(); err != nil {
		at := len(p.src.data)
		var pe *unstable.ParserError
		if errors.As(err, &pe) && len(pe.Highlight) > 0 {
			at = int(ast.Range(pe.Highlight).Offset)
		}
		why := "something unexpected, or something missing before it; text needs quotes"
		if pe != nil && strings.Contains(pe.Message, "escape") {
			why = badEscape
		}
		p.syntaxError(p.src.pos(at), why)
		return false
	}
	return !p.partly
}

// dotted is a dotted key that was followed to its end.
type dotted struct {
	at    *place
	last  string            // the key's last part
	pos   position.Position // of that part
	start int               // its offset
	end   int               // offset behind it
	depth int
}

// tomlKey follows a dotted key from a table. Through a list of tables it goes by
// the last one.
func (p *parser) tomlKey(from *place, e *unstable.Node, depth int) dotted {
	k := dotted{at: from, depth: depth}
	for it := e.Key(); it.Next(); k.depth++ {
		if n := len(k.at.items); n > 0 {
			k.at = k.at.items[n-1]
		}
		raw := it.Node().Raw
		k.last, k.pos = string(it.Node().Data), p.src.pos(int(raw.Offset))
		k.start, k.end = int(raw.Offset), int(raw.Offset+raw.Length)
		k.at = k.at.field(k.last, k.pos)
		if p.tooDeep(k.pos, k.depth) || p.tooMany(k.pos) {
			return k
		}
	}
	return k
}

// maxTOMLKeys is how many keys a document may have, each part of a dotted key counted: the
// time that go-toml takes grows with their square.
const maxTOMLKeys = 10_000

// tooMany counts a key.
func (p *parser) tooMany(pos position.Position) bool {
	if p.keys++; p.keys == maxTOMLKeys+1 {
		p.errs.Add(pos, "use YAML or JSON", "more than %d keys, which is too many for TOML", maxTOMLKeys)
		p.partly = true
	}
	return p.partly
}

// define marks what the key names as defined here, which may be done once: a second time
// it returns a place that is no part of the document.
func (k dotted) define(p *parser) *place {
	if k.at.explicit {
		p.duplicate(k.last, k.pos, k.at.key)
		p.again = append(p.again, span{k.start, k.end})
		return &place{key: k.pos, value: k.pos, explicit: true}
	}
	k.at.explicit = true
	return k.at
}

func (p *parser) tomlField(table *place, e *unstable.Node, depth int) {
	k := p.tomlKey(table, e, depth)
	at := k.define(p)
	// A list has no range of its own: it starts behind the '='.
	rest := p.src.data[k.end:]
	at.value = p.src.pos(k.end + len(rest) - len(bytes.TrimLeft(rest, " \t=")))
	p.tomlValue(at, e.Value(), k.depth)
}

func (p *parser) tomlValue(at *place, v *unstable.Node, depth int) {
	if list, table := v.Kind == unstable.Array, v.Kind == unstable.InlineTable; (list || table) && p.tooDeep(at.value, depth) {
		return
	}
	switch v.Kind {
	case unstable.Array:
		for i, it := 0, v.Children(); it.Next(); i++ {
			p.tomlValue(at.item(i), it.Node(), depth+1)
		}
	case unstable.InlineTable:
		at.value = p.src.pos(int(v.Raw.Offset))
		for it := v.Children(); !p.partly && it.Next(); {
			p.tomlField(at, it.Node(), depth+1)
		}
	default:
		at.value = p.src.pos(int(v.Raw.Offset))
		at.raw = string(p.src.data[v.Raw.Offset : v.Raw.Offset+v.Raw.Length])
	}
}
