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
	account = planner.AccountID("0123456789abcdef0123456789abcdef")
	applied = planner.Modified("2026-11-01T12:00:00.000001Z")
	newer   = planner.Modified("2026-11-02T12:00:00.000001Z")
	older   = planner.Modified("2026-10-01T12:00:00.000001Z")
)

var (
	store = planner.StoreKey{Account: account, Name: "prod"}
	now   = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
)

func ptr[T any](v T) *T { return &v }

// The three versions of a secret that nothing is to be done about. The cases
// below change one thing each.
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

// describe writes a plan in the short form that the cases state.
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
	pending := func(op planner.Op, since time.Time) *planner.Pending { return &planner.Pending{Op: op, Since: since} }
	// A record of a creation that was cut short: no id is known.
	halfCreated := func() r {
		rec := recorded()
		rec.ID, rec.Modified, rec.Comment, rec.Pending = "", "", "", pending(planner.OpCreate, now.Add(-time.Hour))
		return rec
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
			"update+value (changed_outside)"},
		{"changed outside, scopes too", desired(), recorded(), live(), func(_ d, _ r, l l) { l.Modified, l.Scopes = newer, []string{"dex"} },
			"update+value+scopes (changed_outside, scopes_changed)"},
		{"modified that is no time", desired(), recorded(), live(), func(_ d, _ r, l l) { l.Modified = "yesterday" },
			"update+value (changed_outside)"},
		{"made again outside", desired(), recorded(), live(), func(_ d, _ r, l l) { l.ID, l.Modified = "s2", newer },
			"update+value (replaced_outside)"},
		{"the list lags", desired(), recorded(), live(), func(_ d, _ r, l l) { l.Modified, l.Scopes = older, []string{"dex"} },
			"note lagging_read"},
		{"the list lags, and the value changed", desired(), recorded(), live(), func(d d, _ r, l l) {
			d.Value, l.Modified = planner.ValueChanged, older
		}, "update+value (value_changed); note lagging_read"},

		{"an update was cut short", desired(), recorded(), live(), func(_ d, r r, _ l) { r.Pending = pending(planner.OpUpdate, now) },
			"update+value (interrupted); note interrupted"},
		{"a creation was cut short and did not happen", desired(), halfCreated(), nil, nil,
			"create+value+scopes (interrupted); note interrupted"},
		{"a creation was cut short and did happen", desired(), halfCreated(), live(), func(_ d, _ r, l l) {
			l.Comment, l.Created, l.Modified = "", "2026-11-23T11:30:00Z", "2026-11-23T11:30:00Z"
		}, "update+value (interrupted); note interrupted"},
		{"a creation was cut short, and the name is an older secret's", desired(), halfCreated(), live(), func(_ d, _ r, l l) { l.Comment = "" },
			"problem conflict"},
		{"a creation was cut short, and the name is another's", desired(), halfCreated(), live(), func(_ d, _ r, l l) {
			l.Created, l.Comment = "2026-11-23T11:30:00Z", "somebody else's"
		}, "problem conflict"},
		{"a deletion was cut short, and it is wanted again", desired(), recorded(), live(), func(_ d, r r, _ l) {
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
		{"left the manifest, its deletion was cut short", nil, recorded(), live(), func(_ d, r r, _ l) {
			r.Pending = pending(planner.OpDelete, now)
		}, "delete (not_in_manifest); note interrupted"},
		{"left the manifest, its creation was cut short and did happen", nil, halfCreated(), live(), func(_ d, _ r, l l) {
			l.Comment, l.Created = "", "2026-11-23T11:30:00Z"
		}, "delete (not_in_manifest); note interrupted"},
		{"left the manifest, its creation was cut short, the name is another's", nil, halfCreated(), live(), nil,
			"forget (not_in_manifest, replaced_outside); note interrupted"},

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

// input puts one secret into one store that exists.
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
		Source:  "env API_KEY", Pos: d.Pos,
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestStores(t *testing.T) {
	t.Run("a missing store is created before its secrets", func(t *testing.T) {
		in := input(desired(), nil, nil)
		in.Live, in.Recorded = nil, nil
		if got, want := describe(planner.Build(in)), "create-store (new); create+value+scopes (new)"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
	t.Run("the account's other store is named", func(t *testing.T) {
		in := input(desired(), nil, nil)
		in.Recorded = nil
		in.Live[0].Key.Name = "default_secrets_store"
		p := planner.Build(in)
		if got, want := describe(p), "create-store (new); create+value+scopes (new); note other_store"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		if p.Notes[0].Store.Name != "default_secrets_store" {
			t.Errorf("the note names %q", p.Notes[0].Store.Name)
		}
	})
	t.Run("a store that vanished is made again with its secrets", func(t *testing.T) {
		in := input(desired(), recorded(), nil)
		in.Live = nil
		if got, want := describe(planner.Build(in)), "create-store (new); create+value+scopes (deleted_outside)"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
	t.Run("a store that left the manifest stays, its secrets go", func(t *testing.T) {
		in := input(nil, recorded(), live())
		in.Desired = nil
		in.Live[0].Secrets = append(in.Live[0].Secrets, planner.LiveSecret{ID: "s9", Name: "somebody's"})
		if got, want := describe(planner.Build(in)), "delete (not_in_manifest)"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
	t.Run("unmanaged: ignore", func(t *testing.T) {
		in := input(nil, nil, live())
		in.Desired[0].Unmanaged = planner.UnmanagedIgnore
		if got, want := describe(planner.Build(in)), "nothing, 0 unchanged"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
}

func TestModifiedCompare(t *testing.T) {
	for _, c := range []struct {
		a, b planner.Modified
		want int
	}{
		{"2026-11-01T12:00:00Z", "2026-11-01T12:00:00Z", 0},
		{"2026-11-01T12:00:00.123456Z", "2026-11-01T12:00:00.123457Z", -1},
		{"2026-11-01T12:00:01Z", "2026-11-01T12:00:00.999999Z", 1},
		{"2026-11-01T12:00:00Z", "2026-11-01T12:00:00.999999Z", 0}, // one endpoint leaves out the microseconds
		{"2026-11-01T12:00:00.12Z", "2026-11-01T12:00:00.123456Z", 0},
		{"2026-11-01T13:00:00+01:00", "2026-11-01T12:00:00Z", 0},
		{"", "2026-11-01T12:00:00Z", 1},
		{"", "", 0},
		{"nonsense", "nonsense", 0},
	} {
		if got := c.a.Compare(c.b); got != c.want {
			t.Errorf("%q.Compare(%q) = %d, want %d", c.a, c.b, got, c.want)
		}
	}
}
