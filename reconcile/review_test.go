package reconcile

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/secretsync/secretsync/applier"
	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/planner/planfile"
)

// reviewWorld applied the values va (from a SOPS file) and vb (from the environment).
func reviewWorld(t *testing.T) *world {
	w := newWorld(t, reviewed)
	w.write("values.yaml", "a: va n1\nc: vc n1\n")
	w.env["B"] = "vb"
	w.applied()
	return w
}

const reviewed = "stores: {prod: {secrets: {a: {from: {sops: values.yaml, key: a}}, b: {from: {env: B}}}}}\n"

// check checks the current plan.
func (w *world) check(r Review) ([]string, error) {
	w.t.Helper()
	skipped, err := w.plan(Mode{}).Check(r)
	var all []string
	for _, s := range skipped {
		reason := map[SkipReason]string{SkipNotNeeded: "not needed", SkipNotDesired: "not desired", SkipUnread: "unread"}[s.Reason]
		all = append(all, fmt.Sprintf("%s %s: %s", s.Action.Op, s.Action.Secret, reason))
	}
	return all, err
}

// file is the current plan, as it comes back from a review.
func (w *world) file(mode Mode) *planfile.File {
	w.t.Helper()
	f, err := planfile.Parse("plan.json", w.plan(mode).File().Format())
	if err != nil {
		w.t.Fatal(err)
	}
	return f
}

func TestCheckFile(t *testing.T) {
	w := reviewWorld(t)
	w.write("values.yaml", "a: new n2\nc: vc n1\n")
	w.env["B"] = "new"
	f := w.file(Mode{})
	skipped, err := w.check(Review{Files: []*planfile.File{f}})
	equal(t, "nothing changed", skipped, []string(nil))
	if err != nil {
		t.Errorf("nothing changed: %v", err)
	}

	// An unchanged value, and one that the manifest no longer has.
	w.env["B"] = "vb"
	skipped, err = w.check(Review{Files: []*planfile.File{f}})
	equal(t, "one unnecessary", skipped, []string{"update b: not needed"})
	if err != nil {
		t.Errorf("one unnecessary: %v", err)
	}

	// More than was reviewed.
	w.env["B"] = "another"
	var stale *StaleError
	skipped, err = w.check(Review{Files: []*planfile.File{f}})
	if !errors.As(err, &stale) || stale.Difference == nil || err.Error() != "the reviewed plan no longer holds: nothing was changed" {
		t.Fatalf("another value: %v", err)
	}
	equal(t, "its id", stale.PlanID, planfile.ID(w.plan(Mode{}).Plan))
	equal(t, "skipped", skipped, []string(nil))
	if changed := stale.Difference.Changed; len(changed) != 1 || changed[0].Now.Secret != "b" {
		t.Errorf("the difference: %+v", stale.Difference)
	}
	if !slices.Contains(w.guard.public, "sops values.yaml#a") {
		t.Error("what the file says is not public")
	}
}

func TestCheckFileNotDesired(t *testing.T) {
	w := reviewWorld(t)
	w.manifest(reviewed[:len(reviewed)-4] + ", c: {from: {sops: values.yaml, key: c}}}}}\n")
	w.env["B"] = "new"
	f := w.file(Mode{})
	w.manifest(reviewed)
	skipped, err := w.check(Review{Files: []*planfile.File{f}})
	equal(t, "skipped", skipped, []string{"create c: not desired"})
	if err != nil {
		t.Errorf("%v", err)
	}
}

// What was deleted meanwhile needs no deletion.
func TestCheckFileDeleted(t *testing.T) {
	w := reviewWorld(t)
	w.manifest("stores: {prod: {secrets: {b: {from: {env: B}}}}}\n")
	f := w.file(Mode{})
	w.applied()
	skipped, err := w.check(Review{Files: []*planfile.File{f}})
	equal(t, "skipped", skipped, []string{"delete a: not needed"})
	if err != nil {
		t.Errorf("%v", err)
	}
}

func TestCheckFileUnread(t *testing.T) {
	w := newWorld(t, `accounts: {second: {id: `+string(other)+`}}
stores:
  prod: {secrets: {a: {from: {env: A}}}}
  elsewhere: {account: second, secrets: {b: {from: {env: A}}}}
`)
	w.env["A"] = "va"
	w.api.Add(other)
	w.applied()
	w.env["A"] = "new"
	f := w.file(Mode{})
	w.api.Accounts[other].Down("")
	skipped, err := w.check(Review{Files: []*planfile.File{f}})
	equal(t, "skipped", skipped, []string{"update b: unread"})
	if err != nil {
		t.Errorf("%v", err)
	}
}

// A keyless plan covers a plan with keys that does no more: here a file was re-encrypted,
// and one of its values changed.
func TestCheckKeyless(t *testing.T) {
	const both = "stores: {prod: {secrets: {a: {from: {sops: values.yaml, key: a}}, c: {from: {sops: values.yaml, key: c}}}}}\n"
	w := newWorld(t, both)
	w.write("values.yaml", "a: va n1\nc: vc n1\n")
	w.applied()
	w.write("values.yaml", "a: new n2\nc: vc n2\n")
	f := w.file(Mode{Keyless: true})
	lines(t, "reviewed", actions(f.Plan()), "update prod/a reencrypted +value\nupdate prod/c reencrypted +value")
	lines(t, "now", actions(w.plan(Mode{}).Plan), "update prod/a value_changed +value")
	for name, r := range map[string]Review{"the file": {Files: []*planfile.File{f}}, "its id": {IDs: []string{f.PlanID}}} {
		if _, err := w.check(r); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	w.write("values.yaml", "a: new n3\nc: vc n2\n")
	for name, r := range map[string]Review{"the file": {Files: []*planfile.File{f}}, "its id": {IDs: []string{f.PlanID}}} {
		var stale *StaleError
		if _, err := w.check(r); !errors.As(err, &stale) || stale.Difference == nil {
			t.Errorf("%s, after another edit: %v", name, err)
		}
	}
}

// The plan of a keyless review is reconstructed from what is known now, including a value
// that was renamed and an unchanged one.
func TestKeylessPlan(t *testing.T) {
	w := reviewWorld(t)
	w.manifest("stores: {prod: {secrets: {x: {from: {sops: values.yaml, key: a}, renamed_from: a}, b: {from: {env: B}}}}}\n")
	for _, values := range []string{"a: va n1\nc: vc n1\n", "a: va n2\nc: vc n2\n", "a: new n2\nc: vc n1\n"} {
		w.write("values.yaml", values)
		want := w.plan(Mode{Keyless: true}).Plan
		p := w.plan(Mode{})
		before := fmt.Sprint(p.input.Desired)
		equal(t, "plan", p.keyless(p.input), want)
		equal(t, "what the plan was made from", fmt.Sprint(p.input.Desired), before)
	}
}

func TestCheckID(t *testing.T) {
	w := reviewWorld(t)
	w.env["B"] = "new"
	p := w.plan(Mode{})
	id := planfile.ID(p.Plan)
	check := func(r Review) error {
		skipped, err := p.Check(r)
		equal(t, "skipped", skipped, []Skipped(nil))
		return err
	}
	for name, r := range map[string]Review{"its id": {IDs: []string{id}}, "its id without tags": {IDs: []string{planfile.WholeID(id)}}, "nothing": {}} {
		if err := check(r); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	var stale *StaleError
	if err := check(Review{IDs: []string{"0"}}); !errors.As(err, &stale) || stale.Difference != nil || stale.PlanID != id {
		t.Errorf("another id: %v", err)
	}
	given := []bool{Review{}.Given(), Review{IDs: []string{id}}.Given(), Review{Files: []*planfile.File{p.File()}}.Given()}
	equal(t, "given", given, []bool{false, true, true})

	w.applied() // there is nothing left to do, which needs no review
	p = w.plan(Mode{})
	if err := check(Review{IDs: []string{"0"}}); err != nil {
		t.Errorf("nothing to do: %v", err)
	}
}

// TestCheckTogether: two reviews that land together allow what either has, in either form and
// whatever was done already, and nothing else.
func TestCheckTogether(t *testing.T) {
	w := reviewWorld(t)
	w.env["B"] = "new"
	one := w.file(Mode{})
	w.env["B"] = "vb"
	w.write("values.yaml", "a: new n2\nc: vc n1\n")
	two := w.file(Mode{})
	w.env["B"] = "new"
	files := func(f ...*planfile.File) Review { return Review{Files: f} }
	ids := func(f ...string) Review { return Review{IDs: f} }
	var stale *StaleError
	for _, r := range []Review{files(one), files(two), ids(one.PlanID), ids(two.PlanID)} {
		_, err := w.check(r)
		if !errors.As(err, &stale) || stale.Difference == nil || len(stale.Difference.Added) != 1 {
			t.Errorf("one of two reviews: %v", err)
		}
	}
	short := planfile.WholeID
	if _, err := w.check(ids(short(one.PlanID), short(two.PlanID))); !errors.As(err, &stale) {
		t.Errorf("ids without tags: %v", err)
	}
	together := []Review{files(one, two), ids(one.PlanID, two.PlanID), ids(two.PlanID, one.PlanID)}
	for _, r := range together {
		if skipped, err := w.check(r); err != nil || len(skipped) > 0 {
			t.Errorf("both: %v, %v", skipped, err)
		}
	}
	w.env["B"] = "another"
	for _, r := range together {
		if _, err := w.check(r); !errors.As(err, &stale) || len(stale.Difference.Added)+len(stale.Difference.Changed) != 1 {
			t.Errorf("another value: %v", err)
		}
	}
	w.env["B"] = "vb" // as it was: one of the two is enough for what is left
	for _, r := range append(together, files(two), ids(two.PlanID)) {
		if _, err := w.check(r); err != nil {
			t.Errorf("less: %v", err)
		}
	}
}

// TestCheckFirstApply: plans made before there is a store or a key hold one after the other,
// although the first of them creates both.
func TestCheckFirstApply(t *testing.T) {
	w := newWorld(t, "stores: {prod: {secrets: {a: {from: {env: A}}}}}\n")
	w.env["A"], w.env["B"] = "va", "vb"
	one := w.file(Mode{})
	w.manifest("stores: {prod: {secrets: {b: {from: {env: B}}}}}\n")
	two := w.file(Mode{})
	w.manifest("stores: {prod: {secrets: {a: {from: {env: A}}}}}\n")
	if _, err := w.check(Review{IDs: []string{one.PlanID}}); err != nil {
		t.Errorf("the first: %v", err)
	}
	w.applied()
	w.manifest("stores: {prod: {secrets: {a: {from: {env: A}}, b: {from: {env: B}}}}}\n")
	lines(t, "plan", actions(w.plan(Mode{}).Plan), "create prod/b new +value")
	for name, r := range map[string]Review{"the file": {Files: []*planfile.File{two}}, "its id": {IDs: []string{two.PlanID}}} {
		if _, err := w.check(r); err != nil {
			t.Errorf("the second, by %s: %v", name, err)
		}
	}
}

// New problems are reported separately and do not change the plan's id. A plan with only
// problems is another plan.
func TestCheckIDWithNewProblems(t *testing.T) {
	w := reviewWorld(t)
	w.env["B"] = "new"
	id := planfile.ID(w.plan(Mode{}).Plan)
	keyless := planfile.ID(w.plan(Mode{Keyless: true}).Plan)
	w.manifest(reviewed[:len(reviewed)-4] + ", ext: {external: true}}}}\n")
	p := w.plan(Mode{})
	lines(t, "plan", actions(p.Plan), "update prod/b value_changed +value\nproblem external_missing prod/ext")
	if _, err := p.Check(Review{IDs: []string{id}}); err != nil {
		t.Errorf("by its id: %v", err)
	}
	var stale *StaleError
	if _, err := p.Check(Review{IDs: []string{keyless}}); !errors.As(err, &stale) {
		t.Errorf("by the id of a plan that does less: %v", err)
	}
	w.env["B"] = "vb"
	if _, err := w.plan(Mode{}).Check(Review{IDs: []string{id}}); !errors.As(err, &stale) {
		t.Errorf("problems alone: %v", err)
	}
}

// Forged fingerprints are not part of a keyless plan, which compares none.
func TestCheckForged(t *testing.T) {
	w := reviewWorld(t)
	keyless := w.plan(Mode{Keyless: true}).Plan
	w.forge("a")
	p := w.plan(Mode{})
	if len(p.Plan.Problems) != 1 {
		t.Fatalf("problems: %+v", p.Plan.Problems)
	}
	equal(t, "problems without keys", p.keyless(p.input).Problems, keyless.Problems)
}

// A review made before an apply also covers the rest of it after a kill: see TestKilled for
// the plans.
func TestCheckAfterAFailure(t *testing.T) {
	w := reviewWorld(t)
	w.env["B"] = "new"
	w.clock = start.Add(time.Hour)
	f := w.file(Mode{})
	w.live().After = func(call string) error {
		if call == "update st1/id2 value" {
			return fmt.Errorf("cut: %w", applier.ErrOutcomeUnknown)
		}
		return nil
	}
	report := w.apply()
	w.live().After = nil
	equal(t, "outcome", actionsOf(report), []string{"update prod/b unknown"})
	lines(t, "plan", actions(w.plan(Mode{}).Plan), "update prod/b interrupted +value")
	if skipped, err := w.check(Review{Files: []*planfile.File{f}}); err != nil || len(skipped) > 0 {
		t.Errorf("%v, %v", skipped, err)
	}
	if got := w.plan(Mode{}).Plan.Actions[0].Op; got != planner.OpUpdate {
		t.Errorf("operation %s", got)
	}
}
