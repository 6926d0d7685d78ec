package lockfile

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/secretsync/secretsync/internal/syntax"
)

// damaged texts are not JSON, or not lockfiles.
var damaged = []struct{ name, text, want, hint string }{
	{"empty", "", "x.lock:1:1: the lockfile is empty", "restore"},
	{"blank", " \n\n", "x.lock:1:1: the lockfile is empty", "restore"},
	{"truncated", "{\n  \"version\": 1,\n  \"sto", "x.lock:3:7: the lockfile is truncated", "restore"},
	{"truncated after a value", `{"version":1`, "x.lock:1:13: the lockfile is truncated", "restore"},
	{"not JSON", "version: 1\n", "x.lock:1:1: the lockfile is not valid JSON", "restore"},
	{"comma too many", "{\"version\":1,\n \"stores\":[],}\n", "x.lock:2:14: the lockfile is not valid JSON", "restore"},
	{"more after it", `{"version":1}x`, "x.lock:1:14: the lockfile is not valid JSON", "restore"},
	{"line break in a string", "{\"version\n\":1}", "x.lock:1:10: the lockfile is not valid JSON", "restore"},
	{"byte order mark", "\xef\xbb\xbf{}", "x.lock:1:1: the lockfile starts with a byte order mark", "UTF-8"},
	{"UTF-16", "\xff\xfe{\x00}\x00", "x.lock:1:1: the lockfile is encoded in UTF-16", "UTF-8"},
	{"UTF-16, big endian, unmarked", "\x00{\x00}", "x.lock:1:1: the lockfile is encoded in UTF-16", "UTF-8"},
	{"a zero byte", "{\n\"version\x00\":1}", "x.lock:2:9: the lockfile has a zero byte", "restore"},
	{"Latin-1", `{"comment":"caf` + "\xe9" + `"}`, "x.lock:1:1: the lockfile is not UTF-8", "UTF-8"},
	{"conflict", "{\n<<<<<<< HEAD\n  \"a\": 1\n=======\n  \"a\": 2\n>>>>>>> other\n}\n", "x.lock:2:1: the lockfile has an unresolved git conflict", "one of the two"},
	{"conflict in the first line", "<<<<<<< HEAD\n{}\n=======\n{ }\n>>>>>>> other\n", "x.lock:1:1: the lockfile has an unresolved git conflict", "one of the two"},
	{"base of a conflict", "{\n||||||| base\n}\n", "x.lock:2:1: the lockfile has an unresolved git conflict", "one of the two"},
	{"zero bytes", "\x00\x00\x00", "x.lock:1:1: the lockfile contains only zero bytes", "restore"},
	{"rest of a conflict", "{\n  \"a\": 1\n>>>>>>> other\n}\r\n", "x.lock:3:1: the lockfile has an unresolved git conflict", "one of the two"},
	{"newer", "{\n  \"shape\": {\"new\": true},\n  \"version\": 2\n}\n", "x.lock:3:14: the lockfile was written by a newer version of secretsync", "upgrade"},
	{"no version", "{}", `x.lock:1:1: "version" is not 1`, "restore"},
	{"version 0", `{"version": 0}`, `x.lock:1:13: "version" is not 1`, "restore"},
	{"enormous version", `{"version": 1e999}`, `x.lock:1:13: "version" is not 1`, "restore"},
	{"version as a text", `{"version": "1"}`, `x.lock:1:13: expected a number`, "restore"},
	{"a list", `[]`, `x.lock:1:1: expected an object`, "restore"},
	{"null", `null`, `x.lock:1:1: expected an object`, "restore"},
}

func TestDamage(t *testing.T) {
	for _, tt := range damaged {
		t.Run(tt.name, func(t *testing.T) {
			f, err := Parse("x.lock", []byte(tt.text))
			if f != nil || err == nil {
				t.Fatalf("Parse: %v, %v; want an error", f, err)
			}
			if !strings.HasPrefix(err.Error(), tt.want) || !strings.Contains(err.Error(), tt.hint) {
				t.Errorf("error %q; want %q and %q", err, tt.want, tt.hint)
			}
			wantPositions(t, err, []byte(tt.text))
		})
	}
}

// mistakes each replace a part of testdata/full.lock.
var mistakes = []struct{ name, old, new, want string }{
	{"unknown field", `"source"`, `"value"`, `x.lock:36:11: unknown field "value"`},
	{"accepted is no time", `"accepted": "2026-10-01T13:00:00Z"`, `"accepted": "yes"`, `x.lock:54:23: expected an RFC 3339 time in UTC and whole seconds`},
	{"unknown field on top", `"stores"`, `"shops"`, `x.lock:13:3: unknown field "shops"`},
	{"field twice", `"comment":`, `"modified":`, `x.lock:33:11: "modified" is given twice, first in line 32`},
	{"secret twice", `"half-made": {`, `"stripe-key": {`, `x.lock:26:9: "stripe-key" is given twice, first in line 19`},
	{"store twice", `"staging"`, `"prod"`, `x.lock:42:5: store "prod" is given twice`},
	{"wrong api", `"loopback"`, `"elsewhere"`, `x.lock:3:10: expected "loopback"`},
	{"account id", accountB, "fedcba", `x.lock:60:21: expected an account id (32 hexadecimal digits)`},
	{"no account id", `"account_id": "` + accountB + `",`, "", `x.lock:59:5: "account_id" is missing`},
	{"no store name", `"name": "empty",`, "", `x.lock:59:5: "name" is missing`},
	{"path as an id", `"id-1"`, `"../../tokens"`, `x.lock:48:17: expected a Cloudflare id`},
	{"null", `"id-1"`, `null`, `x.lock:48:17: expected a string`},
	{"number for a text", `"2026-10-01T12:00:00.123456Z"`, `20261001`, `x.lock:33:23: expected a string`},
	{"modified", `"2026-10-01T12:00:00.123456Z"`, `"2026/10/01"`, `x.lock:33:23: expected a time`},
	{"active, which is not recorded", `"status": "pending"`, `"status": "active"`, `x.lock:53:21: expected "pending"`},
	{"applied with a fraction", `"applied": "2026-10-01T12:00:00Z"`, `"applied": "2026-10-01T12:00:00.5Z"`, `x.lock:34:22: expected an RFC 3339 time in UTC`},
	{"applied elsewhere", `"applied": "2026-10-01T12:00:00Z"`, `"applied": "2026-10-01T12:00:00+02:00"`, `x.lock:34:22: expected an RFC 3339 time in UTC`},
	{"applied at the zero time", `"applied": "2026-10-01T12:00:00Z"`, `"applied": "0001-01-01T00:00:00Z"`, `x.lock:34:22: expected an RFC 3339 time in UTC`},
	{"fingerprint", `"v1.`, `"v2.`, `x.lock:35:26: expected a fingerprint`},
	{"ciphertext", `"sha256:abab`, `"sha256:`, `x.lock:37:25: expected "sha256:"`},
	{"delete", `"delete": true`, `"delete": "yes"`, `x.lock:38:21: expected true or false`},
	{"no list of scopes", "[\n            \"ai_gateway\",\n            \"workers\"\n          ]", `"workers"`, `x.lock:28:21: expected a list`},
	{"no object", "{\n          \"delete\": false,\n          \"pending\": {\n            \"op\": \"create\",\n            \"since\": \"2026-10-01T12:00:01Z\"\n          }\n        }", `true`, `x.lock:19:22: expected an object`},
	{"scopes", `"ai_gateway"`, `7`, `x.lock:29:13: expected a string`},
	{"pending without a time", `"since"`, `"op"`, `x.lock:21:22: "since" is missing`},
	{"operation", `"create"`, `"CREATE TABLE"`, `x.lock:22:19: expected an operation`},
	{"control character in a name", `"half-made"`, `"half\u001b[2Jmade"`, `x.lock:19:9: expected a name`},
	{"direction in a name", `"half-made"`, `"half\u202emade"`, `x.lock:19:9: expected a name`},
	{"command to a runner in a name", `"half-made"`, `"##[error]half"`, `x.lock:19:9: expected a name`},
	{"direction in a store's name", `"name": "empty"`, `"name": "emp\u2066ty"`, `expected a name`},
	{"key id", `"0011223344556677"`, `"00"`, `x.lock:5:11: expected a key id`},
	{"no key id", `"id": "0011223344556677",`, "", `x.lock:4:22: "id" is missing`},
	{"key in the clear", `"sops"`, `"soaps"`, `x.lock:6:15: expected a SOPS document`},
	{"sealed as a text", "{\n      \"key\": \"ENC[AES256_GCM,data:<&>]\",\n      \"sops\": {\n        \"version\": \"3.13.3\"\n      }\n    }", `"a2V5"`, `x.lock:6:15: expected a SOPS document`},
}

func TestMistakes(t *testing.T) {
	good := string(full().Format())
	for _, tt := range mistakes {
		t.Run(tt.name, func(t *testing.T) {
			bad := strings.Replace(good, tt.old, tt.new, 1)
			if bad == good {
				t.Fatalf("there is no %s", tt.old)
			}
			f, err := Parse("x.lock", []byte(bad))
			if f != nil || err == nil {
				t.Fatalf("Parse: %v, %v; want an error", f, err)
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error:\n%v\nwant %s", err, tt.want)
			}
			wantPositions(t, err, []byte(bad))
		})
	}
}

// An account is the same however its id is written.
func TestAccountIDInCapitals(t *testing.T) {
	text := strings.Replace(string(full().Format()), accountB, strings.ToUpper(accountB), 1)
	f, err := Parse("x.lock", []byte(text))
	if err != nil || f.Stores[empty] == nil {
		t.Errorf("%v; want the store %v", err, empty)
	}
}

func TestAllMistakesAtOnce(t *testing.T) {
	bad := string(full().Format())
	for _, m := range []struct{ old, new string }{{`"id-1"`, `0`}, {`"source"`, `"value"`}, {`"delete": true`, `"delete": 1`}} {
		bad = strings.Replace(bad, m.old, m.new, 1)
	}
	_, err := Parse("x.lock", []byte(bad))
	var list syntax.ErrorList
	if !errors.As(err, &list) || len(list) != 3 {
		t.Errorf("error:\n%v\nwant 3 mistakes", err)
	}
}

// Duplicate fields are found among the first of an object.
func TestFieldsAreBounded(t *testing.T) {
	var text strings.Builder
	for i := range maxFields + 1 {
		fmt.Fprintf(&text, "\"f%d\": 0,\n", i)
	}
	for field, want := range map[int]bool{0: true, maxFields - 1: true, maxFields: false} {
		_, err := Parse("x.lock", fmt.Appendf(nil, `{%s"f%d": 0, "version": 1}`, text.String(), field))
		if got := strings.Contains(fmt.Sprint(err), fmt.Sprintf(`"f%d" is given twice, first in line %d`, field, field+1)); got != want {
			t.Errorf("field %d: %v", field, err)
		}
	}
}

// Values that the format does not have are skipped, whatever they hold, and what follows is read.
func TestSkippedValues(t *testing.T) {
	for _, value := range []string{
		"0", "-1.25E+10", "1e-3", "true", "false", "null", `""`, `"\""`, `"\\"`, `"\\\"]}"`, "{}", "[]", "[ ]", "{ }",
		`[[], {}, [1, "]"], {"a": {"b": [true]}}]`, ` { "}" : [ "{" , 1 ] } `, "[1]", `{"a":-0.5}`,
	} {
		text := []byte(fmt.Sprintf(`{"unknown":%s,"version":1,"stores":[0]}`, value))
		_, err := Parse("x.lock", text)
		var list syntax.ErrorList
		if !errors.As(err, &list) || len(list) != 2 || !strings.Contains(list[1].What, "expected an object") || text[list[1].Pos.Column-1] != '0' {
			t.Errorf("%s: %v", text, err)
		}
	}
	for _, text := range []string{"0", " 12 ", "-1", "null", "true", `"x"`, `"\n"`, "[]", "[[1]]"} { // nothing else
		if _, err := Parse("x.lock", []byte(text)); err == nil || !strings.Contains(err.Error(), "expected an object") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// If there are very many mistakes, only the first are reported.
func TestMistakesAreBounded(t *testing.T) {
	for n, want := range map[int]int{maxMistakes: maxMistakes, maxMistakes + 1: maxMistakes} {
		_, err := Parse("x.lock", []byte(`{"version": 1, "stores": [`+strings.Repeat("0,\n", n-1)+`0]}`))
		var list syntax.ErrorList
		if !errors.As(err, &list) || len(list) != want {
			t.Errorf("%d mistakes of %d are reported, want %d", len(list), n, want)
		}
	}
}

func TestFingerprintsWithoutKey(t *testing.T) {
	f := full()
	f.Key = Key{}
	if _, err := Parse("x.lock", f.Format()); err == nil || !strings.Contains(err.Error(), "fingerprint_key") {
		t.Errorf("error %v; want one about fingerprint_key", err)
	}
	f.Stores[prod].Secrets["stripe-key"].Fingerprint = ""
	if _, err := Parse("x.lock", f.Format()); err != nil {
		t.Errorf("without fingerprints: %v", err)
	}
}

// If a secret value was pasted into the file, no error shows it.
func TestErrorsQuoteNoContent(t *testing.T) {
	const canary = "hunter2-canary"
	good := string(full().Format())
	for line := range strings.Lines(good) {
		name, _, ok := strings.Cut(line, `": "`)
		if !ok {
			continue
		}
		for _, value := range []string{`"` + canary + `"`, `["` + canary + `"]`, `{"` + canary[:3] + `": "` + canary + `"}`, `"` + canary} {
			bad := strings.Replace(good, line, name+`": `+value+",\n", 1)
			if _, err := Parse("x.lock", []byte(bad)); err != nil && strings.Contains(err.Error(), canary) {
				t.Errorf("%s in %s: %v", value, name, err)
			}
		}
	}
}

// wantPositions checks that every mistake has a hint and a position within the text.
func wantPositions(t *testing.T, err error, text []byte) {
	t.Helper()
	var list syntax.ErrorList
	if !errors.As(err, &list) || len(list) == 0 || len(list) > maxMistakes {
		t.Fatalf("error %v is a %T of %d; want an ErrorList", err, err, len(list))
	}
	lines := bytes.Split(text, []byte("\n"))
	for _, e := range list {
		p := e.Pos
		if p.File != "x.lock" || p.Line < 1 || p.Line > len(lines) || p.Column < 1 || p.Column > len(lines[p.Line-1])+1 {
			t.Errorf("%v: no such place", e)
		}
		if e.Hint == "" {
			t.Errorf("%v: doesn't say what to do", e)
		}
	}
}
