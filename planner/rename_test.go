package planner_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/secretsync/secretsync/planner"
)

func TestRename(t *testing.T) {
	// The record and the live secret of the old name, and the new name in the manifest.
	rename := func(change func(in *planner.Input)) string {
		d, r, l := desired(), recorded(), live()
		d.Name, d.RenamedFrom = "new-key", "api-key"
		in := input(d, r, l)
		if change != nil {
			change(&in)
		}
		return describe(planner.Build(in))
	}
	for _, c := range []struct {
		name   string
		change func(in *planner.Input)
		want   string
	}{
		{"same value: it never leaves Cloudflare", nil, "rename+scopes+comment (renamed); note renamed"},
		{"generated", func(in *planner.Input) {
			in.Desired[0].Secrets[0].Generated, in.Desired[0].Secrets[0].Value = true, planner.ValueNew
		}, "rename+scopes+comment (renamed); note renamed"},
		{"generated, its old name's value was not, or otherwise", func(in *planner.Input) {
			in.Desired[0].Secrets[0].Generated, in.Desired[0].Secrets[0].Value = true, planner.ValueChanged
		}, "create+value+scopes (new); delete (not_in_manifest)"},
		{"another value", func(in *planner.Input) { in.Desired[0].Secrets[0].Value = planner.ValueChanged },
			"create+value+scopes (new); delete (not_in_manifest)"},
		{"whether it is another value is unknown", func(in *planner.Input) { in.Desired[0].Secrets[0].Value = planner.ValueUnknown },
			"create+value+scopes (new); delete (not_in_manifest); note maybe_renamed"},
		{"last changed long ago, by us", func(in *planner.Input) {
			in.Recorded[0].Secrets[0].Modified, in.Live[0].Secrets[0].Modified = older, older
		}, "rename+scopes+comment (renamed); note renamed"},
		{"accepted: the value stays, and is not known", func(in *planner.Input) { in.Recorded[0].Secrets[0].Accepted = true },
			"rename+scopes+comment (renamed); note accepted; note renamed"},
		{"another policy", func(in *planner.Input) { in.Recorded[0].Secrets[0].Delete = false },
			"rename+scopes+comment (renamed, delete_policy_changed); note renamed"},
		{"changed outside", func(in *planner.Input) { in.Live[0].Secrets[0].Modified = newer },
			"create+value+scopes (new); delete (not_in_manifest)"},
		{"became active after the apply, which moved modified", func(in *planner.Input) {
			in.Recorded[0].Secrets[0].Status, in.Live[0].Secrets[0].Modified = planner.StatusPending, newer
		}, "rename+scopes+comment (renamed); note renamed"},
		{"the old name isn't ours", func(in *planner.Input) { in.Recorded[0].Secrets = nil },
			"create+value+scopes (new); note unmanaged"},
		{"the old name is gone", func(in *planner.Input) { in.Live[0].Secrets = nil },
			"create+value+scopes (new); forget (not_in_manifest, already_gone)"},
		{"the old name is still wanted", func(in *planner.Input) { in.Desired[0].Secrets = append(in.Desired[0].Secrets, *desired()) },
			"create+value+scopes (new)"},
		{"the old name's update was interrupted: what value it has is unknown", func(in *planner.Input) {
			in.Recorded[0].Secrets[0].Pending = &planner.Pending{Op: planner.OpUpdate, Since: now.Add(-time.Minute), Value: true}
		}, "create+value+scopes (new); delete (not_in_manifest); note interrupted"},
		{"the old name is another secret's now", func(in *planner.Input) { in.Live[0].Secrets[0].ID = "s2" },
			"create+value+scopes (new); forget (not_in_manifest, replaced_outside)"},
		{"an external secret has another name", func(in *planner.Input) { in.Desired[0].Secrets[0].External = true },
			"delete (not_in_manifest); problem external_missing"},
		{"the new name was deleted outside", func(in *planner.Input) {
			in.Recorded[0].Secrets = append(in.Recorded[0].Secrets, planner.RecordedSecret{Name: "new-key", ID: "s2", Modified: older, Delete: true})
		}, "create+value+scopes (deleted_outside); delete (not_in_manifest)"},
		{"a creation of the new name was interrupted", func(in *planner.Input) {
			in.Recorded[0].Secrets = append(in.Recorded[0].Secrets, planner.RecordedSecret{
				Name: "new-key", Delete: true, Pending: &planner.Pending{Op: planner.OpCreate, Since: now.Add(-time.Minute), Value: true},
			})
		}, "create+value+scopes (interrupted); delete (not_in_manifest); note interrupted"},
		{"interrupted before the duplicate: it is tried again", func(in *planner.Input) {
			cut := &planner.Pending{Op: planner.OpRename, Since: now.Add(-time.Minute)}
			in.Recorded[0].Secrets[0].Pending = cut
			in.Recorded[0].Secrets = append(in.Recorded[0].Secrets, planner.RecordedSecret{Name: "new-key", Delete: true, Pending: cut})
		}, "rename+scopes+comment (renamed, interrupted); note interrupted; note renamed"},
		{"done already", func(in *planner.Input) {
			in.Recorded[0].Secrets[0].Name, in.Live[0].Secrets[0].Name = "new-key", "new-key"
		}, "nothing, 1 unchanged"},
		{"interrupted, and the old name is wanted again, generated now", func(in *planner.Input) {
			in.Desired[0].Secrets[0] = *desired()
			in.Desired[0].Secrets[0].Generated, in.Desired[0].Secrets[0].Value = true, planner.ValueChanged
			in.Recorded[0].Secrets[0].Pending = &planner.Pending{Op: planner.OpRename, Since: now.Add(-20 * time.Second), Until: now.Add(10 * time.Second)}
		}, "rotate+value (interrupted); note interrupted"},
		{"interrupted after the duplicate, generated: the value stays", func(in *planner.Input) {
			half, duplicate := interruptedRename(in)
			half.Comment, duplicate.Comment = "ours", "ours"
		}, "adopt (interrupted); delete (not_in_manifest); note interrupted"},
		{"interrupted after the duplicate, generated: its id proves that it is ours", func(in *planner.Input) {
			half, duplicate := interruptedRename(in)
			half.Pending.PreviousID = duplicate.ID
		}, "adopt (interrupted); delete (not_in_manifest); note interrupted"},
		{"the duplicate that its id proves is gone: it is tried again", func(in *planner.Input) {
			half, duplicate := interruptedRename(in)
			half.Pending.PreviousID = duplicate.ID
			in.Live[0].Secrets = in.Live[0].Secrets[:1]
		}, "rename+scopes+comment (renamed); note renamed"},
		{"interrupted, generated, and without a comment the new name may be another client's: the only copy of the value is not deleted",
			func(in *planner.Input) { interruptedRename(in) }, "delete (not_in_manifest); problem unproven"},
		{"interrupted, generated, and as it is desired: still not certain", func(in *planner.Input) {
			interruptedRename(in)
			in.Desired[0].Secrets[0].Requested = true
		}, "delete (not_in_manifest); problem unproven"},
		{"interrupted, generated, and the new name is of an unknown time: the only copy of the value is not deleted", func(in *planner.Input) {
			in.Desired[0].Secrets[0].Generated = true
			half := planner.RecordedSecret{Name: "new-key", Scopes: []string{"workers"}, Delete: true,
				Pending: &planner.Pending{Op: planner.OpRename, Since: now.Add(-20 * time.Second), Until: now.Add(10 * time.Second), ListedAt: now.Add(-20 * time.Second)}}
			in.Recorded[0].Secrets = append(in.Recorded[0].Secrets, half)
			in.Live[0].Secrets = append(in.Live[0].Secrets, planner.LiveSecret{ID: "s2", Name: "new-key", Scopes: []string{"workers"}, Created: older, Modified: older})
		}, "delete (not_in_manifest); problem unproven"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := rename(c.change); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

// interruptedRename adds the traces of a generated secret's rename that was interrupted after the
// duplicate: its record, and the duplicate, both without a comment.
func interruptedRename(in *planner.Input) (half *planner.RecordedSecret, duplicate *planner.LiveSecret) {
	in.Desired[0].Secrets[0].Generated = true
	in.Recorded[0].Secrets = append(in.Recorded[0].Secrets, planner.RecordedSecret{
		Name: "new-key", Scopes: []string{"workers"}, Delete: true,
		Pending: &planner.Pending{Op: planner.OpRename, Since: now.Add(-20 * time.Second), Until: now.Add(10 * time.Second)},
	})
	in.Live[0].Secrets = append(in.Live[0].Secrets, planner.LiveSecret{
		ID: "s2", Name: "new-key", Scopes: []string{"workers"}, Created: "2026-11-23T12:00:00Z", Modified: "2026-11-23T12:00:00Z",
	})
	return &in.Recorded[0].Secrets[1], &in.Live[0].Secrets[1]
}

// TestRenameShowsWhatChanges: the new name's metadata may differ from the old name's.
func TestRenameShowsWhatChanges(t *testing.T) {
	d, l := desired(), live()
	d.Name, d.RenamedFrom, d.Scopes, d.Comment = "new-key", "api-key", []string{"workers", "dex"}, ptr("new")
	l.Modified, l.Scopes, l.Comment = older, []string{"access"}, "before our last write"
	a := planner.Build(input(d, recorded(), l)).Actions[0]
	scopes, comment := &planner.Change[[]string]{Before: []string{"workers"}, After: []string{"dex", "workers"}}, &planner.Change[string]{Before: "ours", After: "new"}
	if diff := cmp.Diff(scopes, a.Scopes) + cmp.Diff(comment, a.Comment); a.Op != planner.OpRename || diff != "" {
		t.Error(a.Op, diff)
	}
}
