package planner_test

import (
	"reflect"
	"testing"

	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/planner/planfile"
)

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
