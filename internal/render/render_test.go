package render_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/secretsync/secretsync/applier"
	"github.com/secretsync/secretsync/internal/render"
	"github.com/secretsync/secretsync/planner"
)

var store = planner.StoreKey{Account: "0123456789abcdef0123456789abcdef", Name: "prod"}

// hostile is foreign text in a place that is shown.
const hostile = "evil\x1b[2J\n::error::\u202e##[error]"

func TestNothingForeignReachesTheTerminalAsItIs(t *testing.T) {
	s := planner.StoreKey{Account: "a", Name: hostile}
	p := &planner.Plan{
		Actions: []planner.Action{
			{
				Op: planner.OpUpdate, Store: s, Secret: hostile, SetValue: true, Source: hostile,
				Reasons: []planner.Reason{planner.ReasonValue, planner.ReasonScopes, planner.ReasonComment},
				Scopes:  &planner.Change[[]string]{Before: []string{hostile}, After: []string{hostile}},
				Comment: &planner.Change[string]{Before: hostile, After: hostile},
			},
			{Op: planner.OpRename, Store: s, Secret: hostile, From: hostile},
		},
		Notes:    []planner.Note{{Kind: planner.NoteUnmanaged, Store: s, Secret: hostile}},
		Problems: []planner.Problem{{Kind: planner.ProblemConflict, Store: s, Secret: hostile}},
	}
	var out bytes.Buffer
	if err := render.Plan(&out, p, render.PlanInfo{}, render.Style{}); err != nil {
		t.Fatal(err)
	}
	what, hint := render.Problem(p.Problems[0], render.Names{})
	drift := []planner.Drift{{
		Kind: planner.DriftComment, Store: s, Secret: hostile, Comment: &planner.Change[string]{Before: hostile, After: hostile},
	}, {Kind: planner.DriftNotActive, Store: s, Secret: hostile, Status: hostile}}
	if err := render.Drift(&out, drift, 1, render.Style{}); err != nil {
		t.Fatal(err)
	}
	out.WriteString(what + hint + render.Progress(applier.Result{Action: p.Actions[0], Outcome: applier.Failed, Err: errors.New(hostile)}, render.Names{}))
	for _, bad := range []string{"\x1b", "\u202e", "\n::", "##["} {
		if strings.Contains(out.String(), bad) {
			t.Errorf("the output holds %q:\n%q", bad, out.String())
		}
	}
	if !strings.Contains(out.String(), `evil\x1b[2J`) {
		t.Error("the name isn't shown at all")
	}
}

func TestPlan(t *testing.T) {
	p := &planner.Plan{
		Actions: []planner.Action{
			{Op: planner.OpCreateStore, Store: store, Reasons: []planner.Reason{planner.ReasonNew}},
			{
				Op: planner.OpCreate, Store: store, Secret: "new", SetValue: true, Source: "env NEW", Reasons: []planner.Reason{planner.ReasonNew},
				Scopes: &planner.Change[[]string]{After: []string{"workers"}},
			},
			{Op: planner.OpDelete, Store: store, Secret: "a-longer-name", Reasons: []planner.Reason{planner.ReasonNotDesired}},
		},
		Unchanged: 3,
	}
	for range 14 {
		p.Notes = append(p.Notes, planner.Note{Kind: planner.NoteUnmanaged, Store: store, Secret: "x"})
	}
	want := `prod  account 0123456789abcdef0123456789abcdef
  - delete  a-longer-name  no longer in the manifest
  + create store
  + create  new            from env NEW; scopes workers

note: 14 secrets in prod not managed by this manifest, left alone: x, x, x, x, x, x, x, x, x, x, x, x and 2 more

Plan: 1 store to create, 1 to create, 1 to delete; 3 unchanged.
`
	var plain, colored bytes.Buffer
	if err := errors.Join(render.Plan(&plain, p, render.PlanInfo{}, render.Style{}), render.Plan(&colored, p, render.PlanInfo{}, render.Style{Color: true})); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, plain.String()); diff != "" {
		t.Error(diff)
	}
	if !strings.Contains(colored.String(), "\x1b[31m- delete") {
		t.Error("a deletion isn't red")
	}
}

// TestEverythingHasWords finds kinds that were added without words for people.
func TestEverythingHasWords(t *testing.T) {
	for _, kind := range []planner.NoteKind{
		planner.NoteUnmanaged, planner.NoteLagging, planner.NoteBackwards, planner.NoteActivated, planner.NoteAssumedChanged, planner.NoteInterrupted, planner.NoteValueUnknown, planner.NoteOtherStore,
		planner.NoteBreaksWorker, planner.NoteRenamed, planner.NoteMaybeRenamed, planner.NoteRotationOverdue, planner.NoteKept, planner.NoteStoreKept,
		planner.NoteRotateNotDesired, planner.NoteRotateOtherSource, planner.NoteRotateExternal, planner.NoteRotateNotLive, planner.NoteRotateNotRecorded,
		planner.NoteRotatePending, planner.NoteAccountUnread,
	} {
		var out bytes.Buffer
		if err := render.Plan(&out, &planner.Plan{Notes: []planner.Note{{Kind: kind, Store: store, Secret: "s"}}}, render.PlanInfo{}, render.Style{}); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(out.String(), "note: "+string(kind)+" in") {
			t.Errorf("no words for the note %s", kind)
		}
	}
	for _, kind := range []planner.ProblemKind{
		planner.ProblemConflict, planner.ProblemExternalMissing, planner.ProblemExternalScopes, planner.ProblemOtherPrefix, planner.ProblemOtherAccount,
		planner.ProblemTooManyDeletes, planner.ProblemQuota, planner.ProblemBreaksWorker, planner.ProblemForged, planner.ProblemNothingToRotate,
		planner.ProblemOtherStore, planner.ProblemSeveralStores, planner.ProblemReadersUnread,
	} {
		if what, hint := render.Problem(planner.Problem{Kind: kind, Store: store, Secret: "s"}, render.Names{}); hint == "" || strings.HasPrefix(what, string(kind)) {
			t.Errorf("no words for the problem %s", kind)
		}
	}
}

// TestLongPlanID: recipes get the whole id, and people the part that they can copy.
func TestLongPlanID(t *testing.T) {
	whole := strings.Repeat("0123456789abcdef", 4)
	for _, tags := range []int{10, 11, 100} {
		id := whole + strings.Repeat("f", 32*tags)
		shown := id
		if tags > 10 {
			shown = whole
		}
		p, info := everything(), render.PlanInfo{ID: id, Manifest: "secretsync.yaml"}
		var text, markdown bytes.Buffer
		if err := errors.Join(render.Plan(&text, p, info, render.Style{}), render.PlanMarkdown(&markdown, p, info)); err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(text.String(), "\nPlan id: "+shown+"\n") {
			t.Errorf("%d tags: %s", tags, text.String())
		}
		if !strings.HasPrefix(markdown.String(), "<!-- secretsync-plan -->\n<!-- secretsync-plan-id "+id+" -->\n") ||
			!strings.Contains(markdown.String(), "plan id `"+shown+"`") {
			t.Errorf("%d tags: %s", tags, markdown.String())
		}
	}
	bad := everything()
	bad.Problems = []planner.Problem{{Kind: planner.ProblemQuota}}
	var markdown bytes.Buffer
	if err := render.PlanMarkdown(&markdown, bad, render.PlanInfo{ID: whole}); err != nil || strings.Contains(markdown.String(), "secretsync-plan-id") {
		t.Errorf("a plan with problems: %v %s", err, markdown.String())
	}
}
