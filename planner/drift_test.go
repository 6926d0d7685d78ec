package planner_test

import (
	"testing"

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
		}, nil},
		{"interrupted", func(in *planner.Input) {
			in.Recorded[0].Secrets[0].Pending = &planner.Pending{Op: planner.OpUpdate}
		}, kinds{planner.DriftInterrupted}},
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
				if want := d.Kind != planner.DriftUnmanaged; d.Counts != want {
					t.Errorf("%s counts: %v, want %v", d.Kind, d.Counts, want)
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestUnmanagedFailCountsAsDrift(t *testing.T) {
	in := input(nil, nil, live())
	in.Desired[0].Unmanaged = planner.UnmanagedFail
	if found := planner.FindDrift(in); len(found) != 1 || !found[0].Counts {
		t.Errorf("found %+v", found)
	}
}
