package syntax

import (
	"github.com/pelletier/go-toml/v2/unstable"
	"github.com/secretsync/secretsync/internal/position"
)

// definition is how a table of TOML came to be, which decides what may be added to it.
type definition int

const (
	byValue   definition = iota // as an inline table: nothing may be added
	byKeys                      // on the way of a dotted key: other dotted keys and headers may add to it
	byHeaders                   // on the way of a header: it may get a header of its own
	byHeader                    // by its [header]
	asList                      // by [[headers]]: a list of tables
)

// tomlTable is a table, or a list of tables, that the document defines.
type tomlTable struct {
	node  *Node
	by    definition
	index keyIndex
	parts []*tomlTable // those of the node's fields that are tables; nil for other values
	last  *tomlTable   // of a list
}

// table returns a new table.
func (t *tomlReader) table(pos position.Position, by definition) *tomlTable {
	n := t.node(pos)
	n.Kind = Map
	return &tomlTable{node: n, by: by}
}

// add adds what a key names, which is not there yet. part is nil for a complete value.
func (t *tomlTable) add(k tomlKey, value *Node, part *tomlTable) {
	if part != nil {
		for len(t.parts) < len(t.node.Fields) {
			t.parts = append(t.parts, nil)
		}
		t.parts = append(t.parts, part)
	}
	t.node.Fields = append(t.node.Fields, Field{k.name, k.pos, value})
}

// tomlKey is a key that was followed up to its last part.
type tomlKey struct {
	in    *tomlTable        // which the last part belongs to
	name  string            // the last part
	pos   position.Position // of the last part
	end   int               // the offset behind it
	depth int
	found int // its index in the table, or -1
}

// table is the table that the key names, or nil.
func (k tomlKey) table() *tomlTable {
	if k.found < 0 || k.found >= len(k.in.parts) {
		return nil
	}
	return k.in.parts[k.found]
}

// follow follows the key of an expression from a table on. Tables on the way that are not there yet
// are defined as via says.
func (t *tomlReader) follow(in *tomlTable, e *unstable.Node, via definition, depth int) tomlKey {
	for it := e.Key(); ; depth++ {
		it.Next()
		part := it.Node()
		offset, end := int(part.Raw.Offset), int(part.Raw.Offset+part.Raw.Length)
		k := tomlKey{in: in, name: string(part.Data), pos: t.src.pos(offset), end: end, depth: depth}
		k.found = in.index.find(in.node.Fields, k.name)
		if t.tooDeep(k.pos, depth) || it.IsLast() {
			return k
		}
		in = t.enter(k, via)
	}
}

// enter returns the table that a part of a key names which is not the last one. Through a list of
// tables the way goes by the last one.
func (t *tomlReader) enter(k tomlKey, via definition) *tomlTable {
	table := k.table()
	switch {
	case k.found < 0:
		return t.define(k, via)
	case table == nil || via == byKeys && table.by != byKeys:
		return t.conflict(k)
	case table.by == asList:
		return table.last
	}
	return table
}

// define adds a new table.
func (t *tomlReader) define(k tomlKey, by definition) *tomlTable {
	table := t.table(k.pos, by)
	k.in.add(k, table.node, table)
	return table
}

// again reports a key that is given again, and returns a table outside the document.
func (t *tomlReader) again(k tomlKey) *tomlTable {
	t.duplicate(k.name, k.pos, k.in.node.Fields[k.found].Pos)
	return t.table(k.pos, byHeader)
}

// conflict reports that the expression adds to something that is complete, or defines something in
// another way. It returns a table outside the document.
func (t *tomlReader) conflict(k tomlKey) *tomlTable {
	t.syntaxError(t.src.pos(t.start), "a key or table that is defined already")
	t.conflicting = true
	return t.table(k.pos, byKeys)
}
