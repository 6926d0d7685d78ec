package schema_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
	"github.com/google/go-cmp/cmp"
	"github.com/invopop/jsonschema"
	validator "github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/secretsync/secretsync/manifest/schema"
	"gopkg.in/yaml.v3"
)

var update = flag.Bool("update", false, "rewrite secretsync.schema.json")

// TestSchema compares secretsync.schema.json with the Go types, whose comments describe it.
func TestSchema(t *testing.T) {
	r := &jsonschema.Reflector{ExpandedStruct: true}
	if err := r.AddGoComments("github.com/secretsync/secretsync/manifest/schema", "./"); err != nil {
		t.Fatal(err)
	}
	s := r.Reflect(&schema.Manifest{})
	s.ID, s.Title = "https://raw.githubusercontent.com/secretsync/secretsync/main/manifest/schema/secretsync.schema.json", "A manifest of secretsync"
	// What struct tags cannot express.
	scalar := &jsonschema.Schema{AnyOf: []*jsonschema.Schema{{Type: "string"}, {Type: "integer"}, {Type: "boolean"}}}
	property(t, s, "vars").AdditionalProperties = scalar
	property(t, s, "stores").PropertyNames = &jsonschema.Schema{Pattern: "^[A-Za-z0-9_-]+$"}
	property(t, s.Definitions["Store"], "secrets").PropertyNames = &jsonschema.Schema{Pattern: "^[A-Za-z0-9_-]+$"}
	workers := property(t, s, "workers")
	workers.Items = &jsonschema.Schema{AnyOf: []*jsonschema.Schema{{Type: "string"}, workers.Items}}
	examples := map[string]any{
		"vars": map[string]any{"environment": "production"}, "include": []string{"teams/*/secrets.yaml"}, "workers": []string{"apps/*/wrangler.jsonc"},
		"accounts": map[string]any{"staging": map[string]any{"id": strings.Repeat("0123456789abcdef", 2), "token_env": "CLOUDFLARE_API_TOKEN_STAGING"}},
		"defaults": map[string]any{"scopes": []string{"workers", "ai_gateway"}}, "safety": map[string]any{"max_deletes": 3},
		"stores": map[string]any{"prod": map[string]any{"secrets": map[string]any{"api-key": map[string]any{"from": map[string]any{"env": "API_KEY"}}}}},
	}
	for name, example := range examples {
		property(t, s, name).Examples = []any{example}
	}
	property(t, s.Definitions["Store"], "secrets").Examples = []any{map[string]any{"api-key": map[string]any{"from": map[string]any{"env": "API_KEY"}}}}
	property(t, s.Definitions["Secret"], "value").Examples = []any{"ENC[AES256_GCM,data:...,iv:...,tag:...,type:str]"}
	property(t, s.Definitions["From"], "trim").Examples = []any{true}
	property(t, s.Definitions["From"], "command").Examples = []any{[]string{"op", "read", "op://vault/stripe/key"}}
	known := &jsonschema.Schema{Enum: []any{"workers", "ai_gateway", "dex", "access", "containers", "websearch"}} // completed by editors
	for _, def := range []string{"Defaults", "Secret"} {
		scopes := property(t, s.Definitions[def], "scopes")
		scopes.Default, scopes.Examples = []string{"workers"}, []any{[]string{"workers", "ai_gateway"}}
		scopes.Items = &jsonschema.Schema{AnyOf: []*jsonschema.Schema{known, {Type: "string", Pattern: "^[a-z][a-z0-9_]*$"}}}
	}
	want, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	want = append(want, '\n')
	if *update {
		if err := os.WriteFile("secretsync.schema.json", want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(string(want), string(schema.JSON)); diff != "" {
		t.Error(diff)
	}
}

func property(t *testing.T, s *jsonschema.Schema, name string) *jsonschema.Schema {
	t.Helper()
	p, ok := s.Properties.Get(name)
	if !ok {
		t.Fatalf("no property %q", name)
	}
	return p
}

// TestSchemaDescribesEveryKey: editors show a text for each key, and an example, a default or the
// possible values. Examples match their patterns.
func TestSchemaDescribesEveryKey(t *testing.T) {
	type def struct {
		Description, Pattern string
		Ref                  string `json:"$ref"`
		Default              any
		Examples, Enum       []any
		Properties           map[string]*def
	}
	var doc struct {
		def
		ID   string          `json:"$id"`
		Defs map[string]*def `json:"$defs"`
	}
	if err := json.Unmarshal(schema.JSON, &doc); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(doc.ID, "https://") {
		t.Errorf("the schema's $id is %q", doc.ID)
	}
	doc.Defs["Manifest"] = &doc.def
	keys := 0
	for kind, d := range doc.Defs {
		for name, key := range d.Properties {
			keys++
			if key.Description == "" {
				t.Errorf("%s of %s has no description", name, kind)
			}
			if name == "sops" && kind == "Manifest" {
				continue // SOPS writes it
			}
			if key.Ref == "" && len(key.Examples) == 0 && len(key.Enum) == 0 && key.Default == nil {
				t.Errorf("%s of %s has no example, default or possible values", name, kind)
			}
			for _, e := range key.Examples {
				if key.Pattern != "" && !regexp.MustCompile(key.Pattern).MatchString(e.(string)) {
					t.Errorf("%s of %s: the example %q is not valid", name, kind, e)
				}
			}
		}
	}
	if keys < 50 {
		t.Errorf("only %d keys were found", keys)
	}
}

// TestSchemaKnowsTheReadersKeys: the schema has exactly the keys that the reader accepts,
// which it lists as {"name", function}.
func TestSchemaKnowsTheReadersKeys(t *testing.T) {
	files, err := filepath.Glob("../*.go")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	var read []string
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`\{"([a-z_]+)", (?:func|d\.)`).FindAllStringSubmatch(string(text), -1) {
			read = append(read, m[1])
		}
	}
	var doc struct {
		Properties map[string]any
		Defs       map[string]struct{ Properties map[string]any } `json:"$defs"`
	}
	if err := json.Unmarshal(schema.JSON, &doc); err != nil {
		t.Fatal(err)
	}
	var known []string
	for name := range doc.Properties {
		if name != "sops" && name != "$schema" { // removed before keys are read
			known = append(known, name)
		}
	}
	for _, def := range doc.Defs {
		for name := range def.Properties {
			known = append(known, name)
		}
	}
	slices.Sort(read)
	slices.Sort(known)
	if diff := cmp.Diff(slices.Compact(read), slices.Compact(known)); diff != "" {
		t.Errorf("the reader's keys (-) and the schema's (+):\n%s", diff)
	}
}

// TestManifestsFitTheSchema: good manifests and documented examples match; manifests with
// mistakes of form do not.
func TestManifestsFitTheSchema(t *testing.T) {
	doc, err := validator.UnmarshalJSON(bytes.NewReader(schema.JSON))
	if err != nil {
		t.Fatal(err)
	}
	c := validator.NewCompiler()
	if err := c.AddResource("secretsync.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	compiled, err := c.Compile("secretsync.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	check := func(t *testing.T, kind, text string) error {
		t.Helper()
		var v any
		switch kind {
		case ".toml":
			err = toml.Unmarshal([]byte(text), &v)
		default: // JSON is YAML
			err = yaml.Unmarshal([]byte(text), &v)
		}
		if err != nil {
			t.Fatal(err)
		}
		data, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		if v, err = validator.UnmarshalJSON(bytes.NewReader(data)); err != nil {
			t.Fatal(err)
		}
		return compiled.Validate(v)
	}
	read := func(path string) string {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	for _, kind := range []string{".yaml", ".toml", ".json"} {
		if err := check(t, kind, read("../testdata/good/full"+kind)); err != nil {
			t.Errorf("full%s: %v", kind, err)
		}
	}
	for _, block := range regexp.MustCompile("(?s)```(yaml|toml)\n(.*?)```").FindAllStringSubmatch(read("../../docs/manifest.md"), -1) {
		if err := check(t, "."+block[1], block[2]); err != nil {
			t.Errorf("%s\n%v", block[2], err)
		}
	}
	for _, name := range []string{"unknown-keys.yaml", "wrong-types.yaml", "wrong-types-toml.toml", "source-count.yaml", "version-unknown.yaml", "version-missing.yaml", "accounts.yaml"} {
		if check(t, filepath.Ext(name), read("../testdata/bad/"+name)) == nil {
			t.Errorf("%s fits", name)
		}
	}
	for _, text := range []string{
		"{version: 1, stores: {s: {secrets: {a.b: {from: {env: A}}}}}}",
		"{version: 1, stores: {s: {secrets: {a: {from: {env: A, file: b}}}}}}",
		"{version: 1, stores: {s: {secrets: {a: {from: {env: A}, rotate_after: soon}}}}}",
		"{version: 1, stores: {s: {secrets: {a: {generate: {encoding: hex, bytes: 8}}}}}}",
		"{version: 1, stores: {s: {secrets: {a: {generate: {encoding: rot13}}}}}}",
		"{version: 1, vars: {a: [1]}}",
		"{version: 1, stores: {s: {unmanaged: eat}}}",
	} {
		if check(t, ".yaml", text) == nil {
			t.Errorf("%s fits", text)
		}
	}
}
