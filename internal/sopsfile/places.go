package sopsfile

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/getsops/sops/v3/cmd/sops/formats"
	"github.com/secretsync/secretsync/internal/syntax"
)

// places are where the values of a file stand, by path. They serve messages
// alone: what cannot be found is reported for the file as a whole.
type places map[string]syntax.Pos

func pathKey(path []string) string { return strings.Join(path, "\x00") }

func (p places) of(name string, path []string) syntax.Pos {
	for n := len(path); n > 0; n-- {
		if pos, ok := p[pathKey(path[:n])]; ok {
			return pos
		}
	}
	return syntax.Pos{File: name}
}

func (f *File) findPlaces() places {
	p := places{}
	switch f.format {
	case formats.Yaml, formats.Json:
		format := syntax.YAML
		if f.format == formats.Json {
			format = syntax.JSON
		}
		if root, err := syntax.Parse(f.name, f.data, format); err == nil {
			p.walk(root, nil)
		}
	case formats.Dotenv, formats.Ini:
		p.lines(f.name, f.data)
	}
	return p
}

func (p places) walk(n *syntax.Node, path []string) {
	if len(path) > 0 {
		p[pathKey(path)] = n.Pos
	}
	for _, field := range n.Fields {
		p.walk(field.Value, append(path[:len(path):len(path)], field.Key))
	}
	for i, item := range n.Items {
		p.walk(item, append(path[:len(path):len(path)], strconv.Itoa(i)))
	}
}

// lines reads KEY=VALUE lines and [SECTION] lines.
func (p places) lines(name string, data []byte) {
	var section []string
	number := 0
	for line := range bytes.Lines(data) {
		number++
		text := strings.TrimSpace(string(line))
		if strings.HasPrefix(text, "[") && strings.HasSuffix(text, "]") {
			section = []string{text[1 : len(text)-1]}
			continue
		}
		key, value, ok := strings.Cut(string(line), "=")
		if !ok {
			continue
		}
		indent := len(value) - len(strings.TrimLeft(value, " \t"))
		path := append(section[:len(section):len(section)], strings.TrimSpace(key))
		p[pathKey(path)] = syntax.Pos{File: name, Line: number, Column: utf8.RuneCountInString(key) + 2 + indent}
	}
}
