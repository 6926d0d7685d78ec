package render_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/secretsync/secretsync/internal/render"
	"github.com/secretsync/secretsync/planner"
	"pgregory.net/rapid"
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

func TestPlanMarkdown(t *testing.T) {
	large := many(897, planner.OpCreate)
	large.Actions = append(large.Actions, many(300, planner.OpDelete).Actions...)
	long := many(890, planner.OpDelete) // too many to name
	for i := range long.Actions {
		long.Actions[i].Secret = fmt.Sprintf("%0200d", i)
	}
	problem := everything()
	problem.Problems = []planner.Problem{{Kind: planner.ProblemTooManyDeletes, Count: 9, Limit: 5, Pos: at(1)}}
	for name, p := range map[string]*planner.Plan{
		"small.md": everything(), "large.md": large, "deletions.md": many(900, planner.OpDelete), "empty.md": {Unchanged: 3}, "problem.md": problem, "terse.md": long,
	} {
		got := markdown(t, p)
		golden(t, name, got)
		if len(got) > render.MaxMarkdown {
			t.Errorf("%s has %d characters", name, len(got))
		}
		if !bytes.Contains(got, []byte("### secretsync: "+render.Summary(p))) || !bytes.Contains(got, []byte(info.ID)) {
			t.Errorf("%s lacks its summary or its id", name)
		}
	}
	// All 900 deletions are named, if need be without their reasons.
	if text := string(markdown(t, many(900, planner.OpDelete))); strings.Count(text, "<code>prod/") != 900 {
		t.Errorf("deletions.md names %d of 900", strings.Count(text, "<code>prod/"))
	}
	// Those that there is no room for are counted, not their rows.
	text := string(markdown(t, long))
	named := strings.Count(text, "<code>prod/")
	if want := fmt.Sprintf("- … and %d more that do not fit in a comment", 890-named); named%10 != 0 || named == 0 || !strings.Contains(text, want) {
		t.Errorf("terse.md names %d, and lacks %q", named, want)
	}
	// Where there is no room for all, it is not the deletions that are left out.
	if text := string(markdown(t, large)); strings.Count(text, "\n- delete ") != 300 || !strings.Contains(text, " more that do not fit in a comment") {
		t.Error("large.md leaves out deletions, or doesn't say what it leaves out")
	}
}

// TestMarkdownOfForeignText: whatever names and comments hold, the comment fits, and
// nothing in it is markup, a mention, a reference or a command but ours.
func TestMarkdownOfForeignText(t *testing.T) {
	ours := regexp.MustCompile(`</?(code|details|summary)( open)?>|<!-- secretsync-(plan|drift) -->`)
	hostile := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{
		"<img src=x onerror=alert(1)>", "--> <script>", "](javascript:x)", "@everyone", "#1", "org/repo#2", "https://evil.example", "`x`", "| a | b |",
		"\n::set-output name=x::y", "##[command]x", "</code></details>", "\u202etxt", "&lt;b&gt;", "**bold**", "\r\n\r\n# heading",
	}))
	rapid.Check(t, func(t *rapid.T) {
		p := everything()
		for i := range p.Actions {
			p.Actions[i].Secret, p.Actions[i].Source = hostile.Draw(t, "secret"), hostile.Draw(t, "source")
			p.Actions[i].From = hostile.Draw(t, "from")
		}
		p.Actions[2].Comment = &planner.Change[string]{Before: hostile.Draw(t, "before"), After: hostile.Draw(t, "after")}
		p.Actions[2].Reasons = append(p.Actions[2].Reasons, planner.ReasonComment)
		p.Notes[2].Secret = hostile.Draw(t, "noted")
		p.Problems = []planner.Problem{{Kind: planner.ProblemConflict, Store: store, Secret: hostile.Draw(t, "conflict")}}
		text := string(markdown(t, p))
		rest := ours.ReplaceAllString(text, "")
		if len(text) > render.MaxMarkdown || strings.ContainsAny(rest, "<>@|`\r\u202e") || strings.Contains(rest, "](") || strings.Contains(rest, "://") {
			t.Fatalf("not neutral:\n%s", text)
		}
		for line := range strings.Lines(text) {
			if strings.HasPrefix(line, "::") || strings.Contains(line, "##[") {
				t.Fatalf("a workflow command: %s", line)
			}
		}
		var out bytes.Buffer
		if err := render.PlanGitHub(&out, p, info); err != nil {
			t.Fatal(err)
		}
		commands := regexp.MustCompile(`^::(error|warning|notice|group|endgroup)[ :]`)
		for line := range strings.Lines(out.String()) {
			if strings.HasPrefix(line, "::") && !commands.MatchString(line) {
				t.Fatalf("not a command of ours: %s", line)
			}
		}
		if n := strings.Count(out.String(), "\n::error") + strings.Count("\n"+out.String(), "\n::error"); n > 20 {
			t.Fatalf("%d errors", n)
		}
	})
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
	if n := strings.Count("\n"+out.String(), "\n::warning"); n != 10 || !strings.Contains(out.String(), "::and 42 more, see the log") {
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
