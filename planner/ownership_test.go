package planner_test

import (
	"testing"
	"time"

	"github.com/secretsync/secretsync/planner"
)

// TestInterrupted: what is sent again after an interrupted write.
func TestInterrupted(t *testing.T) {
	cut := func(op planner.Op, value bool) *planner.RecordedSecret {
		r := recorded()
		r.Pending = &planner.Pending{Op: op, Since: now.Add(-20 * time.Second), Value: value}
		return r
	}
	done := live()
	done.Modified = planner.Modified(now.Add(-19 * time.Second).Format(time.RFC3339Nano))
	update := func(value bool, state planner.ValueState, generated bool) planner.Action {
		d := desired()
		d.Value, d.Generated = state, generated
		return planner.Build(input(d, cut(planner.OpUpdate, value), done)).Actions[0]
	}
	if a := update(false, planner.ValueSame, false); !a.SetValue || !a.Recovery.ValueUnchanged {
		t.Errorf("metadata alone: %+v", a)
	}
	if update(true, planner.ValueSame, false).Recovery.ValueUnchanged || update(false, planner.ValueChanged, false).Recovery.ValueUnchanged {
		t.Error("a value that may be another is said to be the same")
	}
	if update(false, planner.ValueSame, true).Recovery.ValueUnchanged {
		t.Error("a value that is generated again is said to be the same")
	}
	d := desired()
	d.Adopt = planner.AdoptKeep
	if got, want := describe(planner.Build(input(d, cut(planner.OpAdopt, false), done))), "adopt (interrupted); note interrupted"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestInterruptedAndAccepted: a write without a value leaves an accepted value in its place,
// unless another client wrote to the secret later.
func TestInterruptedAndAccepted(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(d *planner.DesiredSecret, r *planner.RecordedSecret, l *planner.LiveSecret)
		want   string
	}{
		{"metadata, written", func(*planner.DesiredSecret, *planner.RecordedSecret, *planner.LiveSecret) {}, "adopt (interrupted); note accepted; note interrupted"},
		{"metadata, not written", func(d *planner.DesiredSecret, _ *planner.RecordedSecret, l *planner.LiveSecret) {
			l.Modified, d.Scopes = applied, []string{"dex"}
		}, "adopt+scopes (interrupted, scopes_changed); note accepted; note interrupted"},
		{"metadata that is not wanted any more, not written", func(_ *planner.DesiredSecret, _ *planner.RecordedSecret, l *planner.LiveSecret) {
			l.Modified = applied
		}, "adopt (interrupted); note accepted; note interrupted"},
		{"a generated value", func(d *planner.DesiredSecret, _ *planner.RecordedSecret, _ *planner.LiveSecret) { d.Generated = true },
			"adopt (interrupted); note accepted; note interrupted"},
		{"written by another client later", func(_ *planner.DesiredSecret, _ *planner.RecordedSecret, l *planner.LiveSecret) {
			l.Modified = planner.Modified(now.Add(-5 * time.Second).Format(time.RFC3339))
		}, "update+value (changed_outside); note interrupted"},
		{"the value was to be sent", func(_ *planner.DesiredSecret, r *planner.RecordedSecret, _ *planner.LiveSecret) {
			r.Pending.Value = true
		},
			"update+value (interrupted); note interrupted"},
		{"the value changed at its source", func(d *planner.DesiredSecret, _ *planner.RecordedSecret, _ *planner.LiveSecret) {
			d.Value = planner.ValueChanged
		},
			"update+value (interrupted); note interrupted"},
		{"another secret", func(_ *planner.DesiredSecret, _ *planner.RecordedSecret, l *planner.LiveSecret) { l.ID = "s2" },
			"update+value (replaced_outside); note interrupted"},
		{"a deletion", func(_ *planner.DesiredSecret, r *planner.RecordedSecret, l *planner.LiveSecret) {
			r.Pending.Op, l.Modified = planner.OpDelete, applied
		}, "adopt (interrupted); note accepted; note interrupted"},
		{"a deletion, and written by another client", func(_ *planner.DesiredSecret, r *planner.RecordedSecret, _ *planner.LiveSecret) {
			r.Pending.Op = planner.OpDelete
		}, "update+value (interrupted); note interrupted"},
		{"a rename", func(_ *planner.DesiredSecret, r *planner.RecordedSecret, l *planner.LiveSecret) {
			r.ID, r.Modified, r.Pending.Op = "", "", planner.OpRename
			l.Created = l.Modified
		}, "adopt (interrupted); note accepted; note interrupted"},
		{"a rename, and another client's secret", func(_ *planner.DesiredSecret, r *planner.RecordedSecret, l *planner.LiveSecret) {
			r.ID, r.Modified, r.Pending.Op = "", "", planner.OpRename
			l.Created = older
		}, "problem conflict"},
	} {
		d, r, l := desired(), recorded(), live()
		r.Accepted = true
		r.Pending = &planner.Pending{Op: planner.OpUpdate, Since: now.Add(-20 * time.Second), Until: now.Add(-18 * time.Second)}
		l.Modified = planner.Modified(now.Add(-19 * time.Second).Format(time.RFC3339))
		c.change(d, r, l)
		if got := describe(planner.Build(input(d, r, l))); got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
}

// TestInterruptedAndChangedOutside: a write at a time when no request of ours was under way
// is another client's, unless its time is from another clock.
func TestInterruptedAndChangedOutside(t *testing.T) {
	for _, c := range []struct {
		name     string
		modified time.Duration // from now
		recorded planner.Modified
		want     planner.Reason
	}{
		{"during the request", -40 * time.Second, older, planner.ReasonInterrupted},
		{"as long after it as clocks differ", -25 * time.Second, older, planner.ReasonInterrupted},
		{"later", -24 * time.Second, older, planner.ReasonChangedOutside},
		{"between the list and the request", -70 * time.Second, older, planner.ReasonChangedOutside},
		{"before a list that does not have it", -3 * time.Minute, older, planner.ReasonInterrupted},
		{"in the future", time.Minute, older, planner.ReasonInterrupted},
		{"nothing to compare it with", -24 * time.Second, "", planner.ReasonInterrupted},
	} {
		for _, value := range []bool{false, true} {
			d, r, l := desired(), recorded(), live()
			d.Value, r.Modified, l.Modified = planner.ValueSame, c.recorded, planner.Modified(now.Add(c.modified).Format(time.RFC3339))
			r.Pending = &planner.Pending{
				Op: planner.OpUpdate, Since: now.Add(-time.Minute), Until: now.Add(-30 * time.Second), ListedAt: now.Add(-2 * time.Minute), Value: value,
			}
			a := planner.Build(input(d, r, l)).Actions[0]
			if !a.SetValue || len(a.Reasons) != 1 || a.Reasons[0] != c.want || a.Recovery.ValueUnchanged && c.want != planner.ReasonInterrupted {
				t.Errorf("%s: %+v", c.name, a)
			}
		}
	}
}

// TestWindow: whether a request in a window may have created a secret, by its creation time.
// The list that the request was based on was read a minute before.
func TestWindow(t *testing.T) {
	from := now.Add(-10 * time.Minute)
	w := planner.Window{ListedAt: from.Add(-time.Minute), From: from, To: from.Add(30 * time.Second)}
	unknown := w
	unknown.ListedAt = time.Time{}
	for _, c := range []struct {
		name    string
		window  planner.Window
		created time.Time
		want    bool
	}{
		{"in it", w, from.Add(10 * time.Second), true},
		{"before it, by as much as clocks differ", w, w.From.Add(-planner.ClockSkew), true},
		{"before it, by more", w, w.From.Add(-planner.ClockSkew - 1), false},
		{"after it, by as much as clocks differ", w, w.To.Add(planner.ClockSkew), true},
		{"after it, by more", w, w.To.Add(planner.ClockSkew + 1), false},
		{"between the list and the request", w, from.Add(-30 * time.Second), false},
		{"before the list, which may lag", w, w.ListedAt.Add(-15 * time.Second), false},
		{"so long before the list that the clocks must differ", w, w.ListedAt.Add(-15*time.Second - 1), true},
		{"the same, where it isn't known when the list was read", unknown, w.ListedAt.Add(-15*time.Second - 1), false},
		{"now, by as much as clocks differ", w, now.Add(planner.ClockSkew), false},
		{"in the future, so that the clocks must differ", w, now.Add(planner.ClockSkew + 1), true},
	} {
		l := live()
		l.Created = planner.Modified(c.created.Format(time.RFC3339Nano))
		wanted := planner.Metadata{Scopes: l.Scopes, Comment: l.Comment}
		if got := c.window.MayHaveCreated(l, wanted, now); got != c.want {
			t.Errorf("created %s: %v, want %v", c.name, got, c.want)
		}
		if c.window.MayHaveCreated(l, planner.Metadata{Scopes: l.Scopes, Comment: "another"}, now) ||
			c.window.MayHaveCreated(l, planner.Metadata{Scopes: []string{"another"}, Comment: l.Comment}, now) {
			t.Errorf("created %s: with other metadata too", c.name)
		}
	}
	l := live()
	l.Created = "some time ago"
	if !w.MayHaveCreated(l, planner.Metadata{Scopes: l.Scopes, Comment: l.Comment}, now) {
		t.Error("a time that cannot be read proves something")
	}
}

// TestDeletesOnlyWhatIsOurs: a secret was removed from the manifest after its creation was
// interrupted. It is deleted only if our request must have created it.
func TestDeletesOnlyWhatIsOurs(t *testing.T) {
	const (
		deleted  = "delete (not_in_manifest)"
		theirs   = "forget (not_in_manifest, replaced_outside)"
		unproven = "forget (not_in_manifest, unproven)"
	)
	since := now.Add(-time.Hour)
	for _, c := range []struct {
		name   string
		change func(p *planner.Pending, l *planner.LiveSecret)
		fate   string
	}{
		{"created during the request", func(*planner.Pending, *planner.LiveSecret) {}, deleted},
		{"created by another client, later", func(_ *planner.Pending, l *planner.LiveSecret) {
			l.Created = planner.Modified(since.Add(40 * time.Second).Format(time.RFC3339))
		}, theirs},
		{"created so long ago that the clocks must differ", func(_ *planner.Pending, l *planner.LiveSecret) { l.Created = older }, unproven},
		{"created at an unknown time", func(_ *planner.Pending, l *planner.LiveSecret) { l.Created = "" }, unproven},
		{"with another comment", func(_ *planner.Pending, l *planner.LiveSecret) { l.Comment = "theirs" }, theirs},
		{"with other scopes", func(_ *planner.Pending, l *planner.LiveSecret) { l.Scopes = []string{"dex"} }, theirs},
		{"the one that seemed to be deleted, whatever it looks like", func(p *planner.Pending, l *planner.LiveSecret) {
			p.PreviousID, l.Created, l.Comment = l.ID, older, "theirs"
		}, deleted},
		{"a request without a recorded end took no time", func(p *planner.Pending, _ *planner.LiveSecret) { p.Until = time.Time{} }, theirs},
	} {
		r, l := recorded(), live()
		r.ID, r.Modified = "", ""
		r.Pending = &planner.Pending{Op: planner.OpCreate, Since: since, Until: since.Add(30 * time.Second), ListedAt: since.Add(-time.Minute)}
		l.Created = planner.Modified(since.Add(20 * time.Second).Format(time.RFC3339))
		c.change(r.Pending, l)
		if got := describe(planner.Build(input(nil, r, l))); got != c.fate+"; note interrupted" {
			t.Errorf("%s: got %s, want %s", c.name, got, c.fate)
		}
		if r.Comment, l.Comment = "", ""; c.fate == deleted && r.Pending.PreviousID == "" { // nothing proves it any more
			if got := describe(planner.Build(input(nil, r, l))); got != unproven+"; note interrupted" {
				t.Errorf("%s, without a comment: got %s", c.name, got)
			}
		}
	}
}
