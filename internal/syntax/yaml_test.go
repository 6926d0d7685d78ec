package syntax

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// ParseFullYAML has every node where SOPS's tree has it, with its position in the text.
func TestParseFullYAML(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"merge key as SOPS writes it", "a:\n  !!merge <<:\n    b: c\n  d: e\n", `1:1{a@1:1=2:3{<<@2:3=3:5{b@3:5=3:8(6:"c")} d@4:3=4:6(6:"e")}}`},
		{"merge key of an alias", "a: &x {b: c}\nd:\n  <<: *x\n  b: e\n", `1:1{a@1:1=1:4{b@1:8=1:11(6:"c")} d@2:1=3:3{<<@3:3=1:4{b@1:8=1:11(6:"c")} b@4:3=4:6(6:"e")}}`},
		{"merge key of a list", "a: &x {b: c}\nd: {<<: [*x, *x]}\n", `1:1{a@1:1=1:4{b@1:8=1:11(6:"c")} d@2:1=2:4{<<@2:5=2:9[1:4{b@1:8=1:11(6:"c")} 1:4{b@1:8=1:11(6:"c")}]}}`},
		{"alias", "a: &x text\nb: *x\n", `1:1{a@1:1=1:4(6:"text") b@2:1=1:4(6:"text")}`},
		{"alias as a key", "a: &x text\n*x : b\n", `1:1{a@1:1=1:4(6:"text") text@2:1=2:6(6:"b")}`},
		{"tags", "a: !!binary eA==\nb: !mine x\nc: !!float 1\n", `1:1{a@1:1=1:4(6:"eA==") b@2:1=2:4(6:"x") c@3:1=3:4(4:"1")}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n, mistakes := ParseFullYAML("f", []byte(tt.in))
			if len(mistakes) > 0 {
				t.Fatal(ErrorList(mistakes))
			}
			if diff := cmp.Diff(tt.want, dump(n)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestParseFullYAMLRefuses(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"key that is no string", "a: b\n1: CaNaRyVaLuE\n", "f:2:1: a key that is not a string"},
		{"two merge keys", "a: {<<: {b: c}, <<: {b: CaNaRyVaLuE}}\n", `f:1:17: duplicate key "<<" (first at f:1:5)`},
		{"alias to itself", "a: &x {b: [*x, *x]}\n", "f:1:12: a YAML alias that contains itself"},
		{"bomb", bomb(12), ": YAML aliases stand for more than 100000 values"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, mistakes := ParseFullYAML("f", []byte(tt.in))
			if len(mistakes) == 0 || !strings.Contains(mistakes[0].Error(), tt.want) || strings.Contains(ErrorList(mistakes).Error(), canary) {
				t.Errorf("%v, want %s", ErrorList(mistakes), tt.want)
			}
		})
	}
}

// bomb is a document whose aliases expand to 9 times as many nodes with each line.
func bomb(lines int) string {
	text := "a0: &a0 [x]\n"
	for i := range lines {
		text += fmt.Sprintf("a%d: &a%[1]d [%s]\n", i+1, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d, ", i), 9), ", "))
	}
	return text
}

// A map with a merge key lacks nothing: it has the keys that would be merged, with values that were
// refused.
func TestMergedKeysAreKnown(t *testing.T) {
	in := "d: &d {b: x, c: x}\ne: &e {<<: *d, f: x}\na: {<<: [*e, {g: x}], c: y}\n"
	n, mistakes := Parse("f", []byte(in), YAML)
	if len(mistakes) != 1 {
		t.Fatalf("want one mistake: %v", ErrorList(mistakes))
	}
	a := n.Get("a")
	for key, kind := range map[string]Kind{"b": Refused, "c": String, "f": Refused, "g": Refused} {
		if v := a.Get(key); v == nil || v.Kind != kind {
			t.Errorf("%s: %+v, want %v", key, v, kind)
		}
	}
	if a.Anchored || !n.Get("e").Anchored || !n.Anchored {
		t.Error("Anchored is not where the anchors are")
	}
}

// Reading merge keys of merge keys ends, however many maps they expand to. 2^60 steps would exceed the
// time limit of go test.
func TestMergeBomb(t *testing.T) {
	var in strings.Builder
	in.WriteString("a0: &a0 {x: y}\n")
	for i := range 60 {
		fmt.Fprintf(&in, "a%d: &a%[1]d {<<: [*a%d, *a%[2]d], k%[1]d: z}\n", i+1, i)
	}
	if _, mistakes := Parse("f", []byte(in.String()), YAML); len(mistakes) != 1 {
		t.Errorf("want one mistake: %v", ErrorList(mistakes))
	}
}
