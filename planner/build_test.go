package planner_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/secretsync/secretsync/planner"
)

const (
	account     = planner.AccountID("0123456789abcdef0123456789abcdef")
	applied     = planner.Modified("2026-11-23T11:55:00.000001Z") // moments ago
	newer       = planner.Modified("2026-11-23T11:58:00.000001Z")
	justCreated = planner.Modified("2026-11-23T11:00:20Z") // after the intent of halfCreated
	older       = planner.Modified("2026-10-01T12:00:00.000001Z")
)

var (
	store = planner.StoreKey{Account: account, Name: "prod"}
	now   = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
)

func ptr[T any](v T) *T { return &v }

// The three versions of a secret that needs no action. Each case below changes one thing.
func desired() *planner.DesiredSecret {
	return &planner.DesiredSecret{
		Name: "api-key", Scopes: []string{"workers"}, Value: planner.ValueSame, Source: "env API_KEY", Delete: true,
		Pos: planner.Position{File: "secretsync.yaml", Line: 7, Column: 7},
	}
}

func recorded() *planner.RecordedSecret {
	return &planner.RecordedSecret{
		Name: "api-key", ID: "s1", Scopes: []string{"workers"}, Comment: "ours", Modified: applied, Delete: true,
	}
}

func live() *planner.LiveSecret {
	return &planner.LiveSecret{
		ID: "s1", Name: "api-key", Scopes: []string{"workers"}, Comment: "ours", Status: "active",
		Created: applied, Modified: applied,
	}
}

// describe writes a plan in the short form of the cases.
func describe(p *planner.Plan) string {
	var parts []string
	for _, a := range p.Actions {
		text := string(a.Op)
		if a.SetValue {
			text += "+value"
		}
		if a.Scopes != nil {
			text += "+scopes"
		}
		if a.Comment != nil {
			text += "+comment"
		}
		reasons := make([]string, len(a.Reasons))
		for i, r := range a.Reasons {
			reasons[i] = string(r)
		}
		parts = append(parts, text+" ("+strings.Join(reasons, ", ")+")")
	}
	for _, n := range p.Notes {
		parts = append(parts, "note "+string(n.Kind))
	}
	for _, q := range p.Problems {
		parts = append(parts, "problem "+string(q.Kind))
	}
	if len(parts) == 0 {
		return fmt.Sprintf("nothing, %d unchanged", p.Unchanged)
	}
	return strings.Join(parts, "; ")
}

func TestOneSecret(t *testing.T) {
	type (
		d = *planner.DesiredSecret
		r = *planner.RecordedSecret
		l = *planner.LiveSecret
	)
	pending := func(op planner.Op, since time.Time) *planner.Pending {
		return &planner.Pending{Op: op, Since: since, Until: since.Add(30 * time.Second), ListedAt: since.Add(-time.Minute), Value: true}
	}
	// The record of an interrupted creation: no id is known.
	halfCreated := func() r {
		rec := recorded()
		rec.ID, rec.Modified, rec.Comment, rec.Pending = "", "", "", pending(planner.OpCreate, now.Add(-time.Hour))
		return rec
	}
	halfCommented := func() r { // with a comment, by which it is recognized
		r := halfCreated()
		r.Comment = live().Comment
		return r
	}
	for _, c := range []struct {
		name    string
		desired d
		record  r
		live    l
		change  func(d, r, l)
		want    string
	}{
		{"new", desired(), nil, nil, func(d d, _ r, _ l) { d.Value = planner.ValueNew },
			"create+value+scopes (new)"},
		{"new with a comment", desired(), nil, nil, func(d d, _ r, _ l) { d.Value, d.Comment = planner.ValueNew, ptr("hello") },
			"create+value+scopes+comment (new)"},
		{"exists and isn't ours", desired(), nil, live(), func(d d, _ r, _ l) { d.Value = planner.ValueNew },
			"problem conflict"},
		{"deleted outside", desired(), recorded(), nil, nil,
			"create+value+scopes (deleted_outside)"},

		{"all as it should be", desired(), recorded(), live(), nil,
			"nothing, 1 unchanged"},
		{"value changed", desired(), recorded(), live(), func(d d, _ r, _ l) { d.Value = planner.ValueChanged },
			"update+value (value_changed)"},
		{"value never fingerprinted", desired(), recorded(), live(), func(d d, _ r, _ l) { d.Value = planner.ValueNew },
			"update+value (value_changed)"},
		{"value not comparable", desired(), recorded(), live(), func(d d, _ r, _ l) { d.Value = planner.ValueUnknown },
			"note value_unknown"},
		{"scopes changed: the value stays", desired(), recorded(), live(), func(d d, _ r, _ l) { d.Scopes = []string{"workers", "ai_gateway"} },
			"update+scopes (scopes_changed)"},
		{"scopes in another order", desired(), recorded(), live(), func(d d, _ r, l l) {
			d.Scopes, l.Scopes = []string{"workers", "ai_gateway"}, []string{"ai_gateway", "workers"}
		}, "nothing, 1 unchanged"},
		{"scopes that the list leaves out", desired(), recorded(), live(), func(_ d, _ r, l l) { l.Scopes = nil },
			"nothing, 1 unchanged"},
		{"comment changed: the value stays", desired(), recorded(), live(), func(d d, _ r, _ l) { d.Comment = ptr("new") },
			"update+comment (comment_changed)"},
		{"comment emptied", desired(), recorded(), live(), func(d d, _ r, _ l) { d.Comment = ptr("") },
			"update+comment (comment_changed)"},
		{"comment not managed", desired(), recorded(), live(), func(_ d, _ r, l l) { l.Comment = "by hand" },
			"nothing, 1 unchanged"},
		{"value and metadata changed: one update", desired(), recorded(), live(), func(d d, _ r, _ l) {
			d.Value, d.Scopes, d.Comment = planner.ValueChanged, []string{"dex"}, ptr("new")
		}, "update+value+scopes+comment (value_changed, scopes_changed, comment_changed)"},
		{"delete policy changed", desired(), recorded(), live(), func(d d, _ r, _ l) { d.Delete = false },
			"record (delete_policy_changed)"},
		{"delete policy and value changed", desired(), recorded(), live(), func(d d, _ r, _ l) { d.Delete, d.Value = false, planner.ValueChanged },
			"update+value (value_changed, delete_policy_changed)"},

		{"changed outside", desired(), recorded(), live(), func(_ d, _ r, l l) { l.Modified = newer },
			"update+value (changed_outside); note assumed_changed"},
		{"changed outside, scopes too", desired(), recorded(), live(), func(_ d, _ r, l l) { l.Modified, l.Scopes = newer, []string{"dex"} },
			"update+value+scopes (changed_outside, scopes_changed)"},
		{"modified that is no time", desired(), recorded(), live(), func(_ d, _ r, l l) { l.Modified = "yesterday" },
			"update+value (changed_outside); note assumed_changed"},
		{"became active after the apply, which moved modified", desired(), recorded(), live(), func(_ d, r r, l l) {
			r.Status, l.Modified = planner.StatusPending, newer
		}, "note activated"},
		{"the same with another value", desired(), recorded(), live(), func(d d, r r, l l) {
			d.Value, r.Status, l.Modified = planner.ValueChanged, planner.StatusPending, newer
		}, "update+value (value_changed); note activated"},
		{"the same without scopes in the list", desired(), recorded(), live(), func(_ d, r r, l l) {
			r.Status, l.Modified, l.Scopes = planner.StatusPending, newer, nil
		}, "note activated"},
		{"became active without moving modified", desired(), recorded(), live(), func(_ d, r r, _ l) { r.Status = planner.StatusPending },
			"nothing, 1 unchanged"},
		{"still pending, and changed outside", desired(), recorded(), live(), func(_ d, r r, l l) {
			r.Status, l.Status, l.Modified = planner.StatusPending, planner.StatusPending, newer
		}, "update+value (changed_outside); note assumed_changed"},
		{"became active, and its comment changed", desired(), recorded(), live(), func(_ d, r r, l l) {
			r.Status, l.Modified, l.Comment = planner.StatusPending, newer, "theirs"
		}, "update+value (changed_outside)"},
		{"became active, as another secret", desired(), recorded(), live(), func(_ d, r r, l l) {
			r.Status, l.Modified, l.ID = planner.StatusPending, newer, "s2"
		}, "update+value (replaced_outside)"},
		{"changed within an hour after a write that was pending", desired(), recorded(), live(), func(_ d, r r, l l) {
			r.Status, r.Modified, l.Modified = planner.StatusPending, "2026-11-20T12:00:00Z", "2026-11-20T13:00:00Z"
		}, "note activated"},
		{"changed more than an hour after a write that was pending", desired(), recorded(), live(), func(_ d, r r, l l) {
			r.Status, r.Modified, l.Modified = planner.StatusPending, "2026-11-20T12:00:00Z", "2026-11-20T13:00:01Z"
		}, "update+value (changed_outside); note assumed_changed"},
		{"became active, at a time that is none", desired(), recorded(), live(), func(_ d, r r, l l) {
			r.Status, l.Modified = planner.StatusPending, "yesterday"
		}, "update+value (changed_outside); note assumed_changed"},
		{"created again outside", desired(), recorded(), live(), func(_ d, _ r, l l) { l.ID, l.Modified = "s2", newer },
			"update+value (replaced_outside)"},
		{"the list lags", desired(), recorded(), live(), func(_ d, _ r, l l) { l.Modified, l.Scopes = older, []string{"dex"} },
			"note lagging_read"},
		{"modified went back, long after our last write", desired(), recorded(), live(), func(_ d, r r, l l) {
			r.Modified, l.Modified = "2026-11-20T12:00:00Z", older
		}, "note modified_backwards"},
		{"our last write lies in the future", desired(), recorded(), live(), func(_ d, r r, _ l) { r.Modified = "2027-01-01T12:00:00Z" },
			"note modified_backwards"},
		{"no modification time was reported", desired(), recorded(), live(), func(_ d, r r, _ l) { r.Modified = "" },
			"nothing, 1 unchanged"},
		{"the list lags, and the value changed", desired(), recorded(), live(), func(d d, _ r, l l) {
			d.Value, l.Modified = planner.ValueChanged, older
		}, "update+value (value_changed); note lagging_read"},

		{"an update was interrupted", desired(), recorded(), live(), func(_ d, r r, _ l) { r.Pending = pending(planner.OpUpdate, now) },
			"update+value (interrupted); note interrupted"},
		{"an update of metadata was interrupted and did not happen", desired(), recorded(), live(), func(d d, r r, _ l) {
			r.Pending, d.Comment = pending(planner.OpUpdate, now), ptr("new")
			r.Pending.Value = false
		}, "update+comment (comment_changed); note interrupted"},
		{"the same, and it is not wanted any more", desired(), recorded(), live(), func(_ d, r r, _ l) {
			r.Pending = pending(planner.OpUpdate, now)
			r.Pending.Value = false
		}, "update+value (interrupted); note interrupted"},
		{"the same, and it may have happened", desired(), recorded(), live(), func(_ d, r r, l l) {
			r.Pending, l.Modified = pending(planner.OpUpdate, now), newer
			r.Pending.Value = false
		}, "update+value (interrupted); note interrupted"},
		{"a creation was interrupted and did not happen", desired(), halfCreated(), nil, nil,
			"create+value+scopes (interrupted); note interrupted"},
		{"a creation was interrupted and did happen", desired(), halfCommented(), live(), func(_ d, _ r, l l) {
			l.Created, l.Modified = justCreated, justCreated
		}, "update+value (interrupted); note interrupted"},
		{"a creation was interrupted, and the name is an older secret's, which the list lacked", desired(), halfCommented(), live(), func(_ d, _ r, l l) {
			l.Created = "2026-11-23T10:59:50Z"
		}, "problem conflict"},
		{"a creation was interrupted, and the time of what is there is from another clock", desired(), halfCommented(), live(), func(_ d, _ r, l l) {
			l.Created = older
		}, "update+value (interrupted); note interrupted"},
		{"a creation was interrupted, and the time of what is there is from a clock ahead", desired(), halfCommented(), live(), func(_ d, _ r, l l) {
			l.Created = "2027-01-01T00:00:00Z"
		}, "update+value (interrupted); note interrupted"},
		{"a creation was interrupted, and another client took the name between the list and the request", desired(), halfCommented(), live(), func(_ d, _ r, l l) {
			l.Created = "2026-11-23T10:59:20Z"
		}, "problem conflict"},
		{"a creation was interrupted, decided on at an unknown time, and what is there is older", desired(), halfCommented(), live(), func(_ d, r r, l l) {
			l.Created, r.Pending.ListedAt = older, time.Time{}
		}, "problem conflict"},
		{"a creation was interrupted, and what is there has no time", desired(), halfCommented(), live(), func(_ d, _ r, l l) {
			l.Created = ""
		}, "update+value (interrupted); note interrupted"},
		{"a creation was interrupted, was tried again, and did happen", desired(), halfCommented(), live(), func(_ d, r r, l l) {
			l.Created, r.Pending.Until = "2026-11-23T11:20:05Z", now.Add(-39*time.Minute)
		}, "update+value (interrupted); note interrupted"},
		{"a creation was interrupted, and the name was taken much later", desired(), halfCommented(), live(), func(_ d, _ r, l l) {
			l.Created = applied
		}, "problem conflict"},
		{"it seemed to be gone, its creation was interrupted, and there it is", desired(), halfCommented(), live(), func(_ d, r r, l l) {
			l.Comment, r.Pending.PreviousID = "another", "s1"
			l.Created = "2026-11-23T10:59:50Z"
		}, "update+value (interrupted); note interrupted"},
		{"a creation was interrupted, and the name is another's", desired(), halfCommented(), live(), func(_ d, _ r, l l) {
			l.Created, l.Comment = justCreated, "another client's"
		}, "problem conflict"},
		{"a creation without a comment was interrupted: another client may have created what is there", desired(), halfCreated(), live(), func(_ d, _ r, l l) {
			l.Comment, l.Created, l.Modified = "", justCreated, justCreated
		}, "problem unproven"},
		{"the same, as it is desired", desired(), halfCreated(), live(), func(d d, _ r, l l) {
			d.Requested, d.Comment = true, nil
			l.Comment, l.Created, l.Modified = "", justCreated, justCreated
		}, "note unproven"},
		{"the same, changed when no request of ours was under way", desired(), halfCreated(), live(), func(d d, _ r, l l) {
			d.Requested, d.Comment = true, nil
			l.Comment, l.Created, l.Modified = "", justCreated, newer
		}, "problem unproven"},
		{"the same, with another value", desired(), halfCreated(), live(), func(d d, _ r, l l) {
			d.Comment, l.Comment, l.Created = nil, "", justCreated
		}, "problem unproven"},
		{"the same, with other scopes", desired(), halfCreated(), live(), func(d d, _ r, l l) {
			d.Requested, d.Comment, d.Scopes, l.Comment, l.Created = true, nil, []string{"dex"}, "", justCreated
		}, "problem unproven"},
		{"the same, at a time that is from another clock", desired(), halfCreated(), live(), func(_ d, _ r, l l) {
			l.Comment, l.Created = "", older
		}, "problem unproven"},
		{"the same, at a time when no request of ours was under way", desired(), halfCreated(), live(), func(_ d, _ r, l l) {
			l.Comment, l.Created = "", "2026-11-23T10:59:20Z"
		}, "problem conflict"},
		{"the same, where the manifest has a comment now", desired(), halfCreated(), live(), func(d d, _ r, l l) {
			d.Requested, d.Comment = true, ptr("new")
			l.Comment, l.Created, l.Modified = "", justCreated, justCreated
		}, "problem unproven"},
		{"the same, where the manifest wants no comment", desired(), halfCreated(), live(), func(d d, _ r, l l) {
			d.Requested, d.Comment = true, ptr("")
			l.Comment, l.Created, l.Modified = "", justCreated, justCreated
		}, "note unproven"},
		{"the same, and it seemed to be gone before", desired(), halfCreated(), live(), func(_ d, r r, l l) {
			l.Comment, l.Created, r.Pending.PreviousID = "", justCreated, "s1"
		}, "update+value (interrupted); note interrupted"},
		{"the same, with adopt: overwrite", desired(), halfCreated(), live(), func(d d, _ r, l l) {
			d.Adopt, l.Comment, l.Created = planner.AdoptOverwrite, "", justCreated
		}, "adopt+value (adopted)"},
		{"the same, with adopt: keep", desired(), halfCreated(), live(), func(d d, _ r, l l) {
			d.Adopt, l.Comment, l.Created = planner.AdoptKeep, "", justCreated
		}, "adopt (adopted_value_kept)"},
		{"a secret without a comment was being adopted", desired(), halfCreated(), live(), func(_ d, r r, l l) {
			r.Pending.Op, l.Comment, l.Created = planner.OpAdopt, "", older
		}, "update+value (interrupted); note interrupted"},
		{"a deletion was interrupted, and it is wanted again", desired(), recorded(), live(), func(_ d, r r, _ l) {
			r.Pending = pending(planner.OpDelete, now)
		}, "update+value (interrupted); note interrupted"},

		{"left the manifest", nil, recorded(), live(), nil,
			"delete (not_in_manifest)"},
		{"left the manifest, changed outside", nil, recorded(), live(), func(_ d, _ r, l l) { l.Modified = newer },
			"delete (not_in_manifest)"},
		{"left the manifest under delete: false", nil, recorded(), live(), func(_ d, r r, _ l) { r.Delete = false },
			"forget (not_in_manifest, delete_false)"},
		{"left the manifest, the name is another's now", nil, recorded(), live(), func(_ d, _ r, l l) { l.ID = "s2" },
			"forget (not_in_manifest, replaced_outside)"},
		{"left the manifest, gone already", nil, recorded(), nil, nil,
			"forget (not_in_manifest, already_gone)"},
		{"left the manifest, its deletion was interrupted", nil, recorded(), live(), func(_ d, r r, _ l) {
			r.Pending = pending(planner.OpDelete, now)
		}, "delete (not_in_manifest); note interrupted"},
		{"left the manifest, its creation was interrupted and did happen", nil, halfCommented(), live(), func(_ d, _ r, l l) {
			l.Created = justCreated
		}, "delete (not_in_manifest); note interrupted"},
		{"left the manifest, its creation was interrupted, and the time of what is there is from another clock", nil, halfCommented(), live(), func(_ d, _ r, l l) {
			l.Created = older
		}, "forget (not_in_manifest, unproven); note interrupted"},
		{"left the manifest, it seemed to be gone, its creation was interrupted, and there it is", nil, halfCommented(), live(), func(_ d, r r, _ l) {
			r.Pending.PreviousID = "s1"
		}, "delete (not_in_manifest); note interrupted"},
		{"left the manifest, its creation without a comment was interrupted", nil, halfCreated(), live(), func(_ d, _ r, l l) {
			l.Comment, l.Created = "", justCreated
		}, "forget (not_in_manifest, unproven); note interrupted"},
		{"left the manifest, its creation was interrupted, the name is another's", nil, halfCreated(), live(), nil,
			"forget (not_in_manifest, replaced_outside); note interrupted"},

		{"exists, adopt: overwrite", desired(), nil, live(), func(d d, _ r, _ l) { d.Value, d.Adopt = planner.ValueNew, planner.AdoptOverwrite },
			"adopt+value (adopted)"},
		{"exists, adopt: keep", desired(), nil, live(), func(d d, _ r, _ l) { d.Value, d.Adopt = planner.ValueNew, planner.AdoptKeep },
			"adopt (adopted_value_kept)"},
		{"exists, adopt: keep, other scopes: the value stays", desired(), nil, live(), func(d d, _ r, _ l) {
			d.Adopt, d.Scopes = planner.AdoptKeep, []string{"dex"}
		}, "adopt+scopes (adopted_value_kept, scopes_changed)"},
		{"adopt says nothing about a secret that is ours", desired(), recorded(), live(), func(d d, _ r, _ l) { d.Adopt = planner.AdoptOverwrite },
			"nothing, 1 unchanged"},

		{"external, there", desired(), nil, live(), func(d d, _ r, _ l) { d.External = true },
			"nothing, 1 unchanged"},
		{"external, with more scopes", desired(), nil, live(), func(d d, _ r, l l) { d.External, l.Scopes = true, []string{"dex", "workers"} },
			"nothing, 1 unchanged"},
		{"external, missing", desired(), nil, nil, func(d d, _ r, _ l) { d.External = true },
			"problem external_missing"},
		{"external, without the scopes", desired(), nil, live(), func(d d, _ r, l l) { d.External, l.Scopes = true, []string{"dex"} },
			"problem external_scopes"},
		{"external, managed until now", desired(), recorded(), live(), func(d d, _ r, _ l) { d.External = true },
			"forget (became_external)"},

		{"generated, new", desired(), nil, nil, func(d d, _ r, _ l) { d.Value, d.Generated = planner.ValueNew, true },
			"create+value+scopes (new)"},
		{"generated, not due", desired(), recorded(), live(), func(d d, r r, _ l) {
			d.Generated, d.RotateAfter, r.Applied = true, 90*24*time.Hour, now.Add(-89*24*time.Hour)
		}, "nothing, 1 unchanged"},
		{"generated, due", desired(), recorded(), live(), func(d d, r r, _ l) {
			d.Generated, d.RotateAfter, r.Applied = true, 90*24*time.Hour, now.Add(-90*24*time.Hour)
		}, "rotate+value (rotation_due)"},
		{"generated, never to be rotated", desired(), recorded(), live(), func(d d, r r, _ l) { d.Generated, r.Applied = true, now.AddDate(-9, 0, 0) },
			"nothing, 1 unchanged"},
		{"another source, overdue", desired(), recorded(), live(), func(d d, r r, _ l) {
			d.RotateAfter, r.Applied = time.Hour, now.Add(-2*time.Hour)
		}, "note rotation_overdue"},

		{"unmanaged", nil, nil, live(), nil,
			"note unmanaged"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.change != nil {
				c.change(c.desired, c.record, c.live)
			}
			p := planner.Build(input(c.desired, c.record, c.live))
			if got := describe(p); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

// input has one secret in one existing store.
func input(d *planner.DesiredSecret, r *planner.RecordedSecret, l *planner.LiveSecret) planner.Input {
	in := planner.Input{
		Desired:  []planner.DesiredStore{{Key: store}},
		Recorded: []planner.RecordedStore{{Key: store, ID: "st1"}},
		Live:     []planner.LiveStore{{Key: store, ID: "st1"}},
		Now:      now,
	}
	if d != nil {
		in.Desired[0].Secrets = []planner.DesiredSecret{*d}
	}
	if r != nil {
		in.Recorded[0].Secrets = []planner.RecordedSecret{*r}
	}
	if l != nil {
		in.Live[0].Secrets = []planner.LiveSecret{*l}
	}
	return in
}

func TestUpdateCarriesWhatTheApplierNeeds(t *testing.T) {
	d := desired()
	d.Value, d.Scopes, d.Comment = planner.ValueChanged, []string{"workers", "dex", "dex"}, ptr("new")
	got := planner.Build(input(d, recorded(), live())).Actions
	want := []planner.Action{{
		Op: planner.OpUpdate, Store: store, StoreID: "st1", Secret: "api-key", ID: "s1", SetValue: true,
		Reasons: []planner.Reason{planner.ReasonValue, planner.ReasonScopes, planner.ReasonComment},
		Scopes:  &planner.Change[[]string]{Before: []string{"workers"}, After: []string{"dex", "workers"}},
		Comment: &planner.Change[string]{Before: "ours", After: "new"},
		Source:  "env API_KEY", Pos: d.Pos, Delete: ptr(true),
		Current:  planner.LiveState{Metadata: planner.Metadata{Scopes: []string{"workers"}, Comment: "ours"}, Modified: applied, Status: planner.StatusActive},
		Recovery: planner.Recovery{ListedAt: now},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestPreconditionIsInOneSpelling: the answer to a write and a list may spell a time
// differently. The plan is the same.
func TestPreconditionIsInOneSpelling(t *testing.T) {
	for _, spelled := range []planner.Modified{applied, "2026-11-23T11:55:00+00:00", "2026-11-23T11:55:00.000001000Z", "2026-11-23T12:55:00.0+01:00"} {
		d, l := desired(), live()
		d.Value, l.Modified = planner.ValueChanged, spelled
		if a := planner.Build(input(d, recorded(), l)).Actions[0]; a.Current.Modified != applied || len(a.Reasons) != 1 {
			t.Errorf("%s: %+v", spelled, a)
		}
	}
}

func TestPrefixes(t *testing.T) {
	d := desired()
	d.Name = "staging-api-key"
	in := input(d, nil, nil)
	in.Desired[0].Prefix, in.Desired[0].Unmanaged = "staging-", planner.UnmanagedDelete
	in.Live[0].Secrets = []planner.LiveSecret{
		{ID: "p", Name: "production-api-key"}, {ID: "s", Name: "staging-old"}, {ID: "x", Name: "by-hand"},
	}
	p := planner.Build(in)
	if got, want := describe(p), "create+value+scopes (new); delete (unmanaged)"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if p.Actions[1].Secret != "staging-old" {
		t.Errorf("%s is deleted", p.Actions[1].Secret)
	}

	// The lockfile of another environment: nothing in it is deleted.
	other := recorded()
	other.Name = "production-api-key"
	in.Recorded[0].Secrets = []planner.RecordedSecret{*other}
	in.Live[0].Secrets[0].ID = other.ID
	in.Desired[0].Unmanaged = planner.UnmanagedReport
	if got, want := describe(planner.Build(in)), "create+value+scopes (new); note unmanaged; problem other_prefix"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestLongestPrefixDecides: if the prefixes of two environments begin alike, a secret
// belongs to the one with the longer prefix.
func TestLongestPrefixDecides(t *testing.T) {
	staging := planner.DesiredStore{Key: store, Prefix: "staging-", Unmanaged: planner.UnmanagedReport}
	europe := planner.DesiredStore{Key: store, Prefix: "staging-eu-", Unmanaged: planner.UnmanagedDelete}
	for _, stores := range [][]planner.DesiredStore{{staging, europe}, {europe, staging}} {
		in := input(nil, nil, nil)
		in.Desired = stores
		in.Live[0].Secrets = []planner.LiveSecret{{ID: "s", Name: "staging-old"}, {ID: "e", Name: "staging-eu-old"}}
		p := planner.Build(in)
		if got, want := describe(p), "delete (unmanaged); note unmanaged"; got != want || p.Actions[0].Secret != "staging-eu-old" {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// TestDeletesUnmanagedOnlyIfAllSaySo: several entries may describe one store, in any order.
func TestDeletesUnmanagedOnlyIfAllSaySo(t *testing.T) {
	reports := planner.DesiredStore{Key: store}
	deletes := planner.DesiredStore{Key: store, Unmanaged: planner.UnmanagedDelete}
	for _, c := range []struct {
		stores []planner.DesiredStore
		want   string
	}{
		{[]planner.DesiredStore{reports, deletes}, "note unmanaged"},
		{[]planner.DesiredStore{deletes, reports}, "note unmanaged"},
		{[]planner.DesiredStore{deletes, deletes}, "delete (unmanaged)"},
	} {
		in := input(nil, nil, live())
		in.Desired = c.stores
		if got := describe(planner.Build(in)); got != c.want {
			t.Errorf("%q, %q: got %s, want %s", c.stores[0].Unmanaged, c.stores[1].Unmanaged, got, c.want)
		}
	}
}

// TestValueID: an action identifies the value that it sends, or that a rename keeps, and no
// other.
func TestValueID(t *testing.T) {
	for _, c := range []struct {
		op     planner.Op
		change func(d *planner.DesiredSecret)
		want   string
	}{
		{planner.OpUpdate, func(d *planner.DesiredSecret) { d.Value = planner.ValueChanged }, "sha256:1"},
		{planner.OpUpdate, func(d *planner.DesiredSecret) { d.Comment = ptr("new") }, ""},
		{planner.OpRename, func(d *planner.DesiredSecret) { d.Name, d.RenamedFrom = "new-key", "api-key" }, "sha256:1"},
		{planner.OpRecord, func(d *planner.DesiredSecret) { d.Delete = false }, ""},
	} {
		d := desired()
		d.ValueID = "sha256:1"
		c.change(d)
		if a := planner.Build(input(d, recorded(), live())).Actions[0]; a.Op != c.op || a.ValueID != c.want {
			t.Errorf("%s names the value %q; want %s, %q", a.Op, a.ValueID, c.op, c.want)
		}
	}
}

// TestCreatesSecret: what creates a secret under its name has no id before.
func TestCreatesSecret(t *testing.T) {
	for _, op := range []planner.Op{planner.OpCreateStore, planner.OpAdopt, planner.OpUpdate, planner.OpRotate, planner.OpDelete, planner.OpForget, planner.OpRecord} {
		if op.CreatesSecret() {
			t.Errorf("%s does not", op)
		}
	}
	if !planner.OpCreate.CreatesSecret() || !planner.OpRename.CreatesSecret() {
		t.Error("create and rename do")
	}
}

// TestCounts: what a plan does, and how many actions change something in Cloudflare.
func TestCounts(t *testing.T) {
	in := changes(3, 2, 1)
	kept := recorded()
	kept.Name, kept.ID = "gone already", "s9"
	in.Recorded[0].Secrets = append(in.Recorded[0].Secrets, *kept)
	p := planner.Build(in)
	got := []int{p.Count(planner.OpCreate), p.Count(planner.OpRename), p.Count(planner.OpDelete), p.Count(planner.OpForget), p.Writes()}
	if diff := cmp.Diff([]int{3, 2, 1, 1, 6}, got); diff != "" {
		t.Error(diff)
	}
}

func TestTargets(t *testing.T) {
	other := planner.DesiredSecret{Name: "other", Value: planner.ValueNew}
	for _, c := range []struct {
		name     string
		target   string
		change   func(in *planner.Input)
		want     string
		targeted bool
	}{
		{"one of two", "prod/api-*", func(*planner.Input) {}, "create+value+scopes (deleted_outside)", true},
		{"by the account too", string(account) + "/prod/other", func(*planner.Input) {}, "create+value+scopes (new)", true},
		{"of another account", "fedc/prod/other", func(*planner.Input) {}, "nothing, 0 unchanged", true},
		{"all there are", "prod/*", func(in *planner.Input) { in.Desired[0].Secrets = in.Desired[0].Secrets[:1] }, "create+value+scopes (deleted_outside)", false},
		{"a store for one of its secrets", "prod/other", func(in *planner.Input) { in.Recorded, in.Live = nil, nil },
			"create-store (new); create+value+scopes (new)", true},
		{"no store for none of its secrets", "dev/*", func(in *planner.Input) { in.Recorded, in.Live = nil, nil }, "nothing, 0 unchanged", true},
		{"no policy of a store", "prod/other", func(in *planner.Input) { in.Desired[0].Delete = true }, "create+value+scopes (new)", true},
		{"no store that left the manifest", "prod/other", func(in *planner.Input) { in.Desired, in.Recorded[0].Delete = nil, true }, "nothing, 0 unchanged", true},
	} {
		in := input(desired(), recorded(), nil)
		in.Desired[0].Secrets = append(in.Desired[0].Secrets, other)
		in.Options.Targets = []string{c.target}
		c.change(&in)
		p := planner.Build(in)
		if got := describe(p); got != c.want || p.Targeted != c.targeted {
			t.Errorf("%s: got %s (targeted %v), want %s", c.name, got, p.Targeted, c.want)
		}
	}
}
