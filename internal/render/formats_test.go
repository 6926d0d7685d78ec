package render_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/secretsync/secretsync/internal/render"
	"github.com/secretsync/secretsync/planner"
)

var update = flag.Bool("update", false, "rewrite the golden files")

var info = render.PlanInfo{ID: strings.Repeat("0123456789abcdef", 4), Manifest: "secretsync.yaml"}

func at(line int) planner.Position {
	return planner.Position{File: "secretsync.yaml", Line: line, Column: 7}
}

// everything is a plan with each kind of action.
func everything() *planner.Plan {
	workers := []string{"workers"}
	return &planner.Plan{
		Actions: []planner.Action{
			{Op: planner.OpCreate, Store: store, Secret: "sendgrid", SetValue: true, Source: "sops prod.enc.yaml#sendgrid", Scopes: &planner.Change[[]string]{After: workers}, Reasons: []planner.Reason{planner.ReasonNew}, Pos: at(5)},
			{
				Op: planner.OpRename, Store: store, Secret: "payments", From: "stripe", Reasons: []planner.Reason{planner.ReasonRenamed}, Pos: at(9),
				Scopes: &planner.Change[[]string]{Before: workers, After: []string{"access", "workers"}}, Comment: &planner.Change[string]{Before: "before", After: "after"},
			},
			{Op: planner.OpUpdate, Store: store, Secret: "session", SetValue: true, Source: "env SESSION", Reasons: []planner.Reason{planner.ReasonChangedOutside}, Pos: at(11)},
			{Op: planner.OpUpdate, Store: store, Secret: "api", Scopes: &planner.Change[[]string]{Before: workers, After: []string{"ai_gateway", "workers"}}, Reasons: []planner.Reason{planner.ReasonScopes}, Pos: at(13)},
			{Op: planner.OpDelete, Store: store, Secret: "old", Reasons: []planner.Reason{planner.ReasonNotDesired}},
			{Op: planner.OpForget, Store: store, Secret: "legacy", Reasons: []planner.Reason{planner.ReasonNotDesired, planner.ReasonKeepPolicy}},
		},
		Notes: []planner.Note{
			{Kind: planner.NoteBreaksWorker, Store: store, Secret: "old", Worker: "api", Pos: planner.Position{File: "apps/api/wrangler.jsonc", Line: 12, Column: 5}},
			{Kind: planner.NoteRenamed, Store: store, Secret: "stripe"},
			{Kind: planner.NoteUnmanaged, Store: store, Secret: "wiki"},
		},
		Unchanged: 14,
	}
}

// many is a plan with n actions of one kind.
func many(n int, op planner.Op) *planner.Plan {
	p := &planner.Plan{Notes: []planner.Note{{Kind: planner.NoteUnmanaged, Store: store, Secret: "wiki"}}}
	for i := range n {
		a := planner.Action{Op: op, Store: store, Secret: fmt.Sprintf("team-%02d-secret-number-%03d", i%20, i), Reasons: []planner.Reason{planner.ReasonNotDesired}}
		if op == planner.OpCreate {
			a.SetValue, a.Source, a.Reasons = true, fmt.Sprintf("sops teams/%02d/secrets.enc.yaml#number%03d", i%20, i), []planner.Reason{planner.ReasonNew}
			a.Scopes = &planner.Change[[]string]{After: []string{"workers"}}
		}
		p.Actions = append(p.Actions, a)
	}
	return p
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

func markdown(t interface{ Fatal(...any) }, p *planner.Plan) []byte {
	var out bytes.Buffer
	if err := render.PlanMarkdown(&out, p, info); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestPlanGitHub(t *testing.T) {
	p := everything()
	p.Problems = []planner.Problem{{Kind: planner.ProblemConflict, Store: store, Secret: "taken", Pos: planner.Position{File: "a,b:c.yaml", Line: 3, Column: 5}}}
	var out bytes.Buffer
	if err := render.PlanGitHub(&out, p, info); err != nil {
		t.Fatal(err)
	}
	golden(t, "small.github", out.Bytes())

	// GitHub keeps ten of a kind: more are summed up.
	out.Reset()
	if err := render.PlanGitHub(&out, many(50, planner.OpDelete), info); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count("\n"+out.String(), "\n::warning"); n != 10 || !strings.Contains(out.String(), "::and 42 more, see the log: 41 to delete\n") {
		t.Errorf("%d warnings:\n%s", n, out.String())
	}
}

func TestGitLab(t *testing.T) {
	var quality, report bytes.Buffer
	p := everything()
	if err := render.PlanCodeQuality(&quality, p, info); err != nil {
		t.Fatal(err)
	}
	golden(t, "small.codequality.json", quality.Bytes())
	var findings []struct{ Fingerprint string }
	if err := json.Unmarshal(quality.Bytes(), &findings); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, f := range findings {
		if seen[f.Fingerprint] {
			t.Error("two findings have one fingerprint: GitLab shows one of them")
		}
		seen[f.Fingerprint] = true
	}
	if err := render.PlanReport(&report, p); err != nil {
		t.Fatal(err)
	}
	var counts map[string]int
	if err := json.Unmarshal(report.Bytes(), &counts); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]int{"create": 1, "update": 4, "delete": 1}, counts); diff != "" {
		t.Error(diff)
	}
}
