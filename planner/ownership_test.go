package planner_test

import (
	"testing"
	"time"

	"github.com/secretsync/secretsync/planner"
)

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
