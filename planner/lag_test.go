package planner_test

import (
	"testing"
	"time"

	"github.com/secretsync/secretsync/planner"
)

// TestWrittenRecently: how long lists and reads by id may lag after our write. The time of
// the write is Cloudflare's, or else the time when the value was last sent.
func TestWrittenRecently(t *testing.T) {
	const never = 1000 * time.Hour
	for _, c := range []struct {
		name              string
		modified, applied time.Duration // ago
		lists, reads      bool
	}{
		{"just now", 0, 0, true, true},
		{"a minute ago", time.Minute, never, true, true},
		{"more than a minute ago", time.Minute + 1, never, true, false},
		{"ten minutes ago", 10 * time.Minute, never, true, false},
		{"more than ten minutes ago", 10*time.Minute + 1, never, false, false},
		{"metadata long ago, the value a minute ago", never, time.Minute, true, true},
		{"the value ten minutes ago", never, 10 * time.Minute, true, false},
		{"the value more than ten minutes ago", never, 10*time.Minute + time.Second, false, false},
		{"in a moment, as clocks differ", -planner.ClockSkew, never, true, true},
		{"in the future, so that it proves nothing", -planner.ClockSkew - 1, never, false, false},
		{"long ago", never, never, false, false},
	} {
		r := recorded()
		r.Modified, r.Applied = planner.Modified(now.Add(-c.modified).Format(time.RFC3339Nano)), now.Add(-c.applied)
		if lists, reads := r.MayLag(now), r.Fresh(now); lists != c.lists || reads != c.reads {
			t.Errorf("written %s: lists may lag: %v, reads: %v; want %v, %v", c.name, lists, reads, c.lists, c.reads)
		}
		r.ID = ""
		if r.MayLag(now) || r.Fresh(now) {
			t.Errorf("written %s: there is no id to read it by", c.name)
		}
	}
}

// TestLagEnds: for ten minutes, a list with a state older than our last write is assumed to
// lag. After that, the older state is taken as the live one.
func TestLagEnds(t *testing.T) {
	for age, want := range map[time.Duration]struct {
		note  planner.NoteKind
		drift planner.DriftKind
	}{
		planner.ListLag:     {planner.NoteLagging, planner.DriftLagging},
		planner.ListLag + 1: {planner.NoteBackwards, planner.DriftChanged},
	} {
		r, l := recorded(), live()
		r.Modified, l.Modified = planner.Modified(now.Add(-age).Format(time.RFC3339Nano)), older
		in := input(desired(), r, l)
		if p := planner.Build(in); len(p.Actions) != 0 || len(p.Notes) != 1 || p.Notes[0].Kind != want.note {
			t.Errorf("after %s: %s", age, describe(p))
		}
		if found := planner.FindDrift(in); len(found) != 1 || found[0].Kind != want.drift || found[0].Counts != (want.drift == planner.DriftChanged) {
			t.Errorf("after %s: %+v", age, found)
		}
	}
}

// TestRenameWhileListsLag: while lists may lag, an old name that is listed in an older state
// counts as unchanged.
func TestRenameWhileListsLag(t *testing.T) {
	for age, want := range map[time.Duration]string{
		planner.ListLag:     "rename+scopes+comment (renamed); note renamed",
		planner.ListLag + 1: "create+value+scopes (new); delete (not_in_manifest)",
	} {
		d, r, l := desired(), recorded(), live()
		d.Name, d.RenamedFrom = "new-key", "api-key"
		r.Modified, l.Modified = planner.Modified(now.Add(-age).Format(time.RFC3339Nano)), older
		if got := describe(planner.Build(input(d, r, l))); got != want {
			t.Errorf("after %s: got %s, want %s", age, got, want)
		}
	}
}

func TestModifiedCompare(t *testing.T) {
	for _, c := range []struct {
		a, b planner.Modified
		want int
	}{
		{"2026-11-01T12:00:00Z", "2026-11-01T12:00:00Z", 0},
		{"2026-11-01T12:00:00.123456Z", "2026-11-01T12:00:00.123457Z", -1},
		{"2026-11-01T12:00:01Z", "2026-11-01T12:00:00.999999Z", 1},
		{"2026-11-01T12:00:00Z", "2026-11-01T12:00:00.999999Z", 0}, // one endpoint omits the microseconds
		{"2026-11-01T12:00:00.12Z", "2026-11-01T12:00:00.123456Z", 0},
		{"2026-11-01T12:00:00.10Z", "2026-11-01T12:00:00.11Z", -1}, // a zero is a digit
		{"2026-11-01T12:00:00.19Z", "2026-11-01T12:00:00.18Z", 1},
		{"2026-11-01T12:00:00.1234567891Z", "2026-11-01T12:00:00.123456789Z", 0}, // more digits than Go keeps
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
