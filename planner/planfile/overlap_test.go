package planfile_test

import (
	"testing"

	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/planner/planfile"
)

// TestCompareOverlaps: a reviewed plan covers the rest of its overlapping rotation after an
// interruption, but no other rotation.
func TestCompareOverlaps(t *testing.T) {
	duplicate := func(op planner.Op, edit func(*planner.Action)) planner.Action {
		a := planner.Action{
			Op: op, Store: store, Secret: "a-previous", From: "a", FromID: "id-a", Delete: new(true), Reasons: []planner.Reason{planner.ReasonNew},
			Scopes: &planner.Change[[]string]{After: []string{"workers"}}, Comment: &planner.Change[string]{After: "previous value of a"},
		}
		if op == planner.OpRetire {
			a.ID, a.Scopes.Before, a.Comment.Before = "id-p", []string{"workers"}, "previous value of a"
		}
		if edit != nil {
			edit(&a)
		}
		return a
	}
	promote := func(previous string) planner.Action {
		a := change("a")
		a.Previous = previous
		return a
	}
	interrupted := func(a *planner.Action) { a.Reasons = []planner.Reason{planner.ReasonInterrupted} }
	for _, c := range []struct {
		name                 string
		reviewed, now        *planner.Plan
		added, changed, gone int
	}{
		{"the same", planOf(duplicate(planner.OpRetire, nil), promote("a-previous")), planOf(duplicate(planner.OpRetire, nil), promote("a-previous")), 0, 0, 0},
		{"prepared already", planOf(duplicate(planner.OpPrepare, nil), promote("a-previous")), planOf(promote("a-previous")), 0, 0, 1},
		{"prepared, and the outcome was lost", planOf(duplicate(planner.OpPrepare, nil)), planOf(duplicate(planner.OpRetire, interrupted)), 0, 0, 0},
		{"deleted, and not duplicated yet", planOf(duplicate(planner.OpRetire, nil)), planOf(duplicate(planner.OpPrepare, interrupted)), 0, 0, 0},
		{"deleted outside since", planOf(duplicate(planner.OpRetire, nil)), planOf(duplicate(planner.OpPrepare, nil)), 0, 0, 0},
		{"one appeared since", planOf(duplicate(planner.OpPrepare, nil)), planOf(duplicate(planner.OpRetire, nil)), 0, 1, 0},
		{"another one is there", planOf(duplicate(planner.OpRetire, nil)), planOf(duplicate(planner.OpRetire, func(a *planner.Action) { a.ID = "id-other" })), 0, 1, 0},
		{"of another secret", planOf(duplicate(planner.OpRetire, nil)), planOf(duplicate(planner.OpPrepare, func(a *planner.Action) { a.From = "b" })), 0, 1, 0},
		{"of another secret, interrupted", planOf(duplicate(planner.OpPrepare, nil)), planOf(duplicate(planner.OpRetire, func(a *planner.Action) {
			interrupted(a)
			a.From = "b"
		})), 0, 1, 0},
		{"with other scopes", planOf(duplicate(planner.OpRetire, nil)), planOf(duplicate(planner.OpPrepare, func(a *planner.Action) {
			a.Scopes.After = []string{"dex"}
		})), 0, 1, 0},
		{"the old value was to be kept, and is not", planOf(promote("a-previous")), planOf(promote("")), 0, 1, 0},
		{"the old value is kept, unreviewed", planOf(promote("")), planOf(promote("a-previous")), 0, 1, 0},
		{"an older value is retired first, unreviewed", planOf(promote("a-previous")), planOf(duplicate(planner.OpRetire, nil), promote("a-previous")), 1, 0, 0},
	} {
		reviewed := planfile.New(c.reviewed, planfile.Inputs{}).Plan() // as it comes from a file
		d := planfile.Compare(reviewed, c.now)
		if len(d.Added) != c.added || len(d.Changed) != c.changed || len(d.Gone) != c.gone {
			t.Errorf("%s: added %d, changed %d, gone %d", c.name, len(d.Added), len(d.Changed), len(d.Gone))
		}
	}
	bare := duplicate(planner.OpRetire, func(a *planner.Action) { a.Scopes, a.Comment = nil, nil }) // a file that was edited
	if planfile.Compare(planOf(bare), planOf(duplicate(planner.OpPrepare, nil))).Holds() {
		t.Error("a reviewed retirement without metadata covers one with it")
	}
}
