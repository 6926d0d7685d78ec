package planner_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/secretsync/secretsync/planner"
	"pgregory.net/rapid"
)

// TestRotateOneSecret: what a plan that is limited to rotations does with a secret that matches.
func TestRotateOneSecret(t *testing.T) {
	type (
		d = *planner.DesiredSecret
		r = *planner.RecordedSecret
		l = *planner.LiveSecret
	)
	interrupted := func(op planner.Op) *planner.Pending {
		return &planner.Pending{Op: op, Since: now.Add(-time.Minute), Until: now.Add(-30 * time.Second), Value: true}
	}
	for _, c := range []struct {
		name    string
		desired d
		record  r
		live    l
		change  func(d, r, l)
		want    string
	}{
		{"nothing else to do", desired(), recorded(), live(), nil,
			"rotate+value (rotation_asked_for)"},
		{"metadata and policy that apply would change stay", desired(), recorded(), live(), func(d d, _ r, _ l) {
			d.Scopes, d.Comment, d.Delete = []string{"dex"}, ptr("new"), false
		}, "rotate+value (rotation_asked_for)"},
		{"generated in another way", desired(), recorded(), live(), func(d d, _ r, _ l) { d.Value = planner.ValueChanged },
			"rotate+value (rotation_asked_for, value_changed)"},
		{"due anyway", desired(), recorded(), live(), func(d d, r r, _ l) { d.RotateAfter, r.Applied = time.Hour, now.Add(-2*time.Hour) },
			"rotate+value (rotation_asked_for, rotation_due)"},
		{"changed outside", desired(), recorded(), live(), func(_ d, _ r, l l) { l.Modified, l.Comment = newer, "theirs" },
			"rotate+value (rotation_asked_for, changed_outside)"},
		{"deleted and recreated outside", desired(), recorded(), live(), func(_ d, _ r, l l) { l.ID = "s2" },
			"rotate+value (rotation_asked_for, replaced_outside)"},
		{"the list lags", desired(), recorded(), live(), func(_ d, _ r, l l) { l.Modified = older },
			"rotate+value (rotation_asked_for); note lagging_read"},
		{"an earlier rotation was interrupted", desired(), recorded(), live(), func(_ d, r r, _ l) { r.Pending = interrupted(planner.OpRotate) },
			"rotate+value (rotation_asked_for, interrupted); note interrupted"},
		{"an update was interrupted", desired(), recorded(), live(), func(_ d, r r, _ l) { r.Pending = interrupted(planner.OpUpdate) },
			"rotate+value (rotation_asked_for, interrupted); note interrupted"},
		{"an update of metadata was interrupted, and did not happen", desired(), recorded(), live(), func(_ d, r r, _ l) {
			r.Pending = interrupted(planner.OpUpdate)
			r.Pending.Value = false
		}, "rotate+value (rotation_asked_for, interrupted); note interrupted"},
		{"the same, and the value had been accepted", desired(), recorded(), live(), func(_ d, r r, _ l) {
			r.Pending, r.Accepted = interrupted(planner.OpUpdate), true
			r.Pending.Value = false
		}, "rotate+value (rotation_asked_for, interrupted); note interrupted"},
		{"an update was interrupted, and changed outside since", desired(), recorded(), live(), func(_ d, r r, l l) {
			r.Pending, l.Modified = interrupted(planner.OpUpdate), planner.Modified(now.Add(-10*time.Second).Format(time.RFC3339))
		}, "rotate+value (rotation_asked_for, changed_outside); note interrupted"},
		{"an update was interrupted, and recreated outside since", desired(), recorded(), live(), func(_ d, r r, l l) {
			r.Pending, l.ID = interrupted(planner.OpUpdate), "s2"
		}, "rotate+value (rotation_asked_for, replaced_outside); note interrupted"},
		{"an accepted value", desired(), recorded(), live(), func(_ d, r r, _ l) { r.Accepted = true },
			"rotate+value (rotation_asked_for)"},

		{"another source", desired(), recorded(), live(), func(d d, _ r, _ l) { d.Generated = false },
			"note not_rotated_other_source; problem nothing_to_rotate"},
		{"another source, not applied yet", desired(), nil, nil, func(d d, _ r, _ l) { d.Generated = false },
			"note not_rotated_other_source; problem nothing_to_rotate"},
		{"external", desired(), nil, live(), func(d d, _ r, _ l) { d.External, d.Generated = true, false },
			"note not_rotated_external; problem nothing_to_rotate"},
		{"external and missing", desired(), nil, nil, func(d d, _ r, _ l) { d.External, d.Generated = true, false },
			"note not_rotated_external; problem nothing_to_rotate"},
		{"not created yet", desired(), nil, nil, nil,
			"note not_rotated_not_live; problem nothing_to_rotate"},
		{"not created yet, under another name until now", desired(), nil, nil, func(d d, _ r, _ l) { d.RenamedFrom = "old" },
			"note not_rotated_not_live; problem nothing_to_rotate"},
		{"deleted outside", desired(), recorded(), nil, nil,
			"note not_rotated_not_live; problem nothing_to_rotate"},
		{"exists and isn't ours", desired(), nil, live(), nil,
			"note not_rotated_not_in_lockfile; problem nothing_to_rotate"},
		{"exists and isn't ours, adopt: overwrite", desired(), nil, live(), func(d d, _ r, _ l) { d.Adopt = planner.AdoptOverwrite },
			"note not_rotated_not_in_lockfile; problem nothing_to_rotate"},
		{"left the manifest", nil, recorded(), live(), nil,
			"note not_rotated_not_in_manifest; problem nothing_to_rotate"},
		{"left the manifest and gone already", nil, recorded(), nil, nil,
			"note not_rotated_not_in_manifest; problem nothing_to_rotate"},
		{"its creation was interrupted", desired(), recorded(), live(), func(_ d, r r, _ l) { r.ID, r.Pending = "", interrupted(planner.OpCreate) },
			"note not_rotated_interrupted; problem nothing_to_rotate"},
		{"its deletion was interrupted", desired(), recorded(), live(), func(_ d, r r, _ l) { r.Pending = interrupted(planner.OpDelete) },
			"note not_rotated_interrupted; problem nothing_to_rotate"},
		{"its rename was interrupted", desired(), recorded(), nil, func(_ d, r r, _ l) { r.ID, r.Pending = "", interrupted(planner.OpRename) },
			"note not_rotated_interrupted; problem nothing_to_rotate"},
		{"unmanaged: it does not count as matching", nil, nil, live(), nil,
			"problem nothing_to_rotate"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.desired != nil {
				c.desired.Generated = true
			}
			if c.change != nil {
				c.change(c.desired, c.record, c.live)
			}
			in := input(c.desired, c.record, c.live)
			in.Options.Rotate = []string{"prod/*"}
			in.References = []planner.Reference{{StoreID: "st1", Secret: "api-key", Worker: "w"}}
			p := planner.Build(in)
			if got := describe(p); got != c.want || !p.RotateOnly || p.Unchanged != 0 {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

// TestRotateAction: a rotation keeps the recorded policy, and names the secret in Cloudflare.
func TestRotateAction(t *testing.T) {
	d := desired()
	d.Generated, d.Delete, d.Comment, d.Source = true, false, ptr("new"), "generate uuid"
	in := input(d, recorded(), live())
	in.Options.Rotate = []string{"api-key"}
	want := []planner.Action{{
		Op: planner.OpRotate, Store: store, StoreID: "st1", Secret: "api-key", ID: "s1", SetValue: true,
		Reasons: []planner.Reason{planner.ReasonRotationAsked}, Source: "generate uuid", Pos: d.Pos, Delete: ptr(true),
		Current:  planner.LiveState{Metadata: planner.Metadata{Scopes: []string{"workers"}, Comment: "ours"}, Modified: applied, Status: "active"},
		Recovery: planner.Recovery{ListedAt: now},
	}}
	if diff := cmp.Diff(want, planner.Build(in).Actions); diff != "" {
		t.Error(diff)
	}
}

// TestRotateMatching: a glob names a store, with or without its account, or the secret alone.
func TestRotateMatching(t *testing.T) {
	const done, none = "rotate+value (rotation_asked_for)", "problem nothing_to_rotate"
	for _, c := range []struct {
		rotate, targets []string
		want            string
	}{
		{[]string{"prod/api-key"}, nil, done},
		{[]string{"prod/api-*"}, nil, done},
		{[]string{string(account) + "/prod/api-key"}, nil, done},
		{[]string{"api-key"}, nil, done},
		{[]string{"nothing", "api-*"}, nil, done},
		{[]string{"dev/api-key"}, nil, none},
		{[]string{"fedc/prod/api-key"}, nil, none},
		{[]string{"key"}, nil, none},
		{[]string{"["}, nil, none},
		{[]string{"api-key"}, []string{"prod/*"}, done},
		{[]string{"api-key"}, []string{"prod/other"}, none},
		{[]string{"api-key"}, []string{"api-key"}, none}, // a target names its store
	} {
		d := desired()
		d.Generated = true
		in := input(d, recorded(), live())
		in.Options.Rotate, in.Options.Targets = c.rotate, c.targets
		if got := describe(planner.Build(in)); got != c.want {
			t.Errorf("%q, limited to %q: got %s, want %s", c.rotate, c.targets, got, c.want)
		}
	}
}

// TestRotateForged: forged fingerprints forbid a rotation like every other plan.
func TestRotateForged(t *testing.T) {
	d := desired()
	d.Generated = true
	in := input(d, recorded(), live())
	in.Options.Rotate, in.Forged.Secrets = []string{"api-key"}, []planner.SecretKey{store.Secret("other")}
	if got, want := describe(planner.Build(in)), "rotate+value (rotation_asked_for); problem forged_fingerprints"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestRotateOnlyRotates: whatever the state is, a plan that is limited to rotations has nothing
// but rotations of matching secrets that are generated, live and recorded, and every other
// matching secret of the manifest or the lockfile is listed.
func TestRotateOnlyRotates(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		w.Options.Rotate = rapid.SliceOfN(rapid.SampledFrom([]string{"prod/*", "dev/a", "api-key", "*/*", "dev/[bc]"}), 1, 2).Draw(t, "rotate")
		limit := 0
		w.Options.MaxDeletes = &limit
		p := planner.Build(w.Input)
		handled, duplicated := map[place]bool{}, map[place]bool{}
		for _, a := range p.Actions {
			at := place{a.Store, a.Secret}
			d, r := w.desired(at), w.record(at)
			if a.Op.Duplicates() && slices.ContainsFunc(p.Actions, func(b planner.Action) bool { return b.Store == a.Store && b.Previous == a.Secret }) {
				duplicated[at] = true // so that the value that is replaced stays readable
				continue
			}
			if a.Op != planner.OpRotate || !a.SetValue || a.Scopes != nil || a.Comment != nil {
				t.Fatalf("%+v is more than a rotation", a)
			}
			if d == nil || !d.Generated || d.External || r == nil || r.ID == "" || w.live(at).secret(a.Secret).ID != a.ID || *a.Delete != r.Delete {
				t.Fatalf("%s is rotated: desired %+v, recorded %+v", a.Secret, d, r)
			}
			handled[at] = true
		}
		for _, n := range p.Notes {
			handled[place{n.Store, n.Secret}] = true
		}
		p.Problems = slices.DeleteFunc(p.Problems, func(q planner.Problem) bool {
			if q.Kind != planner.ProblemPreviousTaken {
				return false
			}
			handled[place{q.Store, strings.TrimSuffix(q.Secret, "-previous")}] = true
			return true
		})
		for _, k := range w.known() {
			at := place{k.Store, k.Name}
			if r := w.record(at); duplicated[at] || r != nil && r.PreviousOf != "" && w.desired(at) == nil {
				continue
			}
			matches := slices.ContainsFunc(w.Options.Rotate, func(glob string) bool { return planner.Matches(glob, k) })
			if matches != handled[at] {
				t.Fatalf("%v matches: %v; it is handled: %v", k, matches, !matches)
			}
		}
		nothing := len(p.Problems) == 1 && p.Problems[0].Kind == planner.ProblemNothingToRotate
		if nothing != (len(p.Actions) == 0) || !nothing && len(p.Problems) > 0 {
			t.Fatalf("%d actions, problems %v", len(p.Actions), p.Problems)
		}
	})
}

// known are the secrets of the manifest and the lockfile.
func (w *world) known() []planner.SecretKey {
	var all []planner.SecretKey
	for _, st := range w.Desired {
		for _, s := range st.Secrets {
			all = append(all, st.Key.Secret(s.Name))
		}
	}
	for _, st := range w.Recorded {
		for _, s := range st.Secrets {
			all = append(all, st.Key.Secret(s.Name))
		}
	}
	return all
}
