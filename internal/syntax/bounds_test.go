package syntax

import (
	"fmt"
	"strings"
	"testing"
)

// The libraries take a time that grows with the square of some parts of a document: it is
// refused before it gets to them. A document of this size took minutes.
func TestTooManyParts(t *testing.T) {
	for name, c := range map[string]struct {
		line   string
		most   int
		format Format
		want   string
	}{
		"tables":        {"[a.k%d]\n", maxTOMLKeys / 2, TOML, "more than 10000 keys, which is too many for TOML (use YAML or JSON)"},
		"keys":          {"k%d = 1\n", maxTOMLKeys, TOML, "more than 10000 keys"},
		"dotted keys":   {"a.b.c.k%d = 1\n", maxTOMLKeys / 4, TOML, "more than 10000 keys"},
		"lists":         {"[[k%d]]\n", maxTOMLKeys, TOML, "more than 10000 keys"},
		"inline tables": {"k%d = {a = 1}\n", maxTOMLKeys / 2, TOML, "more than 10000 keys"},
		"directives":    {"%%TAG !a%d! tag:x\n", 100, YAML, "more than 100 YAML directives"},
	} {
		var text strings.Builder
		for i := range c.most {
			fmt.Fprintf(&text, c.line, i)
		}
		end := map[Format]string{YAML: "---\na: 1\n"}[c.format]
		if _, errs := Parse("x", []byte(text.String()+end), c.format); len(errs) > 0 {
			t.Errorf("%s: %v", name, errs[0])
		}
		fmt.Fprintf(&text, c.line, c.most)
		root, errs := Parse("x", []byte(text.String()+end), c.format)
		if len(errs) != 1 || root != nil || !strings.Contains(errs[0].Error(), c.want) || errs[0].Pos.Line != c.most+1 {
			t.Errorf("%s, one more: %v", name, errs)
		}
	}
}
