package planner_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/planner/planfile"
	"pgregory.net/rapid"
)

// TestDestroy: what destroy deletes is still in the manifest, so the reason is another one. In
// everything else, the plan is that of an empty manifest.
func TestDestroy(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		w.Desired = nil
		for i := range w.Recorded {
			w.Recorded[i].Delete = rapid.Bool().Draw(t, "delete store")
		}
		empty := planner.Build(w.Input)
		w.Options.Destroy = true
		destroy := planner.Build(w.Input)
		if planfile.ID(destroy) != planfile.ID(empty) {
			t.Fatal("the plan has another id")
		}
		for i, a := range destroy.Actions {
			if slices.Contains(a.Reasons, planner.ReasonNotDesired) || !slices.Contains(a.Reasons, planner.ReasonDestroy) {
				t.Fatalf("%s of %q: %v", a.Op, a.Secret, a.Reasons)
			}
			destroy.Actions[i].Reasons = nil
			empty.Actions[i].Reasons = nil
		}
		if !destroy.Destroy || empty.Destroy {
			t.Fatalf("destroy is marked %v, an empty manifest %v", destroy.Destroy, empty.Destroy)
		}
		destroy.Destroy = false
		if diff := cmp.Diff(empty, destroy); diff != "" {
			t.Fatal(diff)
		}
	})
}
