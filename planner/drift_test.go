package planner_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/secretsync/secretsync/planner"
)

func TestFindDrift(t *testing.T) {
	type kinds = []planner.DriftKind
	for _, c := range []struct {
		name   string
		change func(in *planner.Input)
		want   kinds
	}{
		{"none", func(*planner.Input) {}, nil},
		{"deleted", func(in *planner.Input) { in.Live[0].Secrets = nil }, kinds{planner.DriftDeleted}},
		{"recreated", func(in *planner.Input) { in.Live[0].Secrets[0].ID = "s2" }, kinds{planner.DriftRecreated}},
		{"changed", func(in *planner.Input) { in.Live[0].Secrets[0].Modified = newer }, kinds{planner.DriftChanged}},
		{"scopes", func(in *planner.Input) {
			in.Live[0].Secrets[0].Modified, in.Live[0].Secrets[0].Scopes = newer, []string{"dex"}
		}, kinds{planner.DriftScopes}},
		{"became active after the apply, which moved modified", func(in *planner.Input) {
			in.Recorded[0].Secrets[0].Status, in.Live[0].Secrets[0].Modified = planner.StatusPending, newer
		}, kinds{planner.DriftActivated}},
		{"became active, and its comment changed", func(in *planner.Input) {
			in.Recorded[0].Secrets[0].Status, in.Live[0].Secrets[0].Modified, in.Live[0].Secrets[0].Comment = planner.StatusPending, newer, "theirs"
		}, kinds{planner.DriftComment}},
		{"scopes and comment", func(in *planner.Input) {
			in.Live[0].Secrets[0].Scopes, in.Live[0].Secrets[0].Comment = []string{"dex"}, "theirs"
		}, kinds{planner.DriftComment, planner.DriftScopes}},
		{"not active", func(in *planner.Input) { in.Live[0].Secrets[0].Status = "pending" }, kinds{planner.DriftNotActive}},
		{"a status that the list leaves out", func(in *planner.Input) { in.Live[0].Secrets[0].Status = "" }, nil},
		{"scopes that the list leaves out", func(in *planner.Input) { in.Live[0].Secrets[0].Scopes = nil }, nil},
		{"no modification time was reported", func(in *planner.Input) { in.Recorded[0].Secrets[0].Modified = "" }, nil},
		{"changed, not active, and rotation overdue", func(in *planner.Input) {
			in.Desired[0].Secrets = []planner.DesiredSecret{{Name: "api-key", RotateAfter: time.Hour}}
			in.Live[0].Secrets[0].Modified, in.Live[0].Secrets[0].Status = newer, "deleted"
		}, kinds{planner.DriftChanged, planner.DriftNotActive, planner.DriftRotationOverdue}},
		{"accepted", func(in *planner.Input) { in.Recorded[0].Secrets[0].Accepted = true }, kinds{planner.DriftAccepted}},
		{"accepted, and changed again", func(in *planner.Input) {
			in.Recorded[0].Secrets[0].Accepted, in.Live[0].Secrets[0].Modified = true, newer
		}, kinds{planner.DriftChanged}},
		{"a lagging list", func(in *planner.Input) {
			in.Live[0].Secrets[0].Modified, in.Live[0].Secrets[0].Comment = older, "before"
		}, kinds{planner.DriftLagging}},
		{"modified went back, long after our last write", func(in *planner.Input) {
			in.Recorded[0].Secrets[0].Modified, in.Live[0].Secrets[0].Modified = "2026-11-20T12:00:00Z", older
		}, kinds{planner.DriftChanged}},
		{"a recorded time in the future hides nothing", func(in *planner.Input) {
			in.Recorded[0].Secrets[0].Modified = "2027-01-01T12:00:00Z"
		}, kinds{planner.DriftChanged}},
		{"interrupted", func(in *planner.Input) {
			in.Recorded[0].Secrets[0].Pending = &planner.Pending{Op: planner.OpUpdate}
		}, kinds{planner.DriftInterrupted}},
		{"rotation overdue", func(in *planner.Input) {
			in.Desired[0].Secrets = []planner.DesiredSecret{{Name: "api-key", RotateAfter: time.Hour}}
			in.Recorded[0].Secrets[0].Applied = now.Add(-time.Hour)
		}, kinds{planner.DriftRotationOverdue}},
		{"rotation due later", func(in *planner.Input) {
			in.Desired[0].Secrets = []planner.DesiredSecret{{Name: "api-key", RotateAfter: time.Hour}}
			in.Recorded[0].Secrets[0].Applied = now.Add(-59 * time.Minute)
		}, nil},
		{"store gone", func(in *planner.Input) { in.Live = nil }, kinds{planner.DriftStoreGone}},
		{"unmanaged, reported", func(in *planner.Input) { in.Recorded[0].Secrets = nil }, kinds{planner.DriftUnmanaged}},
		{"unmanaged, ignored", func(in *planner.Input) {
			in.Recorded[0].Secrets, in.Desired[0].Unmanaged = nil, planner.UnmanagedIgnore
		}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := input(nil, recorded(), live())
			c.change(&in)
			var got kinds
			for _, d := range planner.FindDrift(in) {
				got = append(got, d.Kind)
				if want := !slices.Contains(kinds{planner.DriftUnmanaged, planner.DriftLagging, planner.DriftAccepted, planner.DriftActivated}, d.Kind); d.Counts != want {
					t.Errorf("%s counts: %v, want %v", d.Kind, d.Counts, want)
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestFreshlyPendingIsNoDrift: a secret takes a while to become active. Any other status is
// drift at once.
func TestFreshlyPendingIsNoDrift(t *testing.T) {
	for _, c := range []struct {
		status string
		age    time.Duration
		counts bool
	}{
		{planner.StatusPending, 10*time.Minute - 1, false},
		{planner.StatusPending, 10 * time.Minute, true},
		{"deleted", time.Minute, true},
	} {
		in := input(nil, recorded(), live())
		in.Live[0].Secrets[0].Status = c.status
		in.Recorded[0].Secrets[0].Applied = now.Add(-c.age)
		want := []planner.Drift{{Kind: planner.DriftNotActive, Store: store, Secret: "api-key", Counts: c.counts, Status: c.status}}
		if diff := cmp.Diff(want, planner.FindDrift(in)); diff != "" {
			t.Errorf("%s for %s: %s", c.status, c.age, diff)
		}
	}
}

// TestDriftShowsBothSides: the recorded and the live metadata, whatever their order.
func TestDriftShowsBothSides(t *testing.T) {
	in := input(nil, recorded(), live())
	in.Recorded[0].Secrets[0].Scopes = []string{"workers", "dex"}
	l := &in.Live[0].Secrets[0]
	l.Scopes, l.Comment = []string{"workers", "access"}, "theirs"
	want := []planner.Drift{
		{Kind: planner.DriftComment, Store: store, Secret: "api-key", Counts: true, Comment: &planner.Change[string]{Before: "ours", After: "theirs"}},
		{Kind: planner.DriftScopes, Store: store, Secret: "api-key", Counts: true, Scopes: &planner.Change[[]string]{
			Before: []string{"dex", "workers"}, After: []string{"access", "workers"},
		}},
	}
	if diff := cmp.Diff(want, planner.FindDrift(in)); diff != "" {
		t.Error(diff)
	}
}

// TestDriftOfWhatIsNotRecorded: which live secrets without a record are reported.
func TestDriftOfWhatIsNotRecorded(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(in *planner.Input)
		want   bool
	}{
		{"not declared", func(*planner.Input) {}, true},
		{"the store left the manifest", func(in *planner.Input) { in.Desired = nil }, true},
		{"supplied by others", func(in *planner.Input) {
			in.Desired[0].Secrets = []planner.DesiredSecret{{Name: "api-key", External: true}}
		}, false},
		{"declared, and not applied yet", func(in *planner.Input) { in.Desired[0].Secrets = []planner.DesiredSecret{*desired()} }, true},
		{"another environment's, by its prefix", func(in *planner.Input) { in.Desired[0].Prefix = "staging-" }, false},
		{"ours, by its prefix", func(in *planner.Input) { in.Desired[0].Prefix = "api-" }, true},
		{"declared, and not there", func(in *planner.Input) {
			in.Desired[0].Secrets, in.Live[0].Secrets = []planner.DesiredSecret{*desired()}, nil
		}, false},
	} {
		in := input(nil, nil, live())
		c.change(&in)
		if found := planner.FindDrift(in); (len(found) == 1 && found[0].Kind == planner.DriftUnmanaged) != c.want || len(found) > 1 {
			t.Errorf("%s: %+v", c.name, found)
		}
	}
}

// TestStoreWithoutRecordsIsNotMissed: if nothing was applied, nothing can be missing.
func TestStoreWithoutRecordsIsNotMissed(t *testing.T) {
	in := input(nil, nil, nil)
	in.Live = nil
	if found := planner.FindDrift(in); len(found) != 0 {
		t.Errorf("%+v", found)
	}
}

func TestUnmanagedFailCountsAsDrift(t *testing.T) {
	in := input(nil, nil, live())
	in.Desired[0].Unmanaged = planner.UnmanagedFail
	if found := planner.FindDrift(in); len(found) != 1 || !found[0].Counts {
		t.Errorf("found %+v", found)
	}
}

// TestOutside: what an audit log says about a change is shown with the change, in drift and in a
// plan of it, and nowhere else.
func TestOutside(t *testing.T) {
	in := input(desired(), recorded(), live())
	key := in.Live[0].Key.Secret("api-key")
	who := planner.OutsideChange{At: newer, Actor: "jane@example.com", Channel: "dash"}
	in.Outside = map[planner.SecretKey]planner.OutsideChange{key: who, key.Store.Secret("other"): {}, key.Store.Secret(""): {}}
	in.Live[0].Secrets[0].Status = "pending"
	for _, d := range planner.FindDrift(in) {
		if d.Outside != nil {
			t.Errorf("%s has %v, though it is no change", d.Kind, d.Outside)
		}
	}
	in.Live[0].Secrets[0].Modified = newer
	found := slices.DeleteFunc(planner.FindDrift(in), func(d planner.Drift) bool { return d.Kind != planner.DriftChanged })
	if len(found) != 1 || found[0].Outside == nil || *found[0].Outside != who {
		t.Errorf("drift is %v", found)
	}
	for targets, want := range map[string]int{"": 3, "*/api-key": 1} {
		if in.Options.Targets = nil; targets != "" {
			in.Options.Targets = []string{targets}
		}
		notes := slices.DeleteFunc(planner.Build(in).Notes, func(n planner.Note) bool { return n.Kind != planner.NoteChangedBy })
		ofSecret := func(n planner.Note) bool { return n.Secret == "api-key" && *n.Outside == who }
		if len(notes) != want || !slices.ContainsFunc(notes, ofSecret) {
			t.Errorf("with targets %q: %v", targets, notes)
		}
	}
}

// TestSetOutside: a value that an audit log shows to have been set is not said to be assumed.
func TestSetOutside(t *testing.T) {
	in := input(desired(), recorded(), live())
	in.Live[0].Secrets[0].Modified = newer
	for _, c := range []struct {
		outside planner.OutsideChange
		assumed bool
	}{
		{planner.OutsideChange{}, true},
		{planner.OutsideChange{At: newer, Value: planner.ValueKept}, true},
		{planner.OutsideChange{At: newer, Value: planner.ValueModified}, false},
		{planner.OutsideChange{At: newer, Value: planner.ValueKept, ValueBefore: true}, false},
	} {
		in.Outside = map[planner.SecretKey]planner.OutsideChange{in.Live[0].Key.Secret("api-key"): c.outside}
		p := planner.Build(in)
		assumed := slices.ContainsFunc(p.Notes, func(n planner.Note) bool { return n.Kind == planner.NoteAssumedChanged })
		if assumed != c.assumed || len(p.Actions) != 1 || !p.Actions[0].SetValue {
			t.Errorf("%+v: %+v", c.outside, p)
		}
	}
}
