package wrangler_test

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/secretsync/secretsync/internal/position"
	"github.com/secretsync/secretsync/internal/wrangler"
)

const tomlFile = `name = "api" # the Worker
account_id = "acc"

# payments
[[secrets_store_secrets]]
binding = "STRIPE"      # used by checkout
store_id = 'old'
secret_name = "stripe-key"

[env.staging]
name = "api-staging"

[[env.staging.secrets_store_secrets]]
binding = "STRIPE"
store_id = "old"
secret_name = "staging-stripe-key"
`

const jsoncFile = `{
  // the Worker
  "name": "api",
  "account_id": "acc",
  "secrets_store_secrets": [
    // payments
    {"binding": "STRIPE", "store_id": "old", "secret_name": "stripe-key"}, // used by checkout
  ],
  "env": {
    "staging": {
      "name": "api-staging",
      "secrets_store_secrets": [{"binding": "STRIPE", "store_id": "old", "secret_name": "staging-stripe-key"}],
    },
    "prod": { "vars": {} },
  },
}
`

var noPositions = cmp.Options{cmpopts.IgnoreTypes(position.Position{}), cmpopts.IgnoreFields(wrangler.Environment{}, "Names")}

func TestParse(t *testing.T) {
	staging := wrangler.Environment{Name: "staging", WorkerName: "api-staging", AccountID: "acc", Bindings: []wrangler.Binding{
		{Binding: "STRIPE", StoreID: "old", SecretName: "staging-stripe-key"},
	}}
	top := wrangler.Environment{WorkerName: "api", AccountID: "acc", Bindings: []wrangler.Binding{{Binding: "STRIPE", StoreID: "old", SecretName: "stripe-key"}}}
	for file, want := range map[string]struct {
		text string
		envs []wrangler.Environment
		pos  string
	}{
		"wrangler.toml":  {tomlFile, []wrangler.Environment{top, staging}, "wrangler.toml:7:12"},
		"wrangler.jsonc": {jsoncFile, []wrangler.Environment{top, staging, {Name: "prod", WorkerName: "api-prod", AccountID: "acc", Forgotten: true}}, "wrangler.jsonc:7:39"},
		"wrangler.json":  {"\ufeff" + `{"name": "empty"}`, []wrangler.Environment{{WorkerName: "empty"}}, ""},
	} {
		for _, text := range []string{want.text, strings.ReplaceAll(want.text, "\n", "\r\n")} {
			c, err := wrangler.Parse(file, []byte(text))
			if err != nil {
				t.Fatal(file, err)
			}
			if diff := cmp.Diff(want.envs, c.Environments, noPositions); diff != "" {
				t.Errorf("%s:\n%s", file, diff)
			}
			if want.pos != "" && c.Environments[0].Bindings[0].StoreIDPos.String() != want.pos {
				t.Errorf("store_id at %s, want %s", c.Environments[0].Bindings[0].StoreIDPos, want.pos)
			}
		}
	}
}

// TestPreviews: the bindings of wrangler preview are an environment too, which those under
// env inherit.
func TestPreviews(t *testing.T) {
	c, err := wrangler.Parse("w.jsonc", []byte(`{
  "name": "w",
  "previews": {"vars": {"A": ""}, "secrets_store_secrets": [{"binding": "P", "store_id": "s", "secret_name": "p"}]},
  "env": {
    "inherits": {"account_id": "acc"},
    "own": {"previews": {"secrets_store_secrets": [{"binding": "O", "store_id": "s", "secret_name": "o"}]}},
    "none": {"previews": {}},
  },
}`))
	if err != nil {
		t.Fatal(err)
	}
	p := []wrangler.Binding{{Binding: "P", StoreID: "s", SecretName: "p"}}
	if diff := cmp.Diff([]wrangler.Environment{
		{WorkerName: "w"}, {WorkerName: "w", Previews: true, Bindings: p},
		{Name: "inherits", WorkerName: "w-inherits", AccountID: "acc"}, {Name: "inherits", WorkerName: "w-inherits", AccountID: "acc", Previews: true, Bindings: p},
		{Name: "own", WorkerName: "w-own"}, {Name: "own", WorkerName: "w-own", Previews: true, Bindings: []wrangler.Binding{{Binding: "O", StoreID: "s", SecretName: "o"}}},
		{Name: "none", WorkerName: "w-none"},
	}, c.Environments, noPositions); diff != "" {
		t.Error(diff)
	}
}

func TestNamesThatAreTaken(t *testing.T) {
	c, err := wrangler.Parse("w.json", []byte(`{"vars": {"A": 1}, "kv_namespaces": [{"binding": "B", "id": "x"}],
		"durable_objects": {"bindings": [{"name": "C", "class_name": "X"}]}, "env": {"e": {"vars": {"D": ""}, "secrets": {"required": ["E"]}}},
		"secrets": {"required": ["F", "G"]}, "wasm_modules": {"H": "h.wasm"}, "text_blobs": {"I": "i.txt"}, "data_blobs": {"J": "j.bin"},
		"previews": {"vars": {"K": ""}}}`))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([][]string{{"A", "B", "C", "F", "G", "H", "I", "J"}, {"D", "E"}}, [][]string{c.Environments[0].Names, c.Environments[1].Names}); diff != "" {
		t.Error(diff)
	}
}

func TestAccountIDInCapitals(t *testing.T) {
	c, mistakes := wrangler.Parse("w.json", []byte(`{"account_id": "0123456789ABCDEF0123456789ABCDEF", "env": {"e": {"account_id": "FEDCBA9876543210FEDCBA9876543210"}}}`))
	if len(mistakes) > 0 {
		t.Fatal(mistakes)
	}
	got := []string{c.Environments[0].AccountID, c.Environments[1].AccountID}
	if diff := cmp.Diff([]string{"0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210"}, got); diff != "" {
		t.Error(diff)
	}
}

// TestMistakes: all are reported with their positions, and valid parts are still read.
func TestMistakes(t *testing.T) {
	c, mistakes := wrangler.Parse("w.jsonc", []byte(`{
  "secrets_store_secrets": [
    {"binding": "A", "store_id": "s"},
    "B",
    {"binding": "C", "store_id": 7, "secret_name": "c"},
    {"binding": "D-E", "store_id": "s", "secret_name": "d"},
    {"binding": "F", "store_id": "s", "secret_name": "f"},
    {"binding": "F", "store_id": "s", "secret_name": "g"},
  ],
  "env": {"x": {"secrets_store_secrets": {}}},
}`))
	want := []string{
		`w.jsonc:3:5: the binding lacks "secret_name" (a binding has binding, store_id and secret_name)`,
		`w.jsonc:4:5: a binding must be a map, not a string (want binding, store_id and secret_name)`,
		`w.jsonc:5:34: "store_id" must be a string, not an integer`,
		`w.jsonc:6:17: "D-E" is not a valid binding name (letters, digits, _ and $, not beginning with a digit)`,
		`w.jsonc:8:17: binding "F" is there already, at w.jsonc:7:17`,
		`w.jsonc:10:42: "secrets_store_secrets" must be a list, not a map`,
	}
	var got []string
	for _, e := range mistakes {
		got = append(got, e.Error())
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if len(c.Environments[0].Bindings) != 1 {
		t.Errorf("bindings %v", c.Environments[0].Bindings)
	}
	for _, file := range []string{"w.toml", "w.json", "w.yaml"} {
		if c, err := wrangler.Parse(file, []byte("{ no")); c != nil || err == nil {
			t.Errorf("%s: %v, %v", file, c, err)
		}
	}
}

// TestForgotten: an environment that binds nothing says so by an empty list.
func TestForgotten(t *testing.T) {
	safe := `"secrets_store_secrets": [{"binding": "A", "store_id": "s", "secret_name": "a"}]`
	under := `"unsafe": {"bindings": [{"name": "B", "type": "secrets_store_secret", "store_id": "s", "secret_name": "a"}]}`
	none := `"secrets_store_secrets": []`
	for _, c := range []struct {
		top, env string
		want     bool
	}{
		{safe, ``, true}, {under, ``, true}, {none, ``, false}, {safe, none, false}, {under, none, false}, {safe, safe, false}, {safe, under, false},
		{under, `"unsafe": {"bindings": []}`, false}, {safe, `"unsafe": {"bindings": []}`, true},
		{safe + "," + under, `"unsafe": {"bindings": []}`, true}, {under, `"unsafe": {"metadata": {}}`, true},
	} {
		config, mistakes := wrangler.Parse("w.json", []byte(`{`+c.top+`, "env": {"e": {`+c.env+`}}}`))
		if len(mistakes) > 0 {
			t.Fatal(mistakes)
		}
		if got := config.Environments[1].Forgotten; got != c.want {
			t.Errorf("%s with %s: %v", c.env, c.top, got)
		}
	}
}

// TestNotConfigurations: the error for a file that is not a configuration, by its name, has a kind.
func TestNotConfigurations(t *testing.T) {
	for file, kind := range map[string]error{
		"apps/a/cloudflare.config.ts": wrangler.ErrProgram, "wrangler.config.mjs": wrangler.ErrProgram, "vite.config.ts": wrangler.ErrNotConfig,
		".wrangler/deploy/config.json": wrangler.ErrRedirect, "a/.wrangler/deploy/config.json": wrangler.ErrRedirect, "deploy/config.json": nil,
		"wrangler.toml.bak": wrangler.ErrNotConfig, "wrangler": wrangler.ErrNotConfig, "wrangler.staging.toml": nil,
	} {
		_, mistakes := wrangler.Parse(file, []byte("{}"))
		if filepath.Ext(file) == ".toml" {
			_, mistakes = wrangler.Parse(file, nil)
		}
		switch {
		case kind == nil && len(mistakes) > 0:
			t.Errorf("%s: %v", file, mistakes)
		case kind != nil && (len(mistakes) != 1 || !errors.Is(mistakes[0], kind)):
			t.Errorf("%s: %v, want %v", file, mistakes, kind)
		}
	}
}

func TestPreceding(t *testing.T) {
	for file, want := range map[string][]string{
		"a/wrangler.toml": {"a/wrangler.json", "a/wrangler.jsonc"}, "a/wrangler.jsonc": {"a/wrangler.json"},
		"wrangler.json": nil, "wrangler.staging.toml": nil,
	} {
		if got := wrangler.Preceding(filepath.FromSlash(file)); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", file, got, want)
		}
	}
}

var wanted = []wrangler.Binding{
	{Binding: "STRIPE", StoreID: "new", SecretName: "stripe-key"}, {Binding: "SENDGRID", StoreID: "new", SecretName: `send"grid`},
}

func TestEdit(t *testing.T) {
	for _, c := range []struct{ name, file, env, text, want string }{
		{"toml", "w.toml", "", tomlFile, strings.Replace(tomlFile, "'old'", `"new"`, 1) + `
[[secrets_store_secrets]]
binding = "SENDGRID"
store_id = "new"
secret_name = "send\"grid"
`},
		{"toml, an environment that has none", "w.toml", "e.u", "[env.\"e.u\"]\nname = \"x\"", "[env.\"e.u\"]\nname = \"x\"\n" + `
[[env."e.u".secrets_store_secrets]]
binding = "STRIPE"
store_id = "new"
secret_name = "stripe-key"

[[env."e.u".secrets_store_secrets]]
binding = "SENDGRID"
store_id = "new"
secret_name = "send\"grid"
`},
		{
			"toml, inline", "w.toml", "", "secrets_store_secrets = [\n  { binding = \"STRIPE\", store_id = \"old\", secret_name = \"x]\" }, # first\n]\nname = \"x\"\n",
			"secrets_store_secrets = [\n  { binding = \"STRIPE\", store_id = \"new\", secret_name = \"stripe-key\" }, # first\n  { binding = \"SENDGRID\", store_id = \"new\", secret_name = \"send\\\"grid\" }\n]\nname = \"x\"\n",
		},
		{"jsonc", "w.jsonc", "", jsoncFile, strings.Replace(strings.Replace(jsoncFile, `"old"`, `"new"`, 1), "  ],\n", `    { "binding": "SENDGRID", "store_id": "new", "secret_name": "send\"grid" }
  ],
`, 1)},
		{
			"jsonc, on one line", "w.jsonc", "staging", jsoncFile,
			strings.Replace(jsoncFile, `"store_id": "old", "secret_name": "staging-stripe-key"}`,
				`"store_id": "new", "secret_name": "stripe-key"}, { "binding": "SENDGRID", "store_id": "new", "secret_name": "send\"grid" }`, 1),
		},
		{
			"json, no section", "w.json", "", "{\n\t\"name\": \"x\" \n}\n",
			"{\n\t\"name\": \"x\", \n\t\"secrets_store_secrets\": [\n\t\t{ \"binding\": \"STRIPE\", \"store_id\": \"new\", \"secret_name\": \"stripe-key\" },\n\t\t{ \"binding\": \"SENDGRID\", \"store_id\": \"new\", \"secret_name\": \"send\\\"grid\" }\n\t]\n}\n",
		},
		{
			"json, nothing", "w.json", "", "{}",
			"{\"secrets_store_secrets\": [\n    { \"binding\": \"STRIPE\", \"store_id\": \"new\", \"secret_name\": \"stripe-key\" },\n    { \"binding\": \"SENDGRID\", \"store_id\": \"new\", \"secret_name\": \"send\\\"grid\" }\n  ]}",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := wrangler.Edit(c.file, []byte(c.text), c.env, wanted)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, string(got)); diff != "" {
				t.Error(diff)
			}
			again, err := wrangler.Edit(c.file, got, c.env, wanted)
			if err != nil || string(again) != string(got) {
				t.Errorf("edited again it is another file: %v", err)
			}
			if !strings.Contains(c.text, "\n") {
				return
			}
			crlf, err := wrangler.Edit(c.file, []byte(strings.ReplaceAll(c.text, "\n", "\r\n")), c.env, wanted)
			if err != nil || string(crlf) != strings.ReplaceAll(c.want, "\n", "\r\n") {
				t.Errorf("with CRLF: %v\n%q", err, crlf)
			}
		})
	}
}

// TestCorrect: bindings are corrected in place, in previews too, and nothing else is
// changed.
func TestCorrect(t *testing.T) {
	previews := `{"previews": {"secrets_store_secrets": [{"binding": "P", "store_id": "old", "secret_name": "p"}]}, // as they are
  "env": {"e": {}}}`
	for file, text := range map[string]string{"w.toml": tomlFile, "w.jsonc": jsoncFile, "previews.jsonc": previews} {
		c, err := wrangler.Parse(file, []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		var want []wrangler.Binding
		for _, env := range c.Environments {
			for _, b := range env.Bindings {
				b.StoreID = "new"
				want = append(want, b)
			}
		}
		expected := strings.NewReplacer("'old'", `"new"`, "old", "new").Replace(text)
		if got, err := wrangler.Correct(file, []byte(text), want); err != nil || string(got) != expected {
			t.Errorf("%s: %v\n%s", file, err, cmp.Diff(expected, string(got)))
		}
	}
	if _, err := wrangler.Correct("w.toml", []byte(tomlFile), wanted); err == nil {
		t.Error("bindings that are not there are corrected")
	}
}

// TestLegalLayouts: everything that wrangler reads is read.
func TestLegalLayouts(t *testing.T) {
	for file, text := range map[string]string{
		"bom.jsonc":     "\ufeff// a Worker\n{\"name\": \"a\",}\n",
		"blank.toml":    "",
		"comments.toml": "\ufeff# nothing yet\r\n  # but this\n",
	} {
		got, err := wrangler.Edit(file, []byte(text), "", wanted[:1])
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		if c, err := wrangler.Parse(file, got); err != nil || len(c.Environments[0].Bindings) != 1 || !strings.Contains(string(got), strings.TrimSpace(strings.Split(text, "\n")[0])) {
			t.Errorf("%s becomes %q: %v", file, got, err)
		}
	}
	if _, err := wrangler.Parse("broken.toml", []byte("# a\nname =")); err == nil {
		t.Error("broken TOML is read")
	}
}

func TestEditRefuses(t *testing.T) {
	if _, err := wrangler.Edit("w.toml", []byte("env = {x = {name = \"y\"}}\n"), "x", wanted); !errors.Is(err, wrangler.ErrLayout) {
		t.Errorf("an inline table: %v", err)
	}
	if _, err := wrangler.Edit("w.toml", nil, "x", wanted); err == nil {
		t.Error("an environment that is not there")
	}
}

func TestFormat(t *testing.T) {
	for of, want := range map[string]string{
		"toml":       "[[secrets_store_secrets]]\nbinding = \"STRIPE\"\nstore_id = \"new\"\nsecret_name = \"stripe-key\"\n",
		"jsonc":      "\"secrets_store_secrets\": [\n  { \"binding\": \"STRIPE\", \"store_id\": \"new\", \"secret_name\": \"stripe-key\" }\n]\n",
		"toml pro d": "[[env.\"pro d\".secrets_store_secrets]]\nbinding = \"STRIPE\"\nstore_id = \"new\"\nsecret_name = \"stripe-key\"\n",
		"toml prod":  "[[env.prod.secrets_store_secrets]]\nbinding = \"STRIPE\"\nstore_id = \"new\"\nsecret_name = \"stripe-key\"\n",
		"jsonc prod": "// under \"env\": {\"prod\": {\n\"secrets_store_secrets\": [\n  { \"binding\": \"STRIPE\", \"store_id\": \"new\", \"secret_name\": \"stripe-key\" }\n]\n",
		"types":      "interface Env {\n  STRIPE: SecretsStoreSecret;\n}\n",
	} {
		format, env, _ := strings.Cut(of, " ")
		if got, err := wrangler.Format(format, env, wanted[:1]); err != nil || got != want {
			t.Errorf("%s: %q, %v", of, got, err)
		}
	}
	if _, err := wrangler.Format("yaml", "", nil); err == nil {
		t.Error("yaml is written")
	}
}

// FuzzEdit: everything that can be parsed can be edited, or is refused; an edit keeps all
// other bindings and is idempotent.
func FuzzEdit(f *testing.F) {
	f.Add("w.toml", tomlFile, "staging")
	f.Add("w.jsonc", jsoncFile, "prod")
	f.Add("w.toml", "[[unsafe.bindings]]\nname = \"STRIPE\"\ntype = \"secrets_store_secret\"\nstore_id = \"old\"\nsecret_name = \"x\"\n", "")
	f.Add("w.toml", "secrets_store_secrets = [ ] # ]\n", "")
	f.Add("w.json", `{"secrets_store_secrets": [], "a": "]"}`, "")
	f.Fuzz(func(t *testing.T, file, text, env string) {
		before, mistakes := wrangler.Parse(file, []byte(text))
		if len(mistakes) > 0 {
			return
		}
		got, err := wrangler.Edit(file, []byte(text), env, wanted)
		if err != nil {
			return
		}
		after, mistakes := wrangler.Parse(file, got)
		if len(mistakes) > 0 {
			t.Fatalf("the result cannot be read: %v", mistakes)
		}
		for i, e := range before.Environments {
			for _, b := range e.Bindings {
				if e.Name == env && (b.Binding == "STRIPE" || b.Binding == "SENDGRID") {
					continue
				}
				found := false
				for _, x := range after.Environments[i].Bindings {
					found = found || x.Binding == b.Binding && x.StoreID == b.StoreID && x.SecretName == b.SecretName
				}
				if !found {
					t.Fatalf("binding %q of environment %q is gone", b.Binding, e.Name)
				}
			}
		}
		if again, err := wrangler.Edit(file, got, env, wanted); err != nil || string(again) != string(got) {
			t.Fatalf("edited again: %v", err)
		}
	})
}
