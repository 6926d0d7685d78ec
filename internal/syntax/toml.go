package syntax

import (
	"bytes"
	"errors"
	"strings"

	gotoml "github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
	"github.com/secretsync/secretsync/internal/position"
)

// toml reads a TOML document. go-toml's parser supplies the expressions and texts, with their
// places. What they define is joined here, because go-toml's decoder takes a time that grows with
// the square of the number of keys; the decoder checks the numbers and dates (docs/findings.md §7).
func (p *parser) toml() *Node {
	t := &tomlReader{parser: p, empty: true}
	t.root = t.table(position.Position{File: p.src.name, Line: 1, Column: 1}, byHeader)
	if !t.read() || p.partly || t.conflicting || !t.checkNumbers() {
		return nil
	}
	if t.empty {
		p.empty()
		return nil
	}
	return t.root.node
}

// tomlReader is the state while a TOML document is read.
type tomlReader struct {
	*parser
	ast         unstable.Parser
	root        *tomlTable
	start       int    // the offset of the expression
	empty       bool   // there was no expression
	conflicting bool   // something is defined in two ways
	numbers     []span // and dates
}

// read reads the whole document. It returns false if it cannot be parsed.
func (t *tomlReader) read() bool {
	t.ast.Reset(t.src.data)
	table := t.root
	for !t.partly && t.ast.NextExpression() { // on past mistakes, to find them all
		e := t.ast.Expression()
		first := e.Key()
		first.Next()
		t.start, t.empty = int(first.Node().Raw.Offset), false
		switch e.Kind {
		case unstable.Table:
			table = t.header(e)
		case unstable.ArrayTable:
			table = t.listHeader(e)
		case unstable.KeyValue:
			t.keyValue(table, e, 1)
		}
	}
	if err := t.ast.Error(); err != nil {
		t.unparsed(err)
		return false
	}
	return true
}

// unparsed rewords an error of go-toml's parser, which quotes the document.
func (t *tomlReader) unparsed(err error) {
	at := len(t.src.data)
	var pe *unstable.ParserError
	if errors.As(err, &pe) && len(pe.Highlight) > 0 {
		at = int(t.ast.Range(pe.Highlight).Offset)
	}
	why := "something unexpected, or something missing before it; text needs quotes"
	if pe != nil && strings.Contains(pe.Message, "escape") {
		why = badEscape
	}
	t.syntaxError(t.src.pos(at), why)
}

// header reads a [table], and returns it.
func (t *tomlReader) header(e *unstable.Node) *tomlTable {
	k := t.follow(t.root, e, byHeaders, 1)
	table := k.table()
	switch {
	case k.found < 0:
		return t.define(k, byHeader)
	case table == nil || table.by == byHeader:
		return t.again(k)
	case table.by != byHeaders:
		return t.conflict(k)
	}
	table.by = byHeader
	return table
}

// listHeader reads a [[table]], and returns it.
func (t *tomlReader) listHeader(e *unstable.Node) *tomlTable {
	k := t.follow(t.root, e, byHeaders, 1)
	list := k.table()
	switch {
	case k.found < 0:
		list = t.define(k, asList)
		list.node.Kind = List
	case list == nil || list.by != asList:
		return t.conflict(k)
	}
	list.last = t.table(k.pos, byHeader)
	list.node.Items = append(list.node.Items, list.last.node)
	return list.last
}

// keyValue reads a key and its value into a table.
func (t *tomlReader) keyValue(table *tomlTable, e *unstable.Node, depth int) {
	k := t.follow(table, e, byKeys, depth)
	if t.partly {
		return
	}
	// A list has no range of its own: it starts behind the '='.
	rest := t.src.data[k.end:]
	value := t.value(e.Value(), t.src.pos(k.end+len(rest)-len(bytes.TrimLeft(rest, " \t="))), k.depth+1)
	switch there := k.table(); {
	case k.found < 0:
		k.in.add(k, value, nil)
	case there == nil || there.by == byHeader:
		t.again(k)
	default:
		t.conflict(k)
	}
}

// value reads a value. at is the position of the value, or of the list that contains it.
func (t *tomlReader) value(v *unstable.Node, at position.Position, depth int) *Node {
	n := t.node(at)
	kind, raw := tomlKinds[v.Kind], span{int(v.Raw.Offset), int(v.Raw.Offset + v.Raw.Length)}
	n.Kind = kind
	if (kind == Map || kind == List) && t.tooDeep(at, depth) {
		return n
	}
	if kind != List {
		n.Pos = t.src.pos(raw.offset)
	}
	switch kind {
	case List:
		for it := v.Children(); !t.partly && it.Next(); {
			n.Items = append(n.Items, t.value(it.Node(), at, depth+1))
		}
	case Map:
		table := &tomlTable{node: n}
		for it := v.Children(); !t.partly && it.Next(); {
			t.keyValue(table, it.Node(), depth+1)
		}
	case String:
		n.Text = string(v.Data)
	default:
		n.Text = string(t.src.data[raw.offset:raw.end])
		if kind != Bool {
			t.numbers = append(t.numbers, raw)
		}
	}
	return n
}

var tomlKinds = map[unstable.Kind]Kind{
	unstable.Array: List, unstable.InlineTable: Map, unstable.String: String, unstable.Bool: Bool,
	unstable.Integer: Int, unstable.Float: Float,
	unstable.LocalDate: Time, unstable.LocalTime: Time, unstable.LocalDateTime: Time, unstable.DateTime: Time,
}

// checkNumbers has go-toml's decoder check the numbers and dates, in one list with one a line. It
// returns false if one is wrong.
func (t *tomlReader) checkNumbers() bool {
	text := []byte("numbers = [\n")
	for _, n := range t.numbers {
		text = append(append(text, t.src.data[n.offset:n.end]...), ",\n"...)
	}
	err := gotoml.Unmarshal(append(text, ']'), new(struct{ Numbers []any }))
	if err == nil {
		return true
	}
	at := 0
	var de *gotoml.DecodeError
	if errors.As(err, &de) {
		row, column := de.Position() // in bytes, from 1
		n := t.numbers[min(max(row-2, 0), len(t.numbers)-1)]
		at = min(n.offset+column-1, n.end)
	}
	t.syntaxError(t.src.pos(at), translate(err.Error(), tomlReasons)) // the error quotes the document
	return false
}

const (
	outOfRange = "a number that is out of range"
	notDate    = "not a date or a time"
)

var tomlReasons = []reason{
	{"out of range", outOfRange},
	{"too large", outOfRange},
	{"date", notDate},
	{"time", notDate},
	{"hour", notDate},
	{"minutes", notDate},
	{"seconds", notDate},
	{"digit", notDate},
}
