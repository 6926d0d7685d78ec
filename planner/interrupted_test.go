package planner_test

import (
	"testing"
	"time"

	"github.com/secretsync/secretsync/planner"
)

// TestInterrupted: what is sent again after a write that was interrupted.
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
