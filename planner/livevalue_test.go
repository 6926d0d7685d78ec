package planner_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/secretsync/secretsync/planner"
	"pgregory.net/rapid"
)

// findings is what a verification can find out about a live value that may be the recorded or the
// desired one.
var findings = []struct {
	name  string
	value func(d *planner.DesiredSecret, r *planner.RecordedSecret, l *planner.LiveSecret)
}{
	{"recorded", func(d *planner.DesiredSecret, r *planner.RecordedSecret, l *planner.LiveSecret) {
		verified(d, r, l, planner.LiveSame, planner.LiveOther)
	}},
	{"desired", func(d *planner.DesiredSecret, r *planner.RecordedSecret, l *planner.LiveSecret) {
		verified(d, r, l, planner.LiveOther, planner.LiveSame)
	}},
	{"another", func(d *planner.DesiredSecret, r *planner.RecordedSecret, l *planner.LiveSecret) {
		verified(d, r, l, planner.LiveOther, planner.LiveOther)
	}},
	{"unreadable", func(d *planner.DesiredSecret, r *planner.RecordedSecret, l *planner.LiveSecret) {
		verified(d, r, l, planner.LiveUnreadable, planner.LiveUnreadable)
	}},
}

// verified sets what a verification found. The recorded and the desired value may be one; a value
// that is generated, or that no record has, cannot be compared with.
func verified(d *planner.DesiredSecret, r *planner.RecordedSecret, l *planner.LiveSecret, asRecorded, asDesired planner.LiveValue) {
	if d != nil && d.Value == planner.ValueSame && asDesired == planner.LiveSame {
		asRecorded = planner.LiveSame
	}
	if r != nil && r.ID != "" {
		l.Value = asRecorded
	}
	if d != nil && !d.Generated {
		l.DesiredValue = asDesired
		if d.Value == planner.ValueSame {
			l.DesiredValue = asRecorded
		}
	}
}

// TestEveryCellVerified decides every combination of TestEveryCell again, once for each possible
// result of a verification. testdata/verified.txt has the decisions that it changes, with the decision
// without it.
func TestEveryCellVerified(t *testing.T) {
	var table strings.Builder
	row := func(desired, recorded, live, value, decision string) {
		fmt.Fprintf(&table, "%-32s %-20s %-9s %-10s %s\n", desired, recorded, live, value, decision)
	}
	row("desired", "recorded", "live", "value", "decision")
	for _, d := range desiredCells() {
		for _, r := range recordedCells() {
			for _, l := range liveCells() {
				if l.secret == nil || !d.fits(r.secret) {
					continue
				}
				without := describe(planner.Build(input(d.secret, r.secret, l.secret)))
				shown := false
				for _, f := range findings {
					secret := *l.secret
					f.value(d.secret, r.secret, &secret)
					with := describe(planner.Build(input(d.secret, r.secret, &secret)))
					if with == without {
						continue
					}
					if f.name == "unreadable" {
						t.Errorf("%s; %s; %s: an unreadable value decides: %s", d.name, r.name, l.name, with)
					}
					if !shown {
						row(d.name, r.name, l.name, "not known", without)
						shown = true
					}
					row("", "", "", f.name, with)
				}
			}
		}
	}
	golden := filepath.Join("testdata", "verified.txt")
	if *update {
		if err := os.WriteFile(golden, []byte(table.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), table.String()); diff != "" {
		t.Error(diff)
	}
}

func TestVerified(t *testing.T) {
	type (
		d = *planner.DesiredSecret
		r = *planner.RecordedSecret
		l = *planner.LiveSecret
	)
	long := planner.Modified("2026-11-20T12:00:00Z")
	halfUpdated := func(op planner.Op, value bool, ago time.Duration) *planner.Pending {
		return &planner.Pending{Op: op, Since: now.Add(-ago - time.Minute), Until: now.Add(-ago), Value: value}
	}
	for _, c := range []struct {
		name   string
		change func(d, r, l)
		want   string
	}{
		{"changed outside, and the value is the desired one: recorded, and not sent", func(_ d, _ r, l l) {
			l.Modified, l.Value = newer, planner.LiveSame
		}, "record (changed_outside, value_proven)"},
		{"the same, and the manifest has other metadata", func(d d, _ r, l l) {
			l.Modified, l.Value, l.Scopes, d.Comment = newer, planner.LiveSame, []string{"dex"}, ptr("new")
		}, "update+scopes+comment (changed_outside, value_proven, scopes_changed, comment_changed)"},
		{"the same, and the policy changed", func(d d, _ r, l l) {
			l.Modified, l.Value, d.Delete = newer, planner.LiveSame, false
		}, "record (changed_outside, value_proven, delete_policy_changed)"},
		{"the same, and the manifest has another value", func(d d, _ r, l l) {
			l.Modified, l.Value, l.DesiredValue, d.Value = newer, planner.LiveSame, planner.LiveOther, planner.ValueChanged
		}, "update+value (value_changed)"},
		{"changed outside to another value", func(_ d, _ r, l l) { l.Modified, l.Value = newer, planner.LiveOther },
			"update+value (value_changed_outside)"},
		{"changed outside to what the manifest has since", func(d d, _ r, l l) {
			l.Modified, l.Value, l.DesiredValue, d.Value = newer, planner.LiveOther, planner.LiveSame, planner.ValueChanged
		}, "record (changed_outside, value_proven)"},
		{"changed outside, and unreadable: assumed", func(_ d, _ r, l l) { l.Modified, l.Value = newer, planner.LiveUnreadable },
			"update+value (changed_outside); note assumed_changed"},
		{"generated, changed outside, and the value is ours: not rotated", func(d d, _ r, l l) {
			d.Generated, l.Modified, l.Value = true, newer, planner.LiveSame
		}, "record (changed_outside, value_proven)"},
		{"the same, due for rotation", func(d d, r r, l l) {
			d.Generated, d.RotateAfter, r.Applied, l.Modified, l.Value = true, time.Hour, now.Add(-2*time.Hour), newer, planner.LiveSame
		}, "rotate+value (changed_outside, rotation_due)"},
		{"not generated, proven, and past rotate_after", func(d d, r r, l l) {
			d.RotateAfter, r.Applied, l.Modified, l.Value = time.Hour, now.Add(-2*time.Hour), newer, planner.LiveSame
		}, "record (changed_outside, value_proven); note rotation_overdue"},
		{"generated, changed outside to another value", func(d d, _ r, l l) {
			d.Generated, l.Modified, l.Value = true, newer, planner.LiveOther
		}, "rotate+value (value_changed_outside)"},
		{"created again outside with the same value", func(_ d, _ r, l l) { l.ID, l.Value = "s2", planner.LiveSame },
			"record (replaced_outside, value_proven)"},
		{"created again outside with another value", func(_ d, _ r, l l) { l.ID, l.Value = "s2", planner.LiveOther },
			"update+value (replaced_outside, value_changed_outside)"},
		{"created again outside with the recorded value, which the manifest has no longer", func(d d, _ r, l l) {
			l.ID, l.Value, l.DesiredValue, d.Value = "s2", planner.LiveSame, planner.LiveOther, planner.ValueChanged
		}, "update+value (replaced_outside)"},

		{"another value although nothing seems to have been written", func(_ d, r r, l l) {
			r.Modified, l.Modified, l.Value = long, long, planner.LiveOther
		}, "update+value (value_changed_outside)"},
		{"another value, moments after our own write: Workers may lag", func(_ d, r r, l l) {
			r.Applied, l.Value = now.Add(-planner.ValueLag), planner.LiveOther
		}, "note value_lagging"},
		{"another value, later than that", func(_ d, r r, l l) {
			r.Applied, l.Value = now.Add(-planner.ValueLag-time.Second), planner.LiveOther
		}, "update+value (value_changed_outside)"},
		{"another value, and the list lags", func(_ d, _ r, l l) { l.Modified, l.Value = older, planner.LiveOther },
			"note lagging_read"},
		{"another value, and modified went back long after our last write", func(_ d, r r, l l) {
			r.Modified, l.Modified, l.Value = long, older, planner.LiveOther
		}, "update+value (value_changed_outside)"},
		{"became active, which moved modified: nothing is assumed", func(_ d, r r, l l) {
			r.Status, l.Modified, l.Value = planner.StatusPending, newer, planner.LiveSame
		}, "nothing, 1 unchanged"},
		{"became active, and another client set the value meanwhile", func(_ d, r r, l l) {
			r.Status, l.Modified, l.Value = planner.StatusPending, newer, planner.LiveOther
		}, "update+value (value_changed_outside)"},
		{"the value that the manifest has since, set by another client", func(d d, _ r, l l) {
			d.Value, l.Value, l.DesiredValue = planner.ValueChanged, planner.LiveOther, planner.LiveSame
		}, "record (value_proven)"},
		{"all as it should be", func(_ d, _ r, l l) { l.Value = planner.LiveSame }, "nothing, 1 unchanged"},
		{"never fingerprinted, and the value is the desired one", func(d d, _ r, l l) {
			d.Value, l.DesiredValue = planner.ValueNew, planner.LiveSame
		}, "record (value_proven)"},

		{"accepted, and proven", func(_ d, r r, l l) { r.Accepted, l.Value = true, planner.LiveSame },
			"record (value_proven)"},
		{"accepted, and another value", func(_ d, r r, l l) { r.Accepted, l.Value = true, planner.LiveOther },
			"note accepted"},
		{"adopted as it is, and another value than the manifest's", func(d d, _ r, l l) {
			d.Adopt, l.Value = planner.AdoptKeep, planner.LiveOther
		}, "note adopted_value_differs"},
		{"the same, and the manifest has another since", func(d d, _ r, l l) {
			d.Adopt, d.Value, l.Value, l.DesiredValue = planner.AdoptKeep, planner.ValueChanged, planner.LiveOther, planner.LiveOther
		}, "update+value (value_changed)"},
		{"accepted, another value, and the manifest has it since", func(d d, r r, l l) {
			r.Accepted, d.Value, l.Value, l.DesiredValue = true, planner.ValueChanged, planner.LiveOther, planner.LiveSame
		}, "record (value_proven)"},

		{"an update was interrupted, and took effect", func(d d, r r, l l) {
			r.Pending, d.Value, l.Value, l.DesiredValue = halfUpdated(planner.OpUpdate, true, 0), planner.ValueChanged, planner.LiveOther, planner.LiveSame
		}, "adopt (interrupted, value_proven)"},
		{"an update was interrupted, did not take effect, and is wanted", func(d d, r r, l l) {
			r.Pending, d.Value, l.Value, l.DesiredValue = halfUpdated(planner.OpUpdate, true, 0), planner.ValueChanged, planner.LiveSame, planner.LiveOther
		}, "update+value (interrupted); note interrupted"},
		{"the same, and the earlier value is wanted again: Workers may not read the newer one yet", func(_ d, r r, l l) {
			r.Pending, l.Value = halfUpdated(planner.OpUpdate, true, planner.ListLag), planner.LiveSame
		}, "update+value (interrupted); note interrupted"},
		{"the same, later", func(_ d, r r, l l) {
			r.Pending, l.Value = halfUpdated(planner.OpUpdate, true, planner.ListLag+time.Second), planner.LiveSame
		}, "adopt (interrupted, value_proven)"},
		{"an update of metadata was interrupted, and the value is as it was", func(d d, r r, l l) {
			d.Generated, r.Pending, l.Modified, l.Value = true, halfUpdated(planner.OpUpdate, false, 0), newer, planner.LiveSame
		}, "adopt (interrupted, value_proven)"},
		{"a rotation was interrupted, and did not take effect: it is asked for", func(d d, r r, l l) {
			d.Generated, r.Pending, l.Value = true, halfUpdated(planner.OpRotate, true, time.Hour), planner.LiveSame
		}, "rotate+value (interrupted); note interrupted"},
		{"a deletion was interrupted, the secret is wanted again, and has its value", func(_ d, r r, l l) {
			r.Pending, l.Value = halfUpdated(planner.OpDelete, false, 0), planner.LiveSame
		}, "adopt (interrupted, value_proven)"},
	} {
		d, r, l := desired(), recorded(), live()
		c.change(d, r, l)
		if got := describe(planner.Build(input(d, r, l))); got != c.want {
			t.Errorf("%s:\ngot  %s\nwant %s", c.name, got, c.want)
		}
	}
}

// TestCreationSettled: what the list alone cannot tell about an interrupted creation, the value can.
func TestCreationSettled(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(d *planner.DesiredSecret, l *planner.LiveSecret)
		want   string
	}{
		{"not verified", func(*planner.DesiredSecret, *planner.LiveSecret) {}, "note unproven"},
		{"unreadable", func(_ *planner.DesiredSecret, l *planner.LiveSecret) {
			l.RequestedValue, l.DesiredValue = planner.LiveUnreadable, planner.LiveUnreadable
		}, "note unproven"},
		{"our value", func(_ *planner.DesiredSecret, l *planner.LiveSecret) {
			l.RequestedValue, l.DesiredValue = planner.LiveSame, planner.LiveSame
		}, "adopt (interrupted, value_proven)"},
		{"our value, and the manifest has another since", func(d *planner.DesiredSecret, l *planner.LiveSecret) {
			d.Requested, l.RequestedValue, l.DesiredValue = false, planner.LiveSame, planner.LiveOther
		}, "update+value (interrupted); note interrupted"},
		{"our value, at a time when no request of ours was under way", func(_ *planner.DesiredSecret, l *planner.LiveSecret) {
			l.RequestedValue, l.DesiredValue, l.Created = planner.LiveSame, planner.LiveSame, newer
		}, "problem conflict"},
		{"another client's value", func(_ *planner.DesiredSecret, l *planner.LiveSecret) {
			l.RequestedValue, l.DesiredValue = planner.LiveOther, planner.LiveOther
		}, "problem conflict"},
	} {
		d, r, l := desired(), recorded(), live()
		since := now.Add(-time.Hour)
		d.Requested, d.Comment = true, nil
		r.ID, r.Modified, r.Comment = "", "", ""
		r.Pending = &planner.Pending{Op: planner.OpCreate, Since: since, Until: since.Add(30 * time.Second), ListedAt: since.Add(-time.Minute), Value: true}
		l.Comment, l.Created, l.Modified = "", justCreated, justCreated
		c.change(d, l)
		if got := describe(planner.Build(input(d, r, l))); got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
}

func TestAdoptVerified(t *testing.T) {
	for _, c := range []struct {
		policy planner.AdoptPolicy
		value  planner.LiveValue
		later  bool
		want   string
	}{
		{planner.AdoptOverwrite, planner.LiveSame, false, "adopt+scopes (adopted_value_proven, scopes_changed)"},
		{planner.AdoptOverwrite, planner.LiveOther, false, "adopt+value+scopes (adopted, scopes_changed)"},
		{planner.AdoptKeep, planner.LiveSame, false, "adopt+scopes (adopted_value_kept, scopes_changed)"},
		{planner.AdoptKeep, planner.LiveOther, false, "adopt+scopes (adopted_value_kept, scopes_changed)"},
		{"", planner.LiveSame, false, "problem conflict"},
		{"generated", planner.LiveUnknown, true, "problem conflict"},
		{planner.AdoptVerify, planner.LiveSame, false, "adopt+scopes (adopted_value_proven, scopes_changed)"},
		{planner.AdoptVerify, planner.LiveOther, false, "problem adopt_value_differs"},
		{planner.AdoptVerify, planner.LiveOther, true, "problem adopt_value_differs"},
		{planner.AdoptVerify, planner.LiveUnreadable, false, "problem adopt_unreadable"},
		{planner.AdoptVerify, planner.LiveUnreadable, true, "problem adopt_unreadable"},
		{planner.AdoptVerify, planner.LiveUnknown, false, "problem adopt_unverified"},
		{planner.AdoptVerify, planner.LiveUnknown, true, "adopt+scopes (adopted_if_proven, scopes_changed); note verified_at_apply"},
	} {
		d, l := desired(), live()
		if c.policy == "generated" {
			c.policy, d.Generated = planner.AdoptVerify, true
		}
		d.Value, d.Adopt, d.Scopes, l.DesiredValue = planner.ValueNew, c.policy, []string{"workers", "dex"}, c.value
		in := input(d, nil, l)
		in.Options.VerifyLater = c.later
		p := planner.Build(in)
		if got := describe(p); got != c.want {
			t.Errorf("%q, later %v: got %s, want %s", c.value, c.later, got, c.want)
		}
		for _, a := range p.Actions {
			if a.Proven != (c.value == planner.LiveSame) || a.SetValue && a.Proven {
				t.Errorf("%q, later %v: proven %v, sends a value %v", c.value, c.later, a.Proven, a.SetValue)
			}
		}
	}
}

// TestAdoptUnreadable: a secret without the scope of Workers cannot be verified, which needs no
// proof. Scopes that a list leaves out may have it.
func TestAdoptUnreadable(t *testing.T) {
	for want, scopes := range map[string][]string{
		"problem adopt_unreadable": {"dex"},
		"adopt+scopes (adopted_if_proven, scopes_changed); note verified_at_apply": nil,
	} {
		d, l := desired(), live()
		d.Value, d.Adopt, l.Scopes = planner.ValueNew, planner.AdoptVerify, scopes
		in := input(d, nil, l)
		in.Options.VerifyLater = true
		if got := describe(planner.Build(in)); got != want {
			t.Errorf("%q: got %s, want %s", scopes, got, want)
		}
	}
}

// TestRenameVerified: a secret that changed outside is renamed if its value is proven. One that seems
// unchanged is not renamed if its value is proven to differ.
func TestRenameVerified(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(r *planner.RecordedSecret, l *planner.LiveSecret)
		want   string
	}{
		{"changed outside", func(_ *planner.RecordedSecret, l *planner.LiveSecret) { l.Modified = newer },
			"create+value+scopes (new); delete (not_in_manifest)"},
		{"changed outside, and proven", func(_ *planner.RecordedSecret, l *planner.LiveSecret) {
			l.Modified, l.Value = newer, planner.LiveSame
		}, "rename+scopes+comment (renamed); note renamed"},
		{"as we left it, and another value", func(_ *planner.RecordedSecret, l *planner.LiveSecret) { l.Value = planner.LiveOther },
			"create+value+scopes (new); delete (not_in_manifest)"},
		{"accepted, and another value", func(r *planner.RecordedSecret, l *planner.LiveSecret) {
			r.Accepted, l.Value = true, planner.LiveOther
		}, "rename+scopes+comment (renamed); note accepted; note renamed"},
	} {
		d, r, l := desired(), recorded(), live()
		d.Name, d.RenamedFrom = "new-key", "api-key"
		c.change(r, l)
		if got := describe(planner.Build(input(d, r, l))); got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
}

// TestNotesSayWhatIsKnown: the same note says whether something was found out about the value.
func TestNotesSayWhatIsKnown(t *testing.T) {
	for _, v := range []planner.LiveValue{planner.LiveUnknown, planner.LiveUnreadable, planner.LiveOther} {
		r, l := recorded(), live()
		r.Accepted, l.Value = true, v
		if notes := planner.Build(input(desired(), r, l)).Notes; len(notes) != 1 || notes[0].Value != v {
			t.Errorf("accepted, %q: %+v", v, notes)
		}
	}
	l := live()
	l.Modified, l.Value = newer, planner.LiveUnreadable
	if notes := planner.Build(input(desired(), recorded(), l)).Notes; len(notes) != 1 || notes[0].Value != planner.LiveUnreadable {
		t.Errorf("assumed: %+v", notes)
	}
}

// TestDriftVerified has every kind of drift of a live secret, with and without verification. A
// finding that counts is marked with "!".
func TestDriftVerified(t *testing.T) {
	values := []planner.LiveValue{planner.LiveUnknown, planner.LiveSame, planner.LiveOther, planner.LiveUnreadable}
	for _, c := range []struct {
		name   string
		change func(r *planner.RecordedSecret, l *planner.LiveSecret)
		want   [4]string // by value
	}{
		{"none", func(*planner.RecordedSecret, *planner.LiveSecret) {}, [4]string{"", "", "value_changed!", ""}},
		{"changed", func(_ *planner.RecordedSecret, l *planner.LiveSecret) { l.Modified = newer },
			[4]string{"changed!", "touched", "value_changed!", "changed!"}},
		{"scopes", func(_ *planner.RecordedSecret, l *planner.LiveSecret) { l.Modified, l.Scopes = newer, []string{"dex"} },
			[4]string{"scopes!", "scopes!", "scopes! value_changed!", "scopes!"}},
		{"comment", func(_ *planner.RecordedSecret, l *planner.LiveSecret) { l.Modified, l.Comment = newer, "theirs" },
			[4]string{"comment!", "comment!", "comment! value_changed!", "comment!"}},
		{"recreated", func(_ *planner.RecordedSecret, l *planner.LiveSecret) { l.ID = "s2" },
			[4]string{"recreated!", "recreated!", "recreated!", "recreated!"}},
		{"activated", func(r *planner.RecordedSecret, l *planner.LiveSecret) {
			r.Status, l.Modified = planner.StatusPending, newer
		},
			[4]string{"activated", "", "value_changed!", "activated"}},
		{"accepted", func(r *planner.RecordedSecret, _ *planner.LiveSecret) { r.Accepted = true },
			[4]string{"accepted", "accepted", "accepted", "accepted"}},
		{"accepted, and changed again", func(r *planner.RecordedSecret, l *planner.LiveSecret) { r.Accepted, l.Modified = true, newer },
			[4]string{"changed!", "touched", "value_changed!", "changed!"}},
		{"not active", func(_ *planner.RecordedSecret, l *planner.LiveSecret) { l.Status = "deleted" },
			[4]string{"not_active!", "not_active!", "not_active! value_changed!", "not_active!"}},
		{"interrupted", func(r *planner.RecordedSecret, _ *planner.LiveSecret) {
			r.Pending = &planner.Pending{Op: planner.OpUpdate}
		},
			[4]string{"interrupted!", "interrupted!", "interrupted!", "interrupted!"}},
		{"a list that lags", func(_ *planner.RecordedSecret, l *planner.LiveSecret) { l.Modified = older },
			[4]string{"lagging_read", "lagging_read", "lagging_read", "lagging_read"}},
		{"written by us moments ago", func(r *planner.RecordedSecret, _ *planner.LiveSecret) { r.Applied = now },
			[4]string{"", "", "value_lagging", ""}},
	} {
		for i, v := range values {
			r, l := recorded(), live()
			c.change(r, l)
			l.Value = v
			var got []string
			for _, d := range planner.FindDrift(input(nil, r, l)) {
				kind := string(d.Kind)
				if d.Counts {
					kind += "!"
				}
				got = append(got, kind)
				if d.Value != v {
					t.Errorf("%s, %q: %s has the value %q", c.name, v, d.Kind, d.Value)
				}
			}
			if strings.Join(got, " ") != c.want[i] {
				t.Errorf("%s, %q: got %q, want %q", c.name, v, got, c.want[i])
			}
		}
	}
}

func TestAcceptVerified(t *testing.T) {
	changed := func(_ *planner.RecordedSecret, l *planner.LiveSecret) { l.Modified = newer }
	for _, c := range []struct {
		name   string
		change func(r *planner.RecordedSecret, l *planner.LiveSecret)
		value  planner.LiveValue
		want   string
	}{
		{"changed", changed, planner.LiveSame, `api-key touched, records s1 of st1: ` + string(newer) + ` workers "ours"`},
		{"changed", changed, planner.LiveOther, `api-key value_changed, records s1 of st1: ` + string(newer) + ` workers "ours", value unknown`},
		{"changed", changed, planner.LiveUnreadable, `api-key changed, records s1 of st1: ` + string(newer) + ` workers "ours", value unknown`},
		{"recreated", func(_ *planner.RecordedSecret, l *planner.LiveSecret) { l.ID = "s2" }, planner.LiveSame,
			`api-key recreated, records s2 of st1: ` + string(applied) + ` workers "ours"`},
		{"another value, unseen", func(*planner.RecordedSecret, *planner.LiveSecret) {}, planner.LiveOther,
			`api-key value_changed, records s1 of st1: ` + string(applied) + ` workers "ours", value unknown`},
		{"accepted before", func(r *planner.RecordedSecret, _ *planner.LiveSecret) { r.Accepted = true }, planner.LiveOther, ""},
	} {
		r, l := recorded(), live()
		c.change(r, l)
		l.Value = c.value
		if got := acceptances(input(desired(), r, l)); got != c.want {
			t.Errorf("%s, %q:\ngot  %s\nwant %s", c.name, c.value, got, c.want)
		}
	}
}

// TestProvenValuesAreNotSent: no plan sends a value that is proven to be live, unless a rotation is
// due or an interrupted write may still replace it.
func TestProvenValuesAreNotSent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		for _, a := range planner.Build(w.Input).Actions {
			at := place{a.Store, a.Secret}
			r := w.record(at)
			if a.Op == planner.OpCreateStore || a.Op == planner.OpCreate || !a.SetValue || r == nil {
				continue
			}
			if l := w.live(at).secret(a.Secret); l.DesiredValue == planner.LiveSame && r.Pending == nil && !hasReason(a, planner.ReasonRotationDue) {
				t.Fatalf("%s of %s sends the value that is live: %v", a.Op, a.Secret, a.Reasons)
			}
		}
	})
}

func hasReason(a planner.Action, why planner.Reason) bool {
	for _, r := range a.Reasons {
		if r == why {
			return true
		}
	}
	return false
}

// TestInQuestion: everything about which a plan assumes something is verified, and nothing else.
func TestInQuestion(t *testing.T) {
	type (
		d = *planner.DesiredSecret
		r = *planner.RecordedSecret
		l = *planner.LiveSecret
	)
	for _, c := range []struct {
		name   string
		change func(d, r, l)
		want   bool
	}{
		{"as our last write left it", func(d, r, l) {}, false},
		{"as our last write left it long ago", func(_ d, r r, l l) { r.Modified, l.Modified = older, older }, false},
		{"changed outside", func(_ d, _ r, l l) { l.Modified = newer }, true},
		{"recreated", func(_ d, _ r, l l) { l.ID = "s2" }, true},
		{"accepted", func(_ d, r r, _ l) { r.Accepted = true }, true},
		{"interrupted", func(_ d, r r, _ l) { r.Pending = &planner.Pending{Op: planner.OpUpdate} }, true},
		{"became active later", func(_ d, r r, l l) { r.Status, l.Modified = planner.StatusPending, newer }, true},
		{"the list lags", func(_ d, _ r, l l) { l.Modified = older }, false},
		{"modified went back", func(_ d, r r, l l) { r.Modified, l.Modified = "2026-11-20T12:00:00Z", older }, true},
	} {
		d, r, l := desired(), recorded(), live()
		c.change(d, r, l)
		v := planner.Versions{Desired: d, Recorded: r, Live: l}
		if got := v.InQuestion(now); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
		if v.VerifyToAdopt() {
			t.Errorf("%s: is to be adopted", c.name)
		}
		if v.Live = nil; v.InQuestion(now) {
			t.Errorf("%s, and gone: in question", c.name)
		}
	}
	for policy, want := range map[planner.AdoptPolicy][2]bool{
		"": {}, planner.AdoptKeep: {}, planner.AdoptOverwrite: {true, false}, planner.AdoptVerify: {true, true},
	} {
		d := desired()
		d.Adopt = policy
		v := planner.Versions{Desired: d, Live: live()}
		if got := [2]bool{v.InQuestion(now), v.VerifyToAdopt()}; got != want {
			t.Errorf("adopt: %s: %v", policy, got)
		}
		v.Recorded = &planner.RecordedSecret{Name: "api-key", Pending: &planner.Pending{Op: planner.OpCreate}}
		if got := v.VerifyToAdopt(); got != want[1] {
			t.Errorf("adopt: %s, its creation was interrupted: %v", policy, got)
		}
	}
	if v := (planner.Versions{Live: live()}); v.InQuestion(now) || v.VerifyToAdopt() {
		t.Error("an unmanaged secret is in question")
	}
}

// TestUnsettled: a value that another client may have replaced moments ago is not proven yet.
func TestUnsettled(t *testing.T) {
	at := func(ago time.Duration) planner.Modified { return planner.Modified(now.Add(-ago).Format(time.RFC3339)) }
	for _, c := range []struct {
		name   string
		lag    time.Duration
		change func(r *planner.RecordedSecret, l *planner.LiveSecret)
		want   bool
	}{
		{"our own write", planner.ValueLag, func(r *planner.RecordedSecret, l *planner.LiveSecret) {
			r.Modified, l.Modified = at(time.Second), at(time.Second)
		}, false},
		{"another's write a minute ago", planner.ValueLag, func(_ *planner.RecordedSecret, l *planner.LiveSecret) { l.Modified = at(time.Minute) }, true},
		{"another's write earlier", planner.ValueLag, func(_ *planner.RecordedSecret, l *planner.LiveSecret) {
			l.Modified = at(time.Minute + time.Second)
		}, false},
		{"an emulator's values do not lag", 0, func(_ *planner.RecordedSecret, l *planner.LiveSecret) { l.Modified = at(0) }, false},
		{"created again, and written to", planner.ValueLag, func(_ *planner.RecordedSecret, l *planner.LiveSecret) { l.ID, l.Modified = "s2", at(0) }, true},
		{"created again", planner.ValueLag, func(_ *planner.RecordedSecret, l *planner.LiveSecret) {
			l.ID, l.Modified, l.Created = "s2", at(0), at(0)
		}, false},
	} {
		r, l := recorded(), live()
		l.Created = older
		c.change(r, l)
		v := planner.Versions{Recorded: r, Live: l}
		if got := v.Unsettled(now, c.lag); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
	for _, c := range []struct {
		name    string
		lag     time.Duration
		applied time.Duration
		change  func(l *planner.LiveSecret)
		want    bool
	}{
		{"a minute ago", planner.ValueLag, time.Minute, func(*planner.LiveSecret) {}, true},
		{"earlier", planner.ValueLag, time.Minute + time.Second, func(*planner.LiveSecret) {}, false},
		{"an emulator's values do not lag", 0, 0, func(*planner.LiveSecret) {}, false},
		{"another's write followed", planner.ValueLag, time.Second, func(l *planner.LiveSecret) { l.Modified = at(0) }, false},
		{"created again", planner.ValueLag, time.Second, func(l *planner.LiveSecret) { l.ID = "s2" }, false},
	} {
		r, l := recorded(), live()
		r.Applied = now.Add(-c.applied)
		c.change(l)
		if v := (planner.Versions{Recorded: r, Live: l}); v.JustWritten(now, c.lag) != c.want {
			t.Errorf("just written, %s: not %v", c.name, c.want)
		}
	}
	l := live()
	l.Modified, l.Created = at(0), older
	if v := (planner.Versions{Live: l}); !v.Unsettled(now, planner.ValueLag) {
		t.Error("without a record: settled")
	}
}
