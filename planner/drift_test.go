package planner_test

import (
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
		{"scopes and comment", func(in *planner.Input) {
			in.Live[0].Secrets[0].Scopes, in.Live[0].Secrets[0].Comment = []string{"dex"}, "theirs"
		}, kinds{planner.DriftComment, planner.DriftScopes}},
		{"not active", func(in *planner.Input) { in.Live[0].Secrets[0].Status = "pending" }, kinds{planner.DriftNotActive}},
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
		{"unmanaged, told", func(in *planner.Input) { in.Recorded[0].Secrets = nil }, kinds{planner.DriftUnmanaged}},
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
				if want := d.Kind != planner.DriftUnmanaged && d.Kind != planner.DriftLagging; d.Counts != want {
					t.Errorf("%s counts: %v, want %v", d.Kind, d.Counts, want)
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestFreshlyPendingIsNoDrift: a secret takes a while to become active.
func TestFreshlyPendingIsNoDrift(t *testing.T) {
	for age, counts := range map[time.Duration]bool{time.Minute: false, time.Hour: true} {
		in := input(nil, recorded(), live())
		in.Live[0].Secrets[0].Status = planner.StatusPending
		in.Recorded[0].Secrets[0].Applied = now.Add(-age)
		if found := planner.FindDrift(in); len(found) != 1 || found[0].Counts != counts {
			t.Errorf("pending for %s: %+v", age, found)
		}
	}
}

func TestUnmanagedFailCountsAsDrift(t *testing.T) {
	in := input(nil, nil, live())
	in.Desired[0].Unmanaged = planner.UnmanagedFail
	if found := planner.FindDrift(in); len(found) != 1 || !found[0].Counts {
		t.Errorf("found %+v", found)
	}
}
