package planfile_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/invopop/jsonschema"
	validator "github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/planner/planfile"
	"pgregory.net/rapid"
)

var update = flag.Bool("update", false, "rewrite plan.schema.json")

// TestSchema compares plan.schema.json with the Go types, whose comments describe it.
func TestSchema(t *testing.T) {
	r := &jsonschema.Reflector{ExpandedStruct: true, Namer: plainName}
	for _, dir := range []string{"./", "../../internal/position"} {
		if err := r.AddGoComments("github.com/secretsync/secretsync/planner/planfile", dir); err != nil {
			t.Fatal(err)
		}
	}
	s := r.Reflect(&planfile.File{})
	s.ID, s.Title = "https://raw.githubusercontent.com/secretsync/secretsync/main/planner/planfile/plan.schema.json", "A plan of secretsync"
	property(t, s, "schema_version").Const = planfile.SchemaVersion
	property(t, s.Definitions["Action"], "op").Enum = constants(t, "Op")
	property(t, s.Definitions["Action"], "reasons").Items.Enum = constants(t, "Reason")
	property(t, s.Definitions["Warning"], "kind").Enum = constants(t, "NoteKind")
	property(t, s.Definitions["Problem"], "kind").Enum = constants(t, "ProblemKind")
	for _, of := range []string{"Warning", "Problem"} {
		property(t, s.Definitions[of], "reader").Enum = slices.DeleteFunc(constants(t, "ReaderKind"), func(kind any) bool { return kind == "" })
	}
	for _, generic := range []string{"ScopesChange", "CommentChange"} { // whose comments the reflector does not find
		property(t, s.Definitions[generic], "before").Description = "Before is what the live secret has."
		property(t, s.Definitions[generic], "after").Description = "After is what is sent."
	}
	for name, def := range s.Definitions {
		for p := def.Properties.Oldest(); p != nil; p = p.Next() {
			if p.Value.Description == "" {
				t.Errorf("%s of %s has no description", p.Key, name)
			}
		}
	}
	want, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	want = append(want, '\n')
	if *update {
		if err := os.WriteFile("plan.schema.json", want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(string(want), string(planfile.Schema)); diff != "" {
		t.Error(diff)
	}
}

// plainName names generic types, whose own names are not valid in references.
func plainName(t reflect.Type) string {
	switch t {
	case reflect.TypeFor[planfile.Change[[]string]]():
		return "ScopesChange"
	case reflect.TypeFor[planfile.Change[string]]():
		return "CommentChange"
	}
	return ""
}

func property(t *testing.T, s *jsonschema.Schema, name string) *jsonschema.Schema {
	t.Helper()
	p, ok := s.Properties.Get(name)
	if !ok {
		t.Fatalf("no property %s", name)
	}
	return p
}

// constants are the planner's constants of one type.
func constants(t *testing.T, typeName string) []any {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../plan.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var values []any
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 {
			return true
		}
		if id, ok := spec.Type.(*ast.Ident); ok && id.Name == typeName {
			text, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			values = append(values, text)
		}
		return true
	})
	if len(values) == 0 {
		t.Fatalf("no constants of type %s", typeName)
	}
	return values
}

// TestPlanFilesFitTheSchema: every plan file matches, and other documents do not.
func TestPlanFilesFitTheSchema(t *testing.T) {
	doc, err := validator.UnmarshalJSON(bytes.NewReader(planfile.Schema))
	if err != nil {
		t.Fatal(err)
	}
	c := validator.NewCompiler()
	if err := c.AddResource("plan.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("plan.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	check := func(data string) error {
		v, err := validator.UnmarshalJSON(strings.NewReader(data))
		if err != nil {
			return err
		}
		return schema.Validate(v)
	}
	rapid.Check(t, func(t *rapid.T) {
		text := string(planfile.New(plans().Draw(t, "plan"), planfile.Inputs{Manifest: "m"}).Format())
		if err := check(text); err != nil {
			t.Fatal(err)
		}
		for old, edited := range map[string]string{`"schema_version": 1`: `"schema_version": "1"`, `"plan_id": "`: `"plan_id": "x`, `"summary"`: `"sum"`} {
			if check(strings.Replace(text, old, edited, 1)) == nil {
				t.Fatalf("with %s it fits too", edited)
			}
		}
	})

	p := planOf(change("a"))
	p.Actions[0].Comment = &planner.Change[string]{Before: "b", After: "a"}
	p.Notes = []planner.Note{{Kind: planner.NoteUnmanaged, Store: store, Secret: "wiki"}}
	p.Problems = []planner.Problem{{Kind: planner.ProblemConflict, Store: store, Secret: "taken"}}
	text := string(planfile.New(p, planfile.Inputs{Manifest: "m", LockfileDigest: "sha256:" + strings.Repeat("0", 64)}).Format())
	text = strings.Replace(text, `"sha256:1"`, `"sha256:`+strings.Repeat("0", 64)+`"`, 1)
	if err := check(text); err != nil {
		t.Fatal(err)
	}
	for old, edited := range map[string]string{
		`"schema_version": 1`:     `"schema_version": 2`,
		`"value": "sha256:`:       `"value": "plaintext`,
		`"value": "sha`:           `"value": "hunter2 sha`,
		`"op": "update"`:          `"op": "upsert"`,
		`"value_changed"`:         `"because"`,
		`"kind": "unmanaged"`:     `"kind": "rumour"`,
		`"kind": "conflict"`:      `"kind": "dislike"`,
		`"lockfile_digest": "sha`: `"lockfile_digest": "md5`,
		`"before": "b"`:           `"before": ["b"]`,
		`"after": "a"`:            `"now": "a"`,
	} {
		if bad := strings.Replace(text, old, edited, 1); bad == text || check(bad) == nil {
			t.Errorf("with %s it fits too", edited)
		}
	}
}

// TestSchemaReferences: every reference is a valid URI fragment without escaping.
func TestSchemaReferences(t *testing.T) {
	for _, ref := range regexp.MustCompile(`"\$ref": "(.*)"`).FindAllStringSubmatch(string(planfile.Schema), -1) {
		if !regexp.MustCompile(`^#/\$defs/[A-Za-z]+$`).MatchString(ref[1]) {
			t.Errorf("the reference %s", ref[1])
		}
	}
}
