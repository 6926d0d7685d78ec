package syntax

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/secretsync/secretsync/internal/position"
	"github.com/secretsync/secretsync/internal/racetest"
)

// dump writes a tree with the positions of its keys and values.
func dump(n *Node) string {
	at := func(p position.Position) string { return fmt.Sprintf("%d:%d", p.Line, p.Column) }
	switch n.Kind {
	case Map:
		var parts []string
		for _, f := range n.Fields {
			parts = append(parts, f.Key+"@"+at(f.Pos)+"="+dump(f.Value))
		}
		return at(n.Pos) + "{" + strings.Join(parts, " ") + "}"
	case List:
		var parts []string
		for _, i := range n.Items {
			parts = append(parts, dump(i))
		}
		return at(n.Pos) + "[" + strings.Join(parts, " ") + "]"
	}
	return fmt.Sprintf("%s(%d:%q)", at(n.Pos), n.Kind, n.Text)
}

func TestPositions(t *testing.T) {
	for _, tt := range []struct {
		name, in, want string
		format         Format
	}{
		{"block", "a:\n  b: 1\n  c: [x, true]\nd: ''\n", `1:1{a@1:1=2:3{b@2:3=2:6(3:"1") c@3:3=3:6[3:7(6:"x") 3:10(2:"true")]} d@4:1=4:4(6:"")}`, YAML},
		{"multibyte", "é😀: {ü: ö, k: 1.5}\n", `1:1{é😀@1:1=1:5{ü@1:6=1:9(6:"ö") k@1:12=1:15(4:"1.5")}}`, YAML},
		{"block scalar", "k: |\n  one\n  two\n", `1:1{k@1:1=1:4(6:"one\ntwo\n")}`, YAML},
		{"BOM and CRLF", "\ufeffa: b\r\nc: null\r\n", `1:1{a@1:1=1:4(6:"b") c@2:1=2:4(1:"")}`, YAML},
		{"numbers stay as written", "a: 0123\nb: 1.10\nc: 2024-01-02\nd: !!str 5\ne: yes\n", `1:1{a@1:1=1:4(3:"0123") b@2:1=2:4(4:"1.10") c@3:1=3:4(5:"2024-01-02") d@4:1=4:4(6:"5") e@5:1=5:4(6:"yes")}`, YAML},
		{"list at the top", "- a\n", `1:1[1:3(6:"a")]`, YAML},
		{"tables", "x = 1\n[a.b]\nc = 'd'\n[a]\ne = [ 1,\n true ]\n", `1:1{x@1:1=1:5(3:"1") a@2:2=2:2{b@2:4=2:4{c@3:1=3:5(6:"d")} e@5:1=5:5[5:7(3:"1") 6:2(2:"true")]}}`, TOML},
		{"multibyte", "\"é😀\" = { \"ü\" = \"ö\", k = 1.5 }\n", `1:1{é😀@1:1=1:8{ü@1:10=1:16(6:"ö") k@1:21=1:25(4:"1.5")}}`, TOML},
		{"tables in a list", "[[l]]\na = 1\n[[l]]\nb.c = 2\n[l.d]\ne = 1979-05-27\n", `1:1{l@1:3=1:3[1:3{a@2:1=2:5(3:"1")} 3:3{b@4:1=4:1{c@4:3=4:7(3:"2")} d@5:4=5:4{e@6:1=6:5(5:"1979-05-27")}}]}`, TOML},
		{"markers of git in a text", "k = \"\"\"\n<<<<<<< HEAD\n=======\n\"\"\"\n", `1:1{k@1:1=1:5(6:"<<<<<<< HEAD\n=======\n")}`, TOML},
		{"text in lines", "k = \"\"\"\none\n\"\"\"\nl = 1_000\n", `1:1{k@1:1=1:5(6:"one\n") l@4:1=4:5(3:"1_000")}`, TOML},
		{"indented", "{\n  \"a\": {\"b\": 1, \"c\" :[ \"x\", true ]},\n  \"d\": null\n}\n", `1:1{a@2:3=2:8{b@2:9=2:14(3:"1") c@2:17=2:22[2:24(6:"x") 2:29(2:"true")]} d@3:3=3:8(1:"")}`, JSON},
		{"multibyte", "{\"é😀\": {\"ü\": \"ö\", \"k\": 1.5}}", `1:1{é😀@1:2=1:8{ü@1:9=1:14(6:"ö") k@1:19=1:24(4:"1.5")}}`, JSON},
		{"escapes", `{"a": "\ud83d\ude00\n\ufffd"}`, `1:1{a@1:2=1:7(6:"😀\n` + "\ufffd" + `")}`, JSON},
		{"big numbers", `[1234567890123456789012345, 1e3]`, `1:1[1:2(3:"1234567890123456789012345") 1:29(4:"1e3")]`, JSON},
	} {
		t.Run(string(tt.format)+" "+tt.name, func(t *testing.T) {
			n, err := Parse("f", []byte(tt.in), tt.format)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, dump(n)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// One document means the same in the three formats.
func TestFormatsAgree(t *testing.T) {
	files, err := filepath.Glob("testdata/same.*")
	if err != nil || len(files) != 3 {
		t.Fatalf("%v, %v; want three files", files, err)
	}
	var first *Node
	for _, name := range files {
		f, ok := FormatOf(name)
		data, err := os.ReadFile(name)
		if !ok || err != nil {
			t.Fatal(ok, err)
		}
		n, mistakes := Parse(name, data, f)
		if len(mistakes) > 0 {
			t.Fatal(mistakes)
		}
		if first == nil {
			first = n
		}
		if diff := cmp.Diff(first, n, cmpopts.IgnoreTypes(position.Position{})); diff != "" {
			t.Errorf("%s and %s differ: %s", files[0], name, diff)
		}
	}
}

const canary = "CaNaRyVaLuE"

func TestErrors(t *testing.T) {
	deepList := func(open, shut string) string { return strings.Repeat(open, 101) + strings.Repeat(shut, 101) }
	for _, tt := range []struct {
		name, in string
		format   Format
		want     []string // each a part of the error's lines, in order
	}{
		{"empty", "", YAML, []string{"f: is empty"}},
		{"white space", " \n", JSON, []string{"f: is empty"}},
		{"comment alone", "# CaNaRyVaLuE\n", YAML, []string{"f: is empty"}},
		{"comment alone", "# CaNaRyVaLuE\n", TOML, []string{"f: is empty"}},
		{"UTF-16", "\xff\xfea\x00", YAML, []string{"f: is encoded in UTF-16 (save it as UTF-8: > in Windows PowerShell writes UTF-16)"}},
		{"UTF-16 without a mark", "a\x00:\x00 \x001\x00", YAML, []string{"f: is encoded in UTF-16"}},
		{"UTF-16 without a mark", "\x00a\x00=\x001", TOML, []string{"f: is encoded in UTF-16"}},
		{"UTF-32", "\xff\xfe\x00\x00a\x00\x00\x00", JSON, []string{"f: is encoded in UTF-32"}},
		{"UTF-16BE", "\xfe\xff\x00a", JSON, []string{"f: is encoded in UTF-16"}},
		{"NUL", "a: é\x00", YAML, []string{"f:1:5: a byte that is not text"}},
		{"not UTF-8", "a = 'b'\nc = '\xff'", TOML, []string{"f:2:6: a byte that is not text"}},
		{"too large", strings.Repeat("#\n", MaxSize/2+1), TOML, []string{"f: is larger than 4 MiB"}},

		{"git conflict", "a: 1\n<<<<<<< HEAD\nb: CaNaRyVaLuE\n=======\nb: 2\n>>>>>>> two\n<<<<<<< HEAD\n||||||| 1\n=======\nc: 2\n>>>>>>> two\n", YAML,
			[]string{"f:2:1: an unresolved git conflict (keep what is right of the two sides", "f:7:1: an unresolved git conflict"}},
		{"git conflict in a block", "a:\r\n  b: |\r\n    x\r\n<<<<<<< HEAD\r\n    CaNaRyVaLuE\r\n=======\r\n>>>>>>> two\r\n", YAML, []string{"f:4:1: an unresolved git conflict"}},
		{"git conflict around all", "<<<<<<< HEAD\nCaNaRyVaLuE\n=======\n>>>>>>> two\n", YAML, []string{"f:1:1: an unresolved git conflict"}},
		{"half a git conflict", "a: 1\nb: 2\n=======\nb: CaNaRyVaLuE\n>>>>>>> two\n", YAML, []string{"f:3:1: an unresolved git conflict"}},
		{"git conflict", "[a]\n<<<<<<< HEAD\nb = 'CaNaRyVaLuE'\n=======\nb = 2\n>>>>>>> two\n", TOML, []string{"f:2:1: an unresolved git conflict"}},
		{"git conflict in a text", "[a]\nb = \"\"\"\n<<<<<<< HEAD\nCaNaRyVaLuE\n=======\n2\n>>>>>>> two\n\"\"\"\n", TOML, []string{"f:3:1: an unresolved git conflict"}},
		{"git conflict", "{\"a\": 1,\n<<<<<<< HEAD\n\"b\": \"CaNaRyVaLuE\"\n=======\n\"b\": 2\n>>>>>>> two\n}", JSON, []string{"f:2:1: an unresolved git conflict"}},

		{"duplicates", "a: CaNaRyVaLuE\nb: 1\na: CaNaRyVaLuE\nb: 2\n", YAML, []string{`f:3:1: duplicate key "a" (first at f:1:1)`, `f:4:1: duplicate key "b" (first at f:2:1)`}},
		{"duplicate that may be a value", "{x:CaNaRyVaLuE, x:CaNaRyVaLuE}", YAML, []string{"f:1:17: duplicate key (not shown)"}},
		{"anchor and alias", "a: &x [CaNaRyVaLuE]\nb: *x\n", YAML, []string{"f:1:4: YAML anchors, aliases and merge keys (&, *, <<) are not supported (write the content out where it is used; 1 more place has one)"}},
		{"alias as a key", "a: &x CaNaRyVaLuE\n*x : b\n", YAML, []string{"f:1:4: YAML anchors, aliases"}},
		{"alias to itself", "a: &x [*x]\n", YAML, []string{"f:1:4: YAML anchors, aliases"}},
		{"merge", "a:\n  <<: {b: CaNaRyVaLuE}\n", YAML, []string{"f:2:3: YAML anchors, aliases and merge keys (&, *, <<) are not supported (write the content out where it is used)"}},
		{"merge as SOPS writes it", "a:\n  !!merge <<: {b: CaNaRyVaLuE}\n", YAML, []string{"f:2:3: YAML anchors, aliases and merge keys"}},
		{"merge of anchors", "d: &d {b: CaNaRyVaLuE}\ne: &e {<<: *d}\na: {<<: [*d, *e]}\n", YAML, []string{"f:1:4: YAML anchors, aliases and merge keys (&, *, <<) are not supported (write the content out where it is used; 6 more places have one)"}},
		{"merge of itself", "a: &a {<<: *a, b: CaNaRyVaLuE}\n", YAML, []string{"f:1:4: YAML anchors, aliases"}},
		{"documents", "a: b\n---\nc: CaNaRyVaLuE\n", YAML, []string{"f:2:1: a second YAML document"}},
		{"keys", "1: a\ntrue: b\n~: c\n[CaNaRyVaLuE]: d\n1.5: e\n", YAML, []string{"f:1:1: a key that is not", "f:2:1: a key", "f:3:1: a key", "f:4:1: a key", "f:5:1: a key"}},
		{"tags", "a: !!binary CaNaRyVaLuE\nb: !mine CaNaRyVaLuE\nc: !!int CaNaRyVaLuE\nd: !x {e: f}\n", YAML, []string{"f:1:4: a YAML tag", "f:2:4: a YAML tag", "f:3:4: a YAML tag", "f:4:4: a YAML tag"}},
		{"tab", "a:\n\tb: CaNaRyVaLuE\n", YAML, []string{"f:2:1: YAML syntax error: a tab"}},
		{"no space", "a: b\nCaNaRyVaLuE\nc: d\n", YAML, []string{"YAML syntax error: expected ':'"}},
		{"indentation", "a: b\n  c: CaNaRyVaLuE\n", YAML, []string{"f:2:3: YAML syntax error: a ':' in the wrong place"}},
		{"indentation of a key", "a: 1\nb:\n  c: 1\n d: CaNaRyVaLuE\ne: 1\n", YAML, []string{"f:4:2: YAML syntax error: wrong indentation"}},
		{"text after a quote", "a: 1\nb: 'CaNaRyVaLuE' y\nc: 1\n", YAML, []string{"f:2:1: YAML syntax error: wrong indentation, or a text that needs quotes"}},
		{"open list", "a: 1\nb: [x, CaNaRyVaLuE\nc: 2\n", YAML, []string{"f:2:1: YAML syntax error: expected ',' or ']'"}},
		{"second document", "a: 1\n---\nb: 1\n\tc\n", YAML, []string{"f:4:1: YAML syntax error: a tab"}},
		{"quote", "x: 1\na: \"CaNaRyVaLuE\n", YAML, []string{"YAML syntax error: a quoted text has no closing quote"}},
		{"at sign", "a: @CaNaRyVaLuE\n", YAML, []string{"f:1:1: YAML syntax error: a tab or a reserved"}},
		{"version", "%YAML 1.2\n---\na: CaNaRyVaLuE\n", YAML, []string{"f:1:1: YAML syntax error: a %YAML directive; remove the line"}},
		{"directive", "%CaNaRyVaLuE\n---\na: b\n", YAML, []string{"f:1:1: YAML syntax error: an unknown directive"}},
		{"unknown anchor", "a: *CaNaRyVaLuE\n", YAML, []string{"YAML syntax error: an alias"}},
		{"escape", "a: \"\\qCaNaRyVaLuE\"\n", YAML, []string{"YAML syntax error: an unknown escape"}},
		{"path of Windows", "a: \"C:\\Users\\CaNaRyVaLuE\"\n", YAML, []string{"f:1:1: YAML syntax error: an unknown escape in a text in double quotes; paths are written with /"}},
		{"path of Windows", "a = \"C:\\Users\\CaNaRyVaLuE\"\n", TOML, []string{"f:1:10: TOML syntax error: an unknown escape in a text in double quotes; paths are written with /"}},
		{"path of Windows", `{"a": "C:\users\CaNaRyVaLuE"}`, JSON, []string{"f:1:12: JSON syntax error: an unknown escape in a text in double quotes; paths are written with /"}},
		{"path of Windows", `{"a": "C:\prod\CaNaRyVaLuE"}`, JSON, []string{"f:1:11: JSON syntax error: an unknown escape in a text in double quotes; paths are written with /"}},
		{"deep", deepList("[", "]"), YAML, []string{"f:1:101: nested more than 100"}},
		{"bomb", strings.Repeat("[", 100_000), YAML, []string{"YAML syntax error: nested too deep"}},

		{"duplicate", "[a]\nb = 'CaNaRyVaLuE'\nb = 2\n", TOML, []string{`f:3:1: duplicate key "b" (first at f:2:1)`}},
		{"duplicates", "a = 'CaNaRyVaLuE'\na = 1\n[t]\nb.c = 1\nb.c = 2\n[t]\nd = {e = 1, e = 2}\n", TOML, []string{
			`f:2:1: duplicate key "a" (first at f:1:1)`, `f:5:3: duplicate key "c"`, `f:6:2: duplicate key "t"`, `f:7:13: duplicate key "e"`,
		}},
		{"a value after a dotted key", "k.from.env = 'CaNaRyVaLuE'\nk = 'CaNaRyVaLuE'\n", TOML, []string{"f:2:1: TOML syntax error: a key or table that is defined already"}},
		{"inline table reopened", "a = {b = 1}\na.c = 2\n", TOML, []string{"f:2:1: TOML syntax error: a key or table that is defined already"}},
		{"conflicts", "a = {b = 1}\n[a.c]\nd = 'CaNaRyVaLuE'\n[[l]]\n[l]\n[[t.u]]\n[t]\nu = 1\nv.w = 1\n[t.v]\n", TOML, []string{
			"f:2:2: TOML syntax error: a key or table that is defined already", "f:5:2: TOML", "f:8:1: TOML", "f:10:2: TOML"}},
		{"time zone", "a = 2020-01-01T00:00:00+12:60\n", TOML, []string{"f:1:28: TOML syntax error: not a date or a time"}},
		{"duplicate and redefinition", "a = 1\na = 2\nb.c = 1\nb = 2\n", TOML, []string{"f:2:1: duplicate", "f:4:1: TOML syntax error: a key or table"}},
		{"duplicate and syntax", "a = 1\na = 2\nb = CaNaRyVaLuE\n", TOML, []string{"f:2:1: duplicate", "f:3:5: TOML syntax error"}},
		{"table twice", "[a.b]\n[a.b]\n", TOML, []string{`f:2:4: duplicate key "b" (first at f:1:4)`}},
		{"value and table", "a = 'CaNaRyVaLuE'\n[a.b]\n", TOML, []string{"f:2:2: TOML syntax error: a key or table that is defined"}},
		{"no quotes", "a = CaNaRyVaLuE\n", TOML, []string{"f:1:5: TOML syntax error: something unexpected"}},
		{"no value", "a = 1\nCaNaRyVaLuE\n", TOML, []string{"f:2:12: TOML syntax error"}},
		{"open text", "a = 'CaNaRyVaLuE\n", TOML, []string{"TOML syntax error"}},
		{"escape", "a = \"\\qCaNaRyVaLuE\"\n", TOML, []string{"f:1:6: TOML syntax error"}},
		{"number", "a = 99999999999999999999\n", TOML, []string{"f:1:5: TOML syntax error: a number that is out of range"}},
		{"date", "a = 2024-13-45\n", TOML, []string{"f:1:10: TOML syntax error: not a date or a time"}},
		{"deep", "a = " + deepList("[", "]"), TOML, []string{"nested more than 100"}},
		{"deep key", strings.Repeat("a.", 101) + "b = 1", TOML, []string{"f:1:201: nested more than 100"}},
		{"bomb", "a = " + strings.Repeat("[", 2_000_000), TOML, []string{"TOML syntax error"}},
		{"long key", strings.Repeat("a.", 2_000_000) + "b = 1", TOML, []string{"nested more than 100"}},

		{"duplicates", "{\"a\": {\"b\": 1, \"b\": \"CaNaRyVaLuE\"},\n \"a\": 2}", JSON, []string{`f:1:16: duplicate key "b" (first at f:1:8)`, `f:2:2: duplicate key "a" (first at f:1:2)`}},
		{"trailing", "{}\n\"CaNaRyVaLuE\"", JSON, []string{"f:2:1: JSON syntax error: more data after"}},
		{"comma", "{\"a\": 1,\n}", JSON, []string{"f:2:1: JSON syntax error: expected a key"}},
		{"no quotes", "{\"a\": CaNaRyVaLuE}", JSON, []string{"f:1:7: JSON syntax error: expected a value"}},
		{"no comma", "{\"a\": \"CaNaRyVaLuE\" \"b\"}", JSON, []string{"f:1:21: JSON syntax error: expected ',' or '}'"}},
		{"cut", "{\"a\": \"CaNaRyVaLuE", JSON, []string{"f:1:19: JSON syntax error: it ends too early"}},
		{"half a pair", `{"a": "\ud83dCaNaRyVaLuE", "b": "\uFFFD"}`, JSON, []string{"f:1:7: JSON syntax error: half of a surrogate pair"}},
		{"deep", deepList("[", "]"), JSON, []string{"f:1:101: nested more than 100"}},
		{"deep map", strings.Repeat(`{"a":`, 101) + "1" + strings.Repeat("}", 101), JSON, []string{"f:1:501: nested more than 100"}},
		{"bomb", strings.Repeat("[", 2_000_000), JSON, []string{"JSON syntax error: nested too deep"}},
	} {
		t.Run(string(tt.format)+" "+tt.name, func(t *testing.T) {
			n, mistakes := Parse("f", []byte(tt.in), tt.format)
			if len(mistakes) == 0 {
				t.Fatalf("no mistake, but %s", dump(n))
			}
			err := ErrorList(mistakes)
			lines := strings.Split(err.Error(), "\n")
			if len(lines) != len(tt.want) {
				t.Fatalf("%d mistakes, want %d:\n%v", len(lines), len(tt.want), err)
			}
			for i, want := range tt.want {
				if !strings.Contains(lines[i], want) {
					t.Errorf("%s\nwant %s", lines[i], want)
				}
			}
			if strings.Contains(err.Error(), canary) {
				t.Errorf("the error quotes the file: %v", err)
			}
		})
	}
}

// The cost of a long line is proportional to its length. If it grew with the square, this test would run
// into the time limit of go test.
func TestLongLine(t *testing.T) {
	racetest.Large(t)
	n := MaxSize / 8
	for f, in := range map[Format]string{
		JSON: "[" + strings.Repeat(`"a",`, n) + "1]", TOML: "a = [" + strings.Repeat(`"a",`, n) + "]", YAML: "[" + strings.Repeat(`"a",`, n) + "1]",
	} {
		if _, err := Parse("f", []byte(in), f); err != nil {
			t.Error(f, err)
		}
	}
}

// A hostile file may have more mistakes than anybody reads.
func TestVeryManyMistakes(t *testing.T) {
	for f, line := range map[Format]string{YAML: "a: x\n", TOML: "a = 1\n"} {
		_, mistakes := Parse("f", []byte(strings.Repeat(line, 5001)), f)
		lines := strings.Split(ErrorList(mistakes).Error(), "\n")
		if len(lines) != maxTold+1 || lines[maxTold] != "f:1002:1: and 4000 more mistakes" {
			t.Errorf("%s: %d lines, the last %s", f, len(lines), lines[len(lines)-1])
		}
	}
}

func TestDepthAllowed(t *testing.T) {
	for f, in := range map[Format]string{
		YAML: strings.Repeat("[", 100) + strings.Repeat("]", 100), JSON: strings.Repeat(`{"a":`, 100) + "1" + strings.Repeat("}", 100),
		TOML: strings.Repeat("a.", 99) + "b = 1",
	} {
		if _, err := Parse("f", []byte(in), f); err != nil {
			t.Error(f, err)
		}
	}
}

func TestQuoteKey(t *testing.T) {
	for key, want := range map[string]string{
		"a_B-c.1": `"a_B-c.1"`, "<<": `"<<"`, "": "(not shown)", "value:hunter2": "(not shown)", "a b": "(not shown)", "é": "(not shown)",
		strings.Repeat("x", 64): `"` + strings.Repeat("x", 64) + `"`, strings.Repeat("x", 65): "(not shown)",
	} {
		if got := QuoteKey(key); got != want {
			t.Errorf("%q: %s, want %s", key, got, want)
		}
	}
}

func TestMistyped(t *testing.T) {
	known := []string{"workers", "ai_gateway", "dex"}
	for word, want := range map[string]string{
		"worker": "workers", "wokrers": "workers", "aigateway": "ai_gateway", "dez": "dex", "de": "dex",
		"workers": "", "dex": "", "axe": "", "deep": "", "queues": "", "": "", "gateway": "", "workers_ai": "",
	} {
		if got := Mistyped(word, known); got != want {
			t.Errorf("%q is taken for %q, want %q", word, got, want)
		}
	}
}

func TestFormatOf(t *testing.T) {
	for name, want := range map[string]Format{"a.yaml": YAML, "b/c.yml": YAML, "a.TOML": TOML, "a.enc.json": JSON, "a": "", "yaml": "", "a.env": ""} {
		if f, ok := FormatOf(name); f != want || ok != (want != "") {
			t.Errorf("%s: %q, %v", name, f, ok)
		}
	}
}

func FuzzParseYAML(f *testing.F) {
	fuzz(f, YAML, "yaml", "a: &x *x\n", "a:\n\tb", "? [a]\n: b", "a: !!float 1", "--- |\n%", "\"\\x")
}
func FuzzParseTOML(f *testing.F) {
	fuzz(f, TOML, "toml", "[[a]]\n[a.b]\n[[a]]", "a.b=1\n[a]", "a=[{b=[[1]]},{}]", "a=1979-05-27 07:32:00Z", "a=inf", "[a]\n[[a]]",
		"a=1\na=2\n[b]\n[b]\nx={y=1,y=[2],z.q=1}\n[b.c]\nd=1e999")
}
func FuzzParseJSON(f *testing.F) {
	fuzz(f, JSON, "json", `{"a":[{}, 1e9, "\ud800"]}`, `{"a":1}{}`, `[[[[`)
}

// fuzz checks that no input panics Parse, and that everything it returns has a position
// inside the file.
func fuzz(f *testing.F, format Format, ext string, seeds ...string) {
	data, err := os.ReadFile("testdata/same." + ext)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if full, mistakes := ParseFullYAML("f", data); format == YAML && len(mistakes) == 0 {
			checkPlaces(t, full)
		}
		n, mistakes := Parse("f", data, format)
		if len(mistakes) == 0 {
			checkPlaces(t, n)
			return
		}
		if n != nil && format == TOML { // if keys are repeated, the rest is still returned
			checkPlaces(t, n)
		}
		for _, e := range mistakes {
			if e.Pos.File != "f" || e.What == "" || (e.Pos.Line > 0) != (e.Pos.Column > 0) {
				t.Errorf("%+v", e)
			}
		}
	})
}

func checkPlaces(t *testing.T, n *Node) {
	if n.Pos.Line < 1 || n.Pos.Column < 1 || n.Kind < Null || n.Kind > List {
		t.Fatalf("%+v", n)
	}
	seen := map[string]bool{}
	for _, f := range n.Fields {
		if seen[f.Key] || f.Pos.Line < 1 || f.Pos.Column < 1 {
			t.Fatalf("%+v", f)
		}
		seen[f.Key] = true
		checkPlaces(t, f.Value)
	}
	for _, i := range n.Items {
		checkPlaces(t, i)
	}
}

// Every key is where its position says.
func TestOffset(t *testing.T) {
	const document = "\ufeff{\"a\": {\"é世\": 1, \"b\": 2},\r\n  \"🔒c\": 3}"
	root, mistakes := Parse("a.json", []byte(document), JSON)
	if len(mistakes) > 0 {
		t.Fatal(mistakes)
	}
	checked := 0
	var check func(*Node)
	check = func(n *Node) {
		for _, f := range n.Fields {
			if at := Offset([]byte(document), f.Pos); !strings.HasPrefix(document[at:], `"`+f.Key+`"`) {
				t.Errorf("%s is at %s, which is offset %d", f.Key, f.Pos, at)
			}
			checked++
			check(f.Value)
		}
	}
	check(root)
	if checked != 4 {
		t.Errorf("%d keys were checked", checked)
	}
	if at := Offset([]byte(document), position.Position{Line: 9, Column: 1}); at != len(document) {
		t.Errorf("a line that does not exist is at %d", at)
	}
}
