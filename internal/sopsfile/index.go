package sopsfile

import (
	"strings"

	"github.com/getsops/sops/v3/cmd/sops/formats"
	"github.com/secretsync/secretsync/internal/position"
	"github.com/secretsync/secretsync/internal/syntax"
)

// indexed is a value of the encrypted tree whose children are found by their keys: a file may have
// thousands of values, and each is looked up.
type indexed struct {
	value any
	all   []child
	below []*indexed     // for each child
	at    map[string]int // the first child with a key
	twice map[string]bool
	// exported has the keys that a dotenv file has as "export KEY", as a shell reads it: for SOPS,
	// the word is a part of the key (docs/sops.md §2).
	exported map[string]string
}

// indexed returns the tree, indexed when it is first called.
func (f *File) indexed() *indexed {
	f.indexOnce.Do(func() { f.index = newIndexed(f.tree.Branches[0]) })
	return f.index
}

func newIndexed(v any) *indexed {
	x := &indexed{value: v, all: children(v)}
	if len(x.all) == 0 {
		return x
	}
	x.at, x.twice, x.exported = make(map[string]int, len(x.all)), map[string]bool{}, map[string]string{}
	for i, c := range x.all {
		x.below = append(x.below, newIndexed(c.value))
		if _, again := x.at[c.key]; again {
			x.twice[c.key] = true
			continue
		}
		x.at[c.key] = i
		if name, ok := cutExport(c.key); ok && x.exported[name] == "" {
			x.exported[name] = c.key
		}
	}
	return x
}

// lineKey is where a line of a dotenv or INI file has its value. A dotenv file has no sections.
type lineKey struct{ section, key string }

// linePosition is the position of a value in a dotenv or INI file.
func (f *File) linePosition(path []string) (position.Position, bool) {
	f.linesOnce.Do(f.indexLines)
	var k lineKey
	switch {
	case f.format == formats.Dotenv && len(path) == 1:
		k.key = path[0]
	case f.format != formats.Dotenv && len(path) == 2:
		k = lineKey{path[0], path[1]}
	default:
		return position.Position{}, false
	}
	pos, ok := f.lines[k]
	return pos, ok
}

func (f *File) indexLines() {
	f.lines = map[lineKey]position.Position{}
	number, section := 0, ""
	for line := range strings.Lines(string(f.data)) {
		number++
		var k lineKey
		column := 0
		if f.format == formats.Dotenv {
			k.key, column = dotenvColumn(line)
		} else {
			k, column, section = iniColumn(line, section)
		}
		if _, again := f.lines[k]; column > 0 && !again {
			f.lines[k] = position.Position{File: f.name, Line: number, Column: column}
		}
	}
}

// node returns the value of a map's key in the document, or nil.
func (f *File) node(n *syntax.Node, key string) *syntax.Node {
	f.nodesOnce.Do(func() {
		f.nodes = map[*syntax.Node]map[string]*syntax.Node{}
		f.indexNodes(f.root)
	})
	return f.nodes[n][key]
}

func (f *File) indexNodes(n *syntax.Node) {
	if len(n.Fields) > 0 {
		fields := make(map[string]*syntax.Node, len(n.Fields))
		for _, field := range n.Fields {
			if fields[field.Key] == nil {
				fields[field.Key] = field.Value
				f.indexNodes(field.Value)
			}
		}
		f.nodes[n] = fields
	}
	for _, item := range n.Items {
		f.indexNodes(item)
	}
}
