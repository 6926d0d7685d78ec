package planfile_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/invopop/jsonschema"
	validator "github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/secretsync/secretsync/planner/planfile"
	"pgregory.net/rapid"
)

var update = flag.Bool("update", false, "rewrite plan.schema.json")

// TestSchema holds plan.schema.json to the Go types, whose comments describe it.
func TestSchema(t *testing.T) {
	r := &jsonschema.Reflector{ExpandedStruct: true, Namer: nil}
	if err := r.AddGoComments("github.com/secretsync/secretsync/planner/planfile", "./"); err != nil {
		t.Fatal(err)
	}
	s := r.Reflect(&planfile.File{})
	s.ID, s.Title = "", "A plan of secretsync"
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

// TestPlanFilesFitTheSchema: any plan file does, and what is no plan file does not.
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
}
