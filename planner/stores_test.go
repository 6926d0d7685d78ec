package planner_test

import (
	"reflect"
	"testing"

	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/planner/planfile"
)

func TestStores(t *testing.T) {
	t.Run("a missing store is created before its secrets", func(t *testing.T) {
		in := input(desired(), nil, nil)
		in.Live, in.Recorded = nil, nil
		if got, want := describe(planner.Build(in)), "create-store (new); create+value+scopes (new)"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
	t.Run("a store that vanished is created again with its secrets", func(t *testing.T) {
		in := input(desired(), recorded(), nil)
		in.Live = nil
		if got, want := describe(planner.Build(in)), "create-store (new); create+value+scopes (deleted_outside)"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
	t.Run("a store that left the manifest stays, its secrets go", func(t *testing.T) {
		in := input(nil, recorded(), live())
		in.Desired = nil
		in.Live[0].Secrets = append(in.Live[0].Secrets, planner.LiveSecret{ID: "s9", Name: "theirs"})
		if got, want := describe(planner.Build(in)), "delete (not_in_manifest)"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
	t.Run("another delete policy is recorded", func(t *testing.T) {
		in := input(desired(), recorded(), live())
		in.Desired[0].Delete = true
		if got, want := describe(planner.Build(in)), "record (delete_policy_changed)"; got != want {
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

func TestDeleteStore(t *testing.T) {
	in := input(nil, recorded(), live())
	in.Desired, in.Recorded[0].Delete = nil, true
	if got, want := describe(planner.Build(in)), "delete (not_in_manifest); delete-store (not_in_manifest)"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	in.Live[0].Secrets = append(in.Live[0].Secrets, planner.LiveSecret{ID: "s9", Name: "theirs"})
	if got, want := describe(planner.Build(in)), "delete (not_in_manifest); note store_kept"; got != want {
		t.Errorf("with another client's secret in it: got  %s\nwant %s", got, want)
	}
}

// Stores of an account that could not be read are noted before everything else, although their
// accounts come last in the order of the others. They change neither the actions nor the id.
func TestUnreadStoresComeFirst(t *testing.T) {
	read := planner.StoreKey{Account: "0", Name: "prod"}
	unread := []planner.StoreKey{{Account: "9", Name: "b"}, {Account: "9", Name: "a"}, {Account: "8", Name: "a"}}
	in := planner.Input{
		Desired: []planner.DesiredStore{{Key: read, Secrets: []planner.DesiredSecret{{Name: "new"}}}},
		Live:    []planner.LiveStore{{Key: read, ID: "store", Secrets: []planner.LiveSecret{{Name: "theirs", ID: "theirs"}}}},
	}
	complete := planner.Build(in)
	in.UnreadStores = unread
	p := planner.Build(in)
	want := []planner.Note{
		{Kind: planner.NoteAccountUnread, Store: unread[2]}, {Kind: planner.NoteAccountUnread, Store: unread[1]},
		{Kind: planner.NoteAccountUnread, Store: unread[0]}, {Kind: planner.NoteUnmanaged, Store: read, Secret: "theirs"},
	}
	if !reflect.DeepEqual(p.Notes, want) {
		t.Errorf("notes: %+v", p.Notes)
	}
	if p.UnreadAccounts() != 2 || complete.UnreadAccounts() != 0 {
		t.Errorf("accounts: %d, %d", p.UnreadAccounts(), complete.UnreadAccounts())
	}
	if !reflect.DeepEqual(p.Actions, complete.Actions) || planfile.ID(p) != planfile.ID(complete) {
		t.Error("the notes change the actions or the id")
	}
	var kinds []planner.DriftKind
	for _, d := range planner.FindDrift(in) {
		kinds = append(kinds, d.Kind)
		if d.Counts {
			t.Errorf("%+v counts", d)
		}
	}
	first := planner.DriftAccountUnread
	if want := []planner.DriftKind{first, first, first, planner.DriftUnmanaged}; !reflect.DeepEqual(kinds, want) {
		t.Errorf("drift: %q", kinds)
	}
}

// TestIncompleteList: what an incomplete list lacks may exist, unless it is recorded: then it was
// read by its id.
func TestIncompleteList(t *testing.T) {
	external := desired()
	external.External = true
	for _, c := range []struct {
		name   string
		in     planner.Input
		change func(in *planner.Input)
		want   string
	}{
		{"nothing is missing", input(desired(), recorded(), live()), nil, "note list_incomplete"},
		{"a new secret", input(desired(), nil, nil), nil, "create+value+scopes (new); note list_incomplete; note may_exist"},
		{"a secret that is gone", input(desired(), recorded(), nil), nil, "create+value+scopes (deleted_outside); note list_incomplete; note may_exist"},
		{"a secret that is gone and not desired", input(nil, recorded(), nil), nil, "forget (not_in_manifest, already_gone); note list_incomplete"},
		{"a creation that was interrupted, of a secret that is not desired any more", input(nil, recorded(), nil), func(in *planner.Input) {
			r := &in.Recorded[0].Secrets[0]
			r.ID, r.Pending = "", &planner.Pending{Op: planner.OpCreate, Since: now, Until: now, ListedAt: now}
		}, "note interrupted; note list_incomplete; note may_exist"},
		{"a creation that was interrupted", input(desired(), recorded(), nil), func(in *planner.Input) {
			r := &in.Recorded[0].Secrets[0]
			r.ID, r.Pending = "", &planner.Pending{Op: planner.OpCreate, Since: now, Until: now, ListedAt: now}
		}, "note interrupted; note list_incomplete; note may_exist"},
		{"a rename that was interrupted: the old name is not deleted", input(desired(), recorded(), live()), func(in *planner.Input) {
			d, old := &in.Desired[0].Secrets[0], &in.Recorded[0].Secrets[0]
			d.Name, d.RenamedFrom = "new-key", "api-key"
			old.Pending = &planner.Pending{Op: planner.OpRename, Since: now, Until: now, ListedAt: now}
			in.Recorded[0].Secrets = append(in.Recorded[0].Secrets, planner.RecordedSecret{Name: "new-key", Scopes: old.Scopes, Pending: old.Pending})
		}, "note interrupted; note list_incomplete; note may_exist"},
		{"an external secret", input(external, nil, nil), nil, "note list_incomplete; note may_exist"},
		{"an external secret that was managed", input(external, recorded(), nil), nil, "forget (became_external); note list_incomplete; note may_exist"},
		{"a rename", input(desired(), recorded(), live()), func(in *planner.Input) {
			d := &in.Desired[0].Secrets[0]
			d.Name, d.RenamedFrom = "new-key", "api-key"
		}, "rename+scopes+comment (renamed); note list_incomplete; note may_exist; note renamed"},
		{"a store to be deleted", input(nil, recorded(), live()), func(in *planner.Input) {
			in.Desired, in.Recorded[0].Delete = nil, true
		}, "delete (not_in_manifest); note list_incomplete"},
	} {
		c.in.Live[0].Incomplete = true
		if c.change != nil {
			c.change(&c.in)
		}
		if got := describe(planner.Build(c.in)); got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
}

// TestExternalSecretOfAnIncompleteList: it counts as unchanged, and there is nothing to do.
func TestExternalSecretOfAnIncompleteList(t *testing.T) {
	d := desired()
	d.External = true
	in := input(d, nil, nil)
	in.Live[0].Incomplete = true
	if p := planner.Build(in); p.Unchanged != 1 {
		t.Errorf("unchanged: %d", p.Unchanged)
	}
}

// TestDriftOfAnIncompleteList: that there may be more is said, and does not count.
func TestDriftOfAnIncompleteList(t *testing.T) {
	in := input(desired(), recorded(), live())
	in.Live[0].Incomplete = true
	found := planner.FindDrift(in)
	if len(found) != 1 || found[0].Kind != planner.DriftListIncomplete || found[0].Counts || found[0].Store != store || found[0].Secret != "" {
		t.Errorf("%+v", found)
	}
}
