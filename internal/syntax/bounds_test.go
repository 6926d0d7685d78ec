package syntax

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/secretsync/secretsync/internal/racetest"
)

// yaml.v3 takes a time that grows with the square of the number of directives, so that many are
// refused before it gets to them: a document of 4 MiB took minutes.
func TestManyDirectives(t *testing.T) {
	const most = 100
	many := func(n int) []byte {
		var text strings.Builder
		for i := range n {
			fmt.Fprintf(&text, "%%TAG !a%d! tag:x\n", i)
		}
		return []byte(text.String() + "---\na: 1\n")
	}
	if _, errs := Parse("x", many(most), YAML); len(errs) > 0 {
		t.Error(errs[0])
	}
	root, errs := Parse("x", many(most+1), YAML)
	if len(errs) != 1 || root != nil || !strings.Contains(errs[0].Error(), "more than 100 YAML directives") || errs[0].Pos.Line != most+1 {
		t.Errorf("one more: %v", errs)
	}
}

// Documents with many parts of one kind are read in a number of allocations that grows with their
// length. (go-toml's decoder takes minutes for the largest of them.)
func TestManyParts(t *testing.T) {
	racetest.Large(t)
	for name, c := range map[string]struct {
		line   string
		format Format
	}{
		"keys of a map":   {"k%d: 1\n", YAML},
		"lists":           {"k%d: [a, b]\n", YAML},
		"keys":            {"k%d = 1\n", TOML},
		"dotted keys":     {"a.b.c.k%d = 'x'\n", TOML},
		"tables":          {"[a.k%d]\nb = 1.5\n", TOML},
		"lists of tables": {"[[k%d]]\n[[l]]\n", TOML},
		"inline tables":   {"k%d = {a = 1, b.c = [{}]}\n", TOML},
		"maps":            {"\"k%d\": {\"a\": [1, {}]},\n", JSON},
	} {
		t.Run(string(c.format)+" "+name, func(t *testing.T) {
			read := func(lines int) float64 {
				var text strings.Builder
				for i := range lines {
					fmt.Fprintf(&text, c.line, i)
				}
				data := []byte(text.String())
				if c.format == JSON {
					data = []byte("{" + strings.TrimSuffix(text.String(), ",\n") + "}")
				}
				return testing.AllocsPerRun(1, func() {
					if _, errs := Parse("x", data, c.format); len(errs) > 0 {
						t.Fatal(errs[0])
					}
				})
			}
			const few, many = 1000, 40_000
			if exponent := math.Log(read(many)/read(few)) / math.Log(many/few); exponent > 1.1 {
				t.Errorf("the allocations grow with the number of lines to the power of %.2f", exponent)
			}
		})
	}
}

// Limits are refused before anything is parsed. What separates entries is counted, so that no
// document has more values than twice that.
func TestLimits(t *testing.T) {
	for _, c := range []struct {
		text    string
		format  Format
		entries int
	}{
		{"a: 1\nb: [x, y]\n", YAML, 5},
		{"- - a\n- ? b\n  : c\n", YAML, 8},
		{"a = 1\nb = [1, {c = 2}]\n", TOML, 6},
		{"{\n\"a\": [1, 2],\n\"b\": {}\n}\n", JSON, 6},
	} {
		size := len(c.text)
		for limits, want := range map[Limits]string{
			{Size: size, Entries: c.entries}:     "",
			{Size: size}:                         "",
			{Size: size - 1}:                     fmt.Sprintf("f: is larger than %d bytes", size-1),
			{Size: size, Entries: c.entries - 1}: fmt.Sprintf("f: has more than %d entries", c.entries-1),
		} {
			_, errs := limits.Parse("f", []byte(c.text), c.format)
			if got := ErrorList(errs).Error(); got != want {
				t.Errorf("%q with %v: %q, want %q", c.text, limits, got, want)
			}
		}
	}
}

// A list of mistakes does not grow without end.
func TestMistakesAreBounded(t *testing.T) {
	racetest.Large(t)
	_, errs := Parse("f", []byte(strings.Repeat("a: 1\n", maxKept+1000)), YAML)
	if len(errs) != maxTold+1 || !strings.Contains(errs[maxTold].What, fmt.Sprint(maxKept-maxTold)+" more mistakes") {
		t.Errorf("%d mistakes, the last %v", len(errs), errs[len(errs)-1])
	}
}
