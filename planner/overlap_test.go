package planner_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/secretsync/secretsync/planner"
	"pgregory.net/rapid"
)

// previous is what is known about the previous one of api-key.
type previous struct {
	name     string
	recorded *planner.RecordedSecret
	live     *planner.LiveSecret
}

func recordedPrevious() *planner.RecordedSecret {
	return &planner.RecordedSecret{
		Name: "api-key-previous", ID: "p1", Scopes: []string{"workers"}, Comment: "previous value of api-key", Modified: applied, Delete: true,
		PreviousOf: "api-key",
	}
}

func livePrevious() *planner.LiveSecret {
	return &planner.LiveSecret{
		ID: "p1", Name: "api-key-previous", Scopes: []string{"workers"}, Comment: "previous value of api-key", Status: "active",
		Created: applied, Modified: applied,
	}
}

// previousCells are the states of the previous one, by the table of overlap.go.
func previousCells() []previous {
	cell := func(name string, change func(r *planner.RecordedSecret, l *planner.LiveSecret)) previous {
		p := previous{name, recordedPrevious(), livePrevious()}
		change(p.recorded, p.live)
		return p
	}
	pending := func(op planner.Op) *planner.Pending {
		return &planner.Pending{Op: op, Since: now.Add(-time.Minute), Until: now.Add(-30 * time.Second), ListedAt: now.Add(-time.Minute), PreviousID: "p0"}
	}
	half := func(r *planner.RecordedSecret, op planner.Op) { r.ID, r.Modified, r.Pending = "", "", pending(op) }
	moment := func(ago time.Duration) planner.Modified { return planner.Modified(now.Add(-ago).Format(time.RFC3339)) }
	kept := func(name string, since time.Duration) previous {
		return cell(name, func(r *planner.RecordedSecret, _ *planner.LiveSecret) { r.KeptSince = now.Add(-since) })
	}
	cells := []previous{
		{"absent", nil, nil},
		cell("absent: deleted outside", func(*planner.RecordedSecret, *planner.LiveSecret) {}),
		cell("absent: kept, deleted outside", func(r *planner.RecordedSecret, _ *planner.LiveSecret) { r.KeptSince = now.Add(-time.Hour) }),
		cell("absent: half prepared", func(r *planner.RecordedSecret, _ *planner.LiveSecret) { half(r, planner.OpPrepare) }),
		{"taken", nil, livePrevious()},
		cell("taken: another id", func(_ *planner.RecordedSecret, l *planner.LiveSecret) { l.ID = "p2" }),
		cell("taken: half prepared, older", func(r *planner.RecordedSecret, _ *planner.LiveSecret) { half(r, planner.OpPrepare) }),
		cell("taken: ours, not to be deleted", func(r *planner.RecordedSecret, _ *planner.LiveSecret) { r.PreviousOf, r.Delete = "", false }),
		cell("stale: ours, not kept for it", func(r *planner.RecordedSecret, _ *planner.LiveSecret) { r.PreviousOf = "" }),
		cell("stale: half prepared", func(r *planner.RecordedSecret, l *planner.LiveSecret) {
			half(r, planner.OpPrepare)
			l.Created = moment(50 * time.Second)
		}),
		cell("stale: half retired", func(r *planner.RecordedSecret, l *planner.LiveSecret) {
			half(r, planner.OpRetire)
			l.ID = "p0"
		}),
		cell("stale: half updated", func(r *planner.RecordedSecret, _ *planner.LiveSecret) { r.Pending = pending(planner.OpUpdate) }),
		cell("stale: changed outside", func(_ *planner.RecordedSecret, l *planner.LiveSecret) { l.Modified = newer }),
		cell("stale: accepted", func(r *planner.RecordedSecret, _ *planner.LiveSecret) { r.Accepted = true }),
		cell("equal", func(*planner.RecordedSecret, *planner.LiveSecret) {}),
		cell("equal, other scopes", func(r *planner.RecordedSecret, l *planner.LiveSecret) {
			r.Scopes, l.Scopes = []string{"dex", "workers"}, []string{"dex", "workers"}
		}),
		cell("equal, list lags", func(r *planner.RecordedSecret, _ *planner.LiveSecret) { r.Modified = newer }),
		kept("kept", time.Hour),
		cell("kept, changed outside", func(r *planner.RecordedSecret, l *planner.LiveSecret) {
			r.KeptSince, l.Modified = now.Add(-time.Hour), newer
		}),
		kept("kept, overlap over", 25*time.Hour),
	}
	for i := range cells {
		if strings.HasPrefix(cells[i].name, "absent") {
			cells[i].live = nil
		}
	}
	return cells
}

// owner is a state of the secret whose earlier value is kept.
type owner struct {
	name   string
	change func(d *planner.DesiredSecret, r *planner.RecordedSecret, l *planner.LiveSecret)
	// none are the versions that do not exist.
	noRecord, noLive bool
}

func ownerCells() []owner {
	type (
		d = *planner.DesiredSecret
		r = *planner.RecordedSecret
		l = *planner.LiveSecret
	)
	promoting := func(r r, ago time.Duration) {
		r.Pending = &planner.Pending{Op: planner.OpUpdate, Since: now.Add(-ago), Until: now.Add(-ago / 2), Value: true}
	}
	return []owner{
		{name: "unchanged", change: func(d, r, l) {}},
		{name: "new value", change: func(d d, _ r, _ l) { d.Value = planner.ValueChanged }},
		{name: "value unknown", change: func(d d, _ r, _ l) { d.Value = planner.ValueUnknown }},
		{name: "rotation due", change: func(d d, r r, _ l) {
			d.Generated, d.RotateAfter, r.Applied = true, time.Hour, now.Add(-2*time.Hour)
		}},
		{name: "changed outside", change: func(_ d, _ r, l l) { l.Modified = newer }},
		{name: "comment", change: func(d d, _ r, _ l) { d.Comment = ptr("new") }},
		{name: "promote half done", change: func(d d, r r, _ l) {
			d.Value = planner.ValueChanged
			promoting(r, time.Hour)
		}},
		{name: "generated, half rotated", change: func(d d, r r, _ l) {
			d.Generated = true
			promoting(r, time.Hour)
			r.Pending.Op = planner.OpRotate
		}},
		{name: "new value, proven", change: func(d d, _ r, l l) {
			d.Value, l.DesiredValue, l.Modified = planner.ValueChanged, planner.LiveSame, newer
		}},
		{name: "promote proven done", change: func(d d, r r, l l) {
			d.Value, l.DesiredValue = planner.ValueChanged, planner.LiveSame
			promoting(r, time.Hour)
		}},
		{name: "to be created", noRecord: true, noLive: true, change: func(d d, _ r, _ l) { d.Value = planner.ValueNew }},
		{name: "gone, same value", noLive: true, change: func(d, r, l) {}},
		{name: "gone, generated", noLive: true, change: func(d d, _ r, _ l) { d.Generated = true }},
		{name: "adopted", noRecord: true, change: func(d d, _ r, _ l) { d.Value, d.Adopt = planner.ValueNew, planner.AdoptOverwrite }},
		{name: "not ours", noRecord: true, change: func(d d, _ r, _ l) { d.Value = planner.ValueNew }},
	}
}

// inputWithOverlap is api-key with an overlap of a day, and its previous one.
func inputWithOverlap(o owner, p previous) planner.Input {
	d, r, l := desired(), recorded(), live()
	d.Overlap, d.Previous = 24*time.Hour, "api-key-previous"
	o.change(d, r, l)
	if o.noRecord {
		r = nil
	}
	if o.noLive {
		l = nil
	}
	in := input(d, r, l)
	if p.recorded != nil {
		in.Recorded[0].Secrets = append(in.Recorded[0].Secrets, *p.recorded)
	}
	if p.live != nil {
		in.Live[0].Secrets = append(in.Live[0].Secrets, *p.live)
	}
	return in
}

// describeOverlap is the short form of a plan, with what keeps the value that an action replaces.
func describeOverlap(p *planner.Plan) string {
	var parts []string
	for _, a := range p.Actions {
		text := strings.SplitN(describe(&planner.Plan{Actions: []planner.Action{a}}), ";", 2)[0]
		if a.Previous != "" {
			text += " keeping"
		}
		parts = append(parts, text)
	}
	rest := *p
	rest.Actions = nil
	if len(parts) == 0 || len(rest.Notes)+len(rest.Problems) > 0 {
		parts = append(parts, describe(&rest))
	}
	return strings.Join(parts, "; ")
}

// TestOverlapCells decides every state of a secret with every state of its previous one, and
// compares the decisions with testdata/overlap.txt.
func TestOverlapCells(t *testing.T) {
	var table strings.Builder
	fmt.Fprintf(&table, "%-30s %-23s %s\n", "previous", "secret", "decision")
	for _, p := range previousCells() {
		for _, o := range ownerCells() {
			fmt.Fprintf(&table, "%-30s %-23s %s\n", p.name, o.name, describeOverlap(planner.Build(inputWithOverlap(o, p))))
		}
	}
	golden(t, "overlap.txt", table.String())
}

// TestNoValueIsLostInAnOverlap: in every plan, a value that may be replaced is kept by the previous
// one, which is equal to the secret by then.
func TestNoValueIsLostInAnOverlap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		p := planner.Build(w.Input)
		if len(p.Problems) > 0 {
			t.Skip("not applied")
		}
		for _, a := range p.Actions {
			at := place{a.Store, a.Secret}
			d := w.desired(at)
			if d == nil || d.Overlap == 0 || !a.SetValue || a.ID == "" || d.Value == planner.ValueSame && !d.Generated {
				continue
			}
			if a.Previous != d.Previous {
				t.Fatalf("%s of %s keeps the value nowhere", a.Op, a.Secret)
			}
			duplicated := slices.ContainsFunc(p.Actions, func(b planner.Action) bool {
				return b.Op.Duplicates() && b.Store == a.Store && b.Secret == d.Previous && b.FromID == a.ID
			})
			r := w.record(place{a.Store, d.Previous})
			if !duplicated && (r == nil || r.PreviousOf != a.Secret || !r.KeptSince.IsZero()) {
				t.Fatalf("%s of %s: %s has another value", a.Op, a.Secret, d.Previous)
			}
		}
	})
}

func TestOverlapWithRotateAndTargets(t *testing.T) {
	cells := map[string]previous{}
	for _, p := range previousCells() {
		cells[p.name] = p
	}
	generated := owner{change: func(d *planner.DesiredSecret, _ *planner.RecordedSecret, _ *planner.LiveSecret) { d.Generated = true }}
	changed := owner{change: func(d *planner.DesiredSecret, _ *planner.RecordedSecret, _ *planner.LiveSecret) {
		d.Value = planner.ValueChanged
	}}
	rotate := planner.Options{Rotate: []string{"api-key*"}}
	for _, c := range []struct {
		previous string
		owner    owner
		options  planner.Options
		want     string
	}{
		{"absent", generated, rotate, "prepare+scopes+comment (new); rotate+value (rotation_asked_for) keeping"},
		{"equal", generated, rotate, "rotate+value (rotation_asked_for) keeping"},
		{"kept", generated, rotate, "retire+scopes+comment (replaced_again); rotate+value (rotation_asked_for) keeping"},
		{"kept, overlap over", generated, rotate, "retire+scopes+comment (overlap_over); rotate+value (rotation_asked_for) keeping"},
		{"taken", generated, rotate, "problem nothing_to_rotate; problem previous_taken"},
		{"absent", changed, planner.Options{Targets: []string{"prod/api-key"}}, "prepare+scopes+comment (new); update+value (value_changed) keeping"},
		{"taken", changed, planner.Options{Targets: []string{"prod/api-key"}}, "update+value (value_changed); problem previous_taken"},
		{"kept, overlap over", changed, planner.Options{Targets: []string{"prod/*-previous"}}, "retire+scopes+comment (overlap_over)"},
		{"absent: deleted outside", changed, planner.Options{Targets: []string{"prod/*-previous"}}, "prepare+scopes+comment (deleted_outside)"},
		{"kept", changed, planner.Options{Targets: []string{"prod/*-previous"}}, "nothing, 0 unchanged"},
		{"kept", changed, planner.Options{Targets: []string{"prod/other"}}, "nothing, 0 unchanged"},
	} {
		in := inputWithOverlap(c.owner, cells[c.previous])
		in.Options = c.options
		if got := describeOverlap(planner.Build(in)); got != c.want {
			t.Errorf("%s, %v:\n got %s\nwant %s", c.previous, c.options, got, c.want)
		}
	}
}

// TestOverlapEnds: without the secret, or without its overlap, the previous one is deleted.
func TestOverlapEnds(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(in *planner.Input)
		want   string
	}{
		{"no overlap", func(in *planner.Input) {
			in.Desired[0].Secrets[0].Overlap, in.Desired[0].Secrets[0].Previous = 0, ""
		}, "delete (not_in_manifest)"},
		{"not in the manifest", func(in *planner.Input) { in.Desired[0].Secrets = nil }, "delete (not_in_manifest); delete (not_in_manifest)"},
		{"nothing desired", func(in *planner.Input) { in.Desired, in.Options.Destroy = nil, true }, "delete (destroy); delete (destroy)"},
		{"renamed", func(in *planner.Input) {
			d := &in.Desired[0].Secrets[0]
			d.Name, d.Previous, d.RenamedFrom = "key", "key-previous", "api-key"
		}, "rename+scopes+comment (renamed); prepare+scopes+comment (new); delete (not_in_manifest); note renamed"},
		{"another secret of that name is desired", func(in *planner.Input) {
			d := *desired()
			d.Name = "api-key-previous"
			in.Desired[0].Secrets = append(in.Desired[0].Secrets, d)
		}, "problem previous_taken"},
	} {
		in := inputWithOverlap(owner{change: func(*planner.DesiredSecret, *planner.RecordedSecret, *planner.LiveSecret) {}},
			previous{"", recordedPrevious(), livePrevious()})
		c.change(&in)
		if got := describe(planner.Build(in)); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, c.want)
		}
	}
}

// TestOverlapIncompleteList: a half prepared previous one that is missing from an incomplete list may
// exist. The secret is left alone too, because its value may be kept nowhere.
func TestOverlapIncompleteList(t *testing.T) {
	half := recordedPrevious()
	half.ID, half.Modified = "", ""
	half.Pending = &planner.Pending{Op: planner.OpPrepare, Since: now.Add(-time.Minute)}
	in := inputWithOverlap(owner{change: func(d *planner.DesiredSecret, _ *planner.RecordedSecret, _ *planner.LiveSecret) {
		d.Value = planner.ValueChanged
	}}, previous{"", half, nil})
	in.Live[0].Incomplete = true
	if got, want := describe(planner.Build(in)), "note interrupted; note list_incomplete; note may_exist"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	other := *desired()
	other.Name = "other"
	in.Desired[0].Secrets = append(in.Desired[0].Secrets, other)
	if got, want := describe(planner.Build(in)), "create+value+scopes (new); note interrupted; note list_incomplete; note may_exist; note may_exist"; got != want {
		t.Errorf("beside another secret: got %s, want %s", got, want)
	}
}

// TestOverlapOver: an overlap ends at the moment when its time has passed.
func TestOverlapOver(t *testing.T) {
	for ago, want := range map[time.Duration]string{
		24*time.Hour - time.Second: "nothing, 1 unchanged", 24 * time.Hour: "retire+scopes+comment (overlap_over)",
	} {
		r := recordedPrevious()
		r.KeptSince = now.Add(-ago)
		in := inputWithOverlap(owner{change: func(*planner.DesiredSecret, *planner.RecordedSecret, *planner.LiveSecret) {}},
			previous{"", r, livePrevious()})
		if got := describe(planner.Build(in)); got != want {
			t.Errorf("after %s: got %q, want %q", ago, got, want)
		}
	}
}

func TestOverlapQuota(t *testing.T) {
	in := inputWithOverlap(owner{change: func(*planner.DesiredSecret, *planner.RecordedSecret, *planner.LiveSecret) {}}, previous{})
	in.Quotas = map[planner.AccountID]planner.Quota{account: {Usage: 100, Limit: 100}}
	if got, want := describe(planner.Build(in)), "prepare+scopes+comment (new); problem quota"; got != want {
		t.Errorf("a previous one takes a slot: got %s, want %s", got, want)
	}
	in = inputWithOverlap(owner{change: func(d *planner.DesiredSecret, _ *planner.RecordedSecret, _ *planner.LiveSecret) {
		d.Value = planner.ValueChanged
	}}, previous{"", recordedPrevious(), livePrevious()})
	in.Recorded[0].Secrets[1].KeptSince = now.Add(-time.Hour)
	in.Quotas = map[planner.AccountID]planner.Quota{account: {Usage: 100, Limit: 100}}
	if got, want := describe(planner.Build(in)), "retire+scopes+comment (replaced_again); update+value (value_changed)"; got != want {
		t.Errorf("a retirement takes none: got %s, want %s", got, want)
	}
	many := planner.Input{Desired: []planner.DesiredStore{{Key: store}}}
	for i := range planner.UsualQuota/2 + 1 {
		name := fmt.Sprint("s", i)
		many.Desired[0].Secrets = append(many.Desired[0].Secrets, planner.DesiredSecret{Name: name, Overlap: time.Hour, Previous: name + "-previous"})
	}
	if got := planner.ExpectNearQuota(many); len(got) != 1 {
		t.Errorf("the quota is read for %v", got)
	}
}

func TestDriftOfPrevious(t *testing.T) {
	for _, p := range previousCells() {
		in := inputWithOverlap(owner{change: func(*planner.DesiredSecret, *planner.RecordedSecret, *planner.LiveSecret) {}}, p)
		overdue := false
		for _, d := range planner.FindDrift(in) {
			if d.Kind == planner.DriftUnmanaged && p.recorded != nil {
				t.Errorf("%s: reported as unmanaged", p.name)
			}
			overdue = overdue || d.Kind == planner.DriftRetireOverdue && d.Counts && d.Secret == "api-key-previous"
		}
		if overdue != (p.name == "kept, overlap over") {
			t.Errorf("%s: overdue %v", p.name, overdue)
		}
	}
}

// A secret that may be another client's is left alone with its previous one, so that no apply would
// retire it.
func TestDriftOfPreviousOfAnUnprovenSecret(t *testing.T) {
	for _, comment := range []string{"", "ours"} {
		in := inputWithOverlap(owner{change: func(_ *planner.DesiredSecret, r *planner.RecordedSecret, l *planner.LiveSecret) {
			r.ID, r.Comment, l.Comment = "", comment, comment
			r.Pending = &planner.Pending{Op: planner.OpCreate, Since: now.Add(-49 * time.Hour), Until: now.Add(-47 * time.Hour)}
			l.Created = planner.Modified(now.Add(-48 * time.Hour).Format(time.RFC3339))
			l.Modified = l.Created
		}}, previous{"", recordedPrevious(), livePrevious()})
		in.Recorded[0].Secrets[1].KeptSince = now.Add(-30 * 24 * time.Hour)
		overdue := slices.ContainsFunc(planner.FindDrift(in), func(d planner.Drift) bool { return d.Kind == planner.DriftRetireOverdue })
		if proven := comment != ""; overdue != proven {
			t.Errorf("comment %q: overdue %v", comment, overdue)
		}
	}
}
