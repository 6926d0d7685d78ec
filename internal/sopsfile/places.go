package sopsfile

import (
	"bytes"
	"cmp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/getsops/sops/v3/cmd/sops/formats"
	"github.com/secretsync/secretsync/internal/position"
	"github.com/secretsync/secretsync/internal/sopstext"
	"github.com/secretsync/secretsync/internal/syntax"
)

// checkSyntax finds mistakes with their positions before SOPS reads the file, and
// bounds its depth: SOPS recurses without a limit, and nothing can recover from a
// stack overflow.
func (f *File) checkSyntax() error {
	if conflicts := f.conflicts(); len(conflicts) > 0 {
		return &Error{Malformed, conflicts}
	}
	var mistakes []*syntax.Error
	limits := syntax.Limits{Size: len(f.data), Entries: maxEntries}
	switch f.format {
	case formats.Yaml:
		f.root, mistakes = limits.ParseFullYAML(f.name, f.data)
	case formats.Json, formats.Binary:
		f.root, mistakes = limits.Parse(f.name, f.data, syntax.JSON)
	default:
		return f.checkLines()
	}
	switch {
	case len(mistakes) > 0 && f.format == formats.Binary && !sopstext.Encrypted(f.data): // SOPS would have made it JSON
		return f.notSOPS()
	case len(mistakes) > 0:
		return &Error{Malformed, mistakes}
	case f.root.Kind != syntax.Map:
		return fail(Malformed, f.root.Pos, "SOPS files are maps", "is %s", f.root.Kind)
	}
	if meta := f.root.Get("sops"); meta == nil || meta.Kind != syntax.Map {
		return f.notSOPS()
	}
	return nil
}

// conflicts finds what git leaves when two branches change a file: for a SOPS file
// that is always, since both change its MAC (docs/sops.md §2).
func (f *File) conflicts() (mistakes syntax.ErrorList) {
	for _, at := range syntax.ConflictMarkers(f.data) {
		line := 1 + bytes.Count(f.data[:at], []byte("\n"))
		mistakes.Add(position.Position{File: f.name, Line: line, Column: 1},
			"keep one side as it is, and make the other side's changes again with "+f.command("edit"), "an unresolved git conflict")
	}
	return mistakes
}

// checkLines checks dotenv and INI files. Their metadata has nested keys flattened
// into one, which SOPS unfolds recursively.
func (f *File) checkLines() error {
	const maxDepth = 100
	if bytes.Count(f.data, []byte("\n")) > maxLines {
		return fail(Malformed, f.whole(), "split it", "has more than %d lines", maxLines)
	}
	number := 0
	for line := range bytes.Lines(f.data) {
		number++
		at := position.Position{File: f.name, Line: number, Column: 1}
		line = bytes.TrimSuffix(line, []byte("\n"))
		switch {
		case bytes.Count(line, []byte("__map_"))+bytes.Count(line, []byte("__list_")) > maxDepth:
			return fail(Malformed, at, "", "nested more than %d levels deep", maxDepth)
		case f.format == formats.Dotenv && isCRLF(line):
			return f.lineEnds(at)
		case f.format == formats.Dotenv && string(line) == "\r": // SOPS writes no empty lines
			if !sopstext.Encrypted(f.data) {
				return f.notSOPS()
			}
			return f.lineEnds(at)
		case f.format == formats.Dotenv && number == 1 && isMarkedComment(line):
			return fail(Malformed, at, saveUnmarked, "a byte order mark, which SOPS takes for a part of the line")
		case f.format == formats.Dotenv && len(line) > 0 && line[0] != '#' && !bytes.Contains(line, []byte("=")):
			return fail(Malformed, at, "SOPS has a value on one line, with \\n in it", "a line that is not KEY=VALUE")
		}
	}
	return nil
}

// whole is the position of what concerns a file as a whole.
func (f *File) whole() position.Position { return position.Position{File: f.name} }

// position is where a value is, or the last known position on the way to it.
func (f *File) position(path []string) position.Position {
	switch {
	case f.part || len(path) == 0:
		return f.whole()
	case f.format == formats.Binary:
		return position.Position{File: f.name, Line: 1, Column: 1}
	case f.root != nil:
		return f.nodePosition(path)
	}
	if pos, ok := f.linePosition(path); ok {
		return pos
	}
	return f.whole()
}

func (f *File) nodePosition(path []string) position.Position {
	n, pos := f.root, f.whole()
	for _, key := range path {
		i, err := strconv.Atoi(key)
		switch {
		case n.Kind == syntax.Map:
			n = f.node(n, key)
		case n.Kind == syntax.List && err == nil && i >= 0 && i < len(n.Items):
			n = n.Items[i]
		default:
			n = nil
		}
		if n == nil {
			break
		}
		pos = n.Pos
	}
	return pos
}

// dotenvColumn is the key of a line KEY=VALUE, and where the value begins, or 0.
func dotenvColumn(line string) (key string, column int) {
	key, _, ok := strings.Cut(line, "=")
	if !ok {
		return "", 0
	}
	return key, utf8.RuneCountInString(key) + 2
}

// iniColumn is the key of a line "key = value" in a section, and where the value begins, or 0, and
// the section of the next line. SOPS calls lines before the first section's DEFAULT.
func iniColumn(line, section string) (k lineKey, column int, next string) {
	if text := strings.TrimSpace(line); strings.HasPrefix(text, "[") && strings.HasSuffix(text, "]") {
		return k, 0, text[1 : len(text)-1]
	}
	i := strings.IndexAny(line, "=:")
	if i < 0 {
		return k, 0, section
	}
	k = lineKey{cmp.Or(section, "DEFAULT"), strings.TrimSpace(line[:i])}
	value := strings.TrimLeft(line[i+1:], " \t")
	return k, utf8.RuneCountInString(line[:len(line)-len(value)]) + 1, section
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
