package planfile_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/planner/planfile"
	"pgregory.net/rapid"
)

// TestRecognized: an id finds its plan's actions among others, and no others.
func TestRecognized(t *testing.T) {
	a, b, c := change("a"), change("b"), change("c")
	id := planfile.ID(planOf(a, b))
	problem := planOf(a, b)
	problem.Problems = []planner.Problem{{Kind: planner.ProblemTooManyDeletes, Count: 1}}
	another := b
	another.ValueID = "sha256:2"
	moved := b
	moved.Reasons, moved.Pos = nil, planner.Position{File: "other.yaml"}
	for _, test := range []struct {
		name, id  string
		now, want []planner.Action
	}{
		{"the plan", id, []planner.Action{b, a}, []planner.Action{b, a}},
		{"less", id, []planner.Action{b}, []planner.Action{b}},
		{"nothing", id, nil, nil},
		{"more", id, []planner.Action{a, c, b}, []planner.Action{a, b}},
		{"other details", id, []planner.Action{a, another}, []planner.Action{a}},
		{"another position and reason", id, []planner.Action{moved, c}, []planner.Action{moved}},
		{"without tags", planfile.WholeID(id), []planner.Action{b, a}, []planner.Action{b, a}},
		{"less, without tags", planfile.WholeID(id), []planner.Action{b}, nil},
		{"more, without tags", planfile.WholeID(id), []planner.Action{a, b, c}, nil},
		{"the id of a plan with problems", planfile.ID(problem), []planner.Action{a, b}, nil},
		{"the tags of another plan", planfile.WholeID(planfile.ID(planOf(c))) + id[64:], []planner.Action{a, b, c}, nil},
		{"a part of a tag", id[:len(id)-1], []planner.Action{a, b, c}, nil},
		{"a part of the whole", id[:32], []planner.Action{a, b}, nil},
		{"upper case", strings.ToUpper(id), []planner.Action{a, b}, nil},
		{"too many tags", id + strings.Repeat("0", 32*99), []planner.Action{a}, nil},
		{"no id", "", []planner.Action{a, b}, nil},
	} {
		if diff := cmp.Diff(test.want, planfile.Recognized(test.id, planOf(test.now...))); diff != "" {
			t.Errorf("%s: %s", test.name, diff)
		}
	}
}

// TestLargePlanHasNoTags: an id does not grow without bounds. That of a large plan is for the
// whole plan.
func TestLargePlanHasNoTags(t *testing.T) {
	var actions []planner.Action
	for i := range 101 {
		actions = append(actions, change(fmt.Sprint(i)))
	}
	if id := planfile.ID(planOf(actions[:100]...)); len(id) != 64+100*32 || len(planfile.Recognized(id, planOf(actions...))) != 100 {
		t.Errorf("100 actions: %d digits", len(id))
	}
	id := planfile.ID(planOf(actions...))
	if len(id) != 64 || len(planfile.Recognized(id, planOf(actions...))) != 101 || planfile.Recognized(id, planOf(actions[:100]...)) != nil {
		t.Errorf("101 actions: %d digits", len(id))
	}
}

// TestUnion: several ids and several files allow the same, whatever part of their actions is
// left, and nothing else.
func TestUnion(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var all []planner.Action
		for i := range rapid.IntRange(1, 6).Draw(t, "actions") {
			all = append(all, change(fmt.Sprint(i)))
		}
		some := func(name string) *planner.Plan {
			return planOf(slices.DeleteFunc(slices.Clone(all), func(planner.Action) bool { return rapid.Bool().Draw(t, name) })...)
		}
		one, two, now := some("one"), some("two"), some("now")
		want := true
		for _, a := range now.Actions {
			reviewed := func(b planner.Action) bool { return a.Secret == b.Secret }
			want = want && (slices.ContainsFunc(one.Actions, reviewed) || slices.ContainsFunc(two.Actions, reviewed))
		}
		union := planfile.Union(one, two)
		if d := planfile.Compare(union, now); d.Holds() != want || len(union.Actions)-len(d.Gone) != len(now.Actions)-len(d.Added) {
			t.Errorf("by files: holds %v, want %v; gone %d of %d", d.Holds(), want, len(d.Gone), len(union.Actions))
		}
		known := planfile.Union(planOf(planfile.Recognized(planfile.ID(one), now)...), planOf(planfile.Recognized(planfile.ID(two), now)...))
		if d := planfile.Compare(known, now); d.Holds() != want {
			t.Errorf("by ids: holds %v, want %v", d.Holds(), want)
		}
	})
}

// TestUnionOnOneSecret: reviews that differ about a secret allow what either of them says, and
// the other is reported as not done.
func TestUnionOnOneSecret(t *testing.T) {
	one, two, three := change("a"), change("a"), change("a")
	two.ValueID, three.ValueID = "sha256:2", "sha256:3"
	again := one
	again.Reasons = nil
	union := planfile.Union(planOf(one), planOf(two, again))
	if len(union.Actions) != 2 {
		t.Fatalf("%d actions", len(union.Actions))
	}
	for _, now := range []planner.Action{one, two} {
		d := planfile.Compare(union, planOf(now))
		if !d.Holds() || len(d.Gone) != 1 || d.Gone[0].ValueID == now.ValueID {
			t.Errorf("%s: %+v", now.ValueID, d)
		}
	}
	if d := planfile.Compare(union, planOf(three)); len(d.Changed) != 1 || len(d.Gone) != 0 {
		t.Errorf("a third value: %+v", d)
	}
}
