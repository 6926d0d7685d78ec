package sarif_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/secretsync/secretsync/internal/render"
	"github.com/secretsync/secretsync/internal/render/sarif"
	"github.com/secretsync/secretsync/planner"
	"pgregory.net/rapid"
)

// compiledSchema returns the compiled schema of SARIF (testdata/README).
func compiledSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	schema, err := c.Compile("testdata/sarif-schema-2.1.0.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// valid fails the test unless a log follows the schema.
func valid(t interface{ Fatalf(string, ...any) }, schema *jsonschema.Schema, log []byte) {
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(log))
	if err == nil {
		err = schema.Validate(v)
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, log)
	}
}

var update = flag.Bool("update", false, "rewrite the golden file")

func at(line int) planner.Position {
	return planner.Position{File: "secretsync.yaml", Line: line, Column: 7}
}

// mistakes are n mistakes of a manifest.
func mistakes(n int) *render.Failure {
	f := &render.Failure{Command: "validate", Manifest: "secretsync.yaml", ExitCode: 1}
	for i := range n {
		f.Mistakes = append(f.Mistakes, render.Mistake{Pos: at(i + 1), Rule: "unknown-key", What: fmt.Sprintf("unknown key \"%03d\"", i), Hint: "remove it"})
	}
	return f
}

func TestSARIF(t *testing.T) {
	schema := compiledSchema(t)
	f := mistakes(2)
	f.Mistakes = append(f.Mistakes,
		render.Mistake{Rule: "error", What: "not about a file"},
		render.Mistake{Pos: planner.Position{File: "a folder/ünïcode: 100%#?.yaml"}, Rule: "syntax", What: "is empty"},
		render.Mistake{Pos: planner.Position{File: "/elsewhere/x y.yaml", Line: 3, Column: 1}, Rule: "unknown-key", What: "see [this](https://evil.example)"},
	)
	f.Warnings = []render.Mistake{{Pos: at(9), Rule: "scope", What: "unknown scope", Hint: "is it new?"}}
	var out bytes.Buffer
	if err := sarif.Failure(&out, f); err != nil {
		t.Fatal(err)
	}
	valid(t, schema, out.Bytes())
	const golden = "testdata/failure.sarif"
	if *update {
		if err := os.WriteFile(golden, out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), out.String()); diff != "" {
		t.Errorf("%s (-want +got):\n%s", golden, diff)
	}

	// A schema that accepts everything would not be a test.
	wrong := bytes.Replace(out.Bytes(), []byte(`"ruleId"`), []byte(`"rule"`), 1)
	if v, err := jsonschema.UnmarshalJSON(bytes.NewReader(wrong)); err != nil || schema.Validate(v) == nil {
		t.Errorf("%v: a log that is not SARIF is accepted", err)
	}

	out.Reset()
	if err := sarif.Valid(&out, &render.Valid{Manifest: "secretsync.yaml", Warnings: f.Warnings}); err != nil {
		t.Fatal(err)
	}
	valid(t, schema, out.Bytes())
}

// TestSARIFOfForeignText: whatever is in a message or a name, the log follows the schema, and its
// messages have no links and no invisible characters.
func TestSARIFOfForeignText(t *testing.T) {
	schema := compiledSchema(t)
	hostile := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"[x](javascript:y)", "../x", "//host/x", "c:\\x", "%zz", "a:b", "\u202e", "\x1b[2J"}))
	rapid.Check(t, func(t *rapid.T) {
		f := mistakes(1)
		f.Mistakes[0].Pos.File, f.Mistakes[0].What, f.Mistakes[0].Hint = hostile.Draw(t, "file"), hostile.Draw(t, "what"), hostile.Draw(t, "hint")
		var out bytes.Buffer
		if err := sarif.Failure(&out, f); err != nil {
			t.Fatal(err)
		}
		valid(t, schema, out.Bytes())
		var log struct {
			Runs []struct {
				Results []struct{ Message struct{ Text string } }
			}
		}
		if err := json.Unmarshal(out.Bytes(), &log); err != nil {
			t.Fatal(err)
		}
		text := log.Runs[0].Results[0].Message.Text
		if strings.Contains(text, "](") || strings.ContainsAny(text, "\u202e\x1b\n") {
			t.Fatalf("not neutral: %q", text)
		}
	})
}
