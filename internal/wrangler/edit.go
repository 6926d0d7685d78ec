package wrangler

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/secretsync/secretsync/internal/position"
	"github.com/secretsync/secretsync/internal/syntax"
)

// ErrLayout says that a file is written in a way that cannot be edited in place.
var ErrLayout = errors.New("its layout cannot be edited in place")

// Edit gives an environment of a configuration the wanted bindings: existing ones get the
// wanted store_id and secret_name, and the others are added at the end. Bindings of other
// names, and every other byte, stay as they are. The error is a [syntax.ErrorList] if the
// configuration has mistakes.
func Edit(file string, data []byte, env string, want []Binding) ([]byte, error) {
	config, mistakes := Parse(file, data)
	if len(mistakes) > 0 {
		return nil, syntax.ErrorList(mistakes)
	}
	i := slices.IndexFunc(config.Environments, func(e Environment) bool { return e.Name == env })
	if i < 0 {
		return nil, fmt.Errorf("%s has no environment %q", file, env)
	}
	e := &editor{file: file, data: data, env: env, newline: "\n", toml: filepath.Ext(file) == ".toml"}
	if bytes.Contains(data, []byte("\r\n")) {
		e.newline = "\r\n"
	}
	var add []Binding
	for _, w := range want {
		j := slices.IndexFunc(config.Environments[i].Bindings, func(b Binding) bool { return b.Binding == w.Binding })
		if j < 0 {
			add = append(add, w)
			continue
		}
		have := config.Environments[i].Bindings[j]
		e.setText(have.StoreIDPos, have.StoreID, w.StoreID)
		e.setText(have.SecretNamePos, have.SecretName, w.SecretName)
	}
	e.add(add)
	edited := e.result()
	if !has(file, edited, env, want) {
		return nil, fmt.Errorf("%s: %w", file, ErrLayout)
	}
	return edited, nil
}

// has reads back what an edit wrote.
func has(file string, data []byte, env string, want []Binding) bool {
	config, mistakes := Parse(file, data)
	if len(mistakes) > 0 {
		return false
	}
	for _, e := range config.Environments {
		if e.Name != env {
			continue
		}
		for _, w := range want {
			if !slices.ContainsFunc(e.Bindings, w.same) {
				return false
			}
		}
		return true
	}
	return false
}

// editor gathers changes to a file, by the offsets in it.
type editor struct {
	file, env string
	data      []byte
	newline   string
	toml      bool
	splices   []splice
}

// splice replaces data[from:to] by text.
type splice struct {
	from, to int
	text     string
}

func (e *editor) result() []byte {
	slices.SortStableFunc(e.splices, func(x, y splice) int { return x.from - y.from })
	var out []byte
	at := 0
	for _, s := range e.splices {
		if s.from < at {
			continue // overlapping: what is read back will not be what was wanted
		}
		out = append(append(out, e.data[at:s.from]...), s.text...)
		at = s.to
	}
	return append(out, e.data[at:]...)
}

// setText replaces a string in the text.
func (e *editor) setText(pos position.Position, have, want string) {
	if have == want {
		return
	}
	from := syntax.Offset(e.data, pos)
	e.splices = append(e.splices, splice{from, e.afterString(from), quoted(want)})
}

// add appends bindings to the existing ones.
func (e *editor) add(bindings []Binding) {
	if len(bindings) == 0 {
		return
	}
	root, err := tree(e.file, e.data)
	if err != nil {
		return // Parse has read it
	}
	owner := root
	if e.env != "" {
		owner = root.Get("env").Get(e.env)
	}
	i := slices.IndexFunc(owner.Fields, func(f syntax.Field) bool { return f.Key == section })
	switch {
	case i >= 0 && e.at(owner.Fields[i].Value.Pos) == '[' && !e.inHeader(owner.Fields[i].Pos):
		e.addItems(syntax.Offset(e.data, owner.Fields[i].Value.Pos), bindings)
	case e.toml && (e.at(owner.Pos) == '{' || e.at(envPos(root)) == '{'):
		// Inline tables cannot be added to.
	case e.toml:
		e.addTables(bindings)
	default:
		e.addMember(syntax.Offset(e.data, owner.Pos), bindings)
	}
}

func envPos(root *syntax.Node) position.Position {
	if env := root.Get("env"); env != nil {
		return env.Pos
	}
	return root.Pos
}

func (e *editor) at(pos position.Position) byte {
	if at := syntax.Offset(e.data, pos); at < len(e.data) {
		return e.data[at]
	}
	return 0
}

// inHeader reports whether a TOML key is in a line like [[key]].
func (e *editor) inHeader(pos position.Position) bool {
	at := syntax.Offset(e.data, pos)
	line := bytes.LastIndexByte(e.data[:at], '\n') + 1
	return e.toml && bytes.HasPrefix(bytes.TrimLeft(e.data[line:at], " \t"), []byte("["))
}

// addItems inserts bindings at the end of the list that opens at an offset.
func (e *editor) addItems(open int, bindings []Binding) {
	item := jsonObject
	if e.toml {
		item = tomlInline
	}
	items := make([]string, len(bindings))
	for i, b := range bindings {
		items[i] = item(b)
	}
	e.addAll(open, items)
}

// addMember inserts the section at the end of the JSON object that opens at an offset.
func (e *editor) addMember(open int, bindings []Binding) {
	last, _ := e.closing(open)
	indent, ok := e.indentOf(last, open)
	if !ok {
		indent = "  "
	}
	step := "  "
	if strings.HasPrefix(indent, "\t") {
		step = "\t"
	}
	text := quoted(section) + ": ["
	for i, b := range bindings {
		if i > 0 {
			text += ","
		}
		text += e.newline + indent + step + jsonObject(b)
	}
	e.addAll(open, []string{text + e.newline + indent + "]"})
}

// addAll inserts items at the end of the list or object that opens at an offset: on lines
// of their own where the last one has one, so that a comment behind it stays with it.
func (e *editor) addAll(open int, items []string) {
	last, end := e.closing(open)
	comma := ","
	if last == open || e.data[last] == ',' {
		comma = ""
	}
	indent, lines := e.indentOf(last, open)
	line := bytes.LastIndexByte(e.data[:end], '\n') + 1
	switch blank := len(bytes.TrimLeft(e.data[line:end], " \t")) == 0; {
	case lines && blank && line > last:
		e.splices = append(e.splices, splice{last + 1, last + 1, comma},
			splice{line, line, indent + strings.Join(items, ","+e.newline+indent) + e.newline})
	case last == open:
		e.splices = append(e.splices, splice{last + 1, last + 1, strings.Join(items, ", ")})
	default:
		e.splices = append(e.splices, splice{last + 1, last + 1, comma + " " + strings.Join(items, ", ")})
	}
}

// addTables appends TOML tables to the file.
func (e *editor) addTables(bindings []Binding) {
	var text strings.Builder
	if len(e.data) > 0 && !bytes.HasSuffix(e.data, []byte("\n")) {
		text.WriteString(e.newline)
	}
	for _, b := range bindings {
		text.WriteString(e.newline + tomlTable(tomlKey(e.env), b, e.newline))
	}
	e.splices = append(e.splices, splice{len(e.data), len(e.data), text.String()})
}

// indentOf returns the white space before the last item of a list or object, if that item has
// a line of its own.
func (e *editor) indentOf(last, open int) (string, bool) {
	start := e.lastItem(open)
	if start <= open || start > last {
		return "", false
	}
	line := bytes.LastIndexByte(e.data[:start], '\n') + 1
	if line <= open {
		return "", false
	}
	indent := e.data[line:start]
	return string(indent), len(bytes.TrimLeft(indent, " \t")) == 0
}
