package docs

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/secretsync/secretsync/internal/render"
	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/planner/planfile"
)

var update = flag.Bool("update", false, "rewrite what the documents quote")

// TestReadmePlan holds the plan that the README shows to what the program prints for such a
// plan. With -update, the README is rewritten.
func TestReadmePlan(t *testing.T) {
	data, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	const begin, end = "$ secretsync plan\n", "```\n"
	before, rest, found := strings.Cut(string(data), begin)
	shown, after, closed := strings.Cut(rest, end)
	if !found || !closed {
		t.Fatal("README.md does not show the output of secretsync plan")
	}
	var printed strings.Builder
	info := render.PlanInfo{ID: planfile.ID(readmePlan())}
	if err := render.Plan(&printed, readmePlan(), info, render.Style{}); err != nil {
		t.Fatal(err)
	}
	short := fmt.Sprintf("%s… (%d digits)", info.ID[:16], len(info.ID)) // it is wider than the page
	want := strings.Replace(printed.String(), info.ID, short, 1)
	if *update {
		if err := os.WriteFile("../README.md", []byte(before+begin+want+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if diff := cmp.Diff(shown, want); diff != "" {
		t.Errorf("README.md does not show what secretsync plan prints; go test ./docs -update rewrites it:\n%s", diff)
	}
}

// TestOutputDiff holds the comment that output.md shows to what the program writes for the same
// plan.
func TestOutputDiff(t *testing.T) {
	data, err := os.ReadFile("output.md")
	if err != nil {
		t.Fatal(err)
	}
	const begin, end = "```diff\n", "```\n"
	before, rest, found := strings.Cut(string(data), begin)
	shown, after, closed := strings.Cut(rest, end)
	if !found || !closed {
		t.Fatal("output.md does not show the changes of a plan")
	}
	var comment strings.Builder
	if err := render.PlanMarkdown(&comment, readmePlan(), render.PlanInfo{}); err != nil {
		t.Fatal(err)
	}
	_, block, _ := strings.Cut(comment.String(), begin)
	written, _, _ := strings.Cut(block, end)
	if *update {
		if err := os.WriteFile("output.md", []byte(before+begin+written+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if diff := cmp.Diff(shown, written); diff != "" {
		t.Errorf("output.md does not show what a comment has; go test ./docs -update rewrites it:\n%s", diff)
	}
}

// readmePlan has one action of each common kind.
func readmePlan() *planner.Plan {
	store := planner.StoreKey{Account: "0123456789abcdef0123456789abcdef", Name: "default_secrets_store"}
	scopes := func(before []string, after ...string) *planner.Change[[]string] {
		return &planner.Change[[]string]{Before: before, After: after}
	}
	remove := true
	plan := &planner.Plan{
		Actions: []planner.Action{
			{Op: planner.OpCreate, Secret: "sendgrid-api-key", Scopes: scopes(nil, "workers"), SetValue: true,
				ValueID: "sha256:1", Source: "sops prod.enc.yaml#sendgrid", Delete: &remove},
			{Op: planner.OpUpdate, Secret: "session-key", Reasons: []planner.Reason{planner.ReasonChangedOutside}, SetValue: true,
				ValueID: "hmac-sha256:2", Source: "env SESSION_KEY", Delete: &remove},
			{Op: planner.OpUpdate, Secret: "stripe-secret-key", Reasons: []planner.Reason{planner.ReasonScopes},
				Scopes: scopes([]string{"workers"}, "ai_gateway", "workers"), Delete: &remove},
			{Op: planner.OpDelete, Secret: "old-webhook", Reasons: []planner.Reason{planner.ReasonNotDesired}},
			{Op: planner.OpForget, Secret: "legacy-token", Reasons: []planner.Reason{planner.ReasonNotDesired, planner.ReasonKeepPolicy}},
		},
		Notes: []planner.Note{
			{Kind: planner.NoteUnmanaged, Secret: "wiki-bot"},
			{Kind: planner.NoteUnmanaged, Secret: "wiki-key"},
			{Kind: planner.NoteBreaksWorker, Secret: "old-webhook", Worker: "api",
				Pos: planner.Position{File: "apps/api/wrangler.jsonc", Line: 12, Column: 5}},
		},
		Unchanged: 14,
	}
	for i := range plan.Actions {
		plan.Actions[i].Store = store
	}
	for i := range plan.Notes {
		plan.Notes[i].Store = store
	}
	return plan
}
