package planner_test

import (
	"testing"

	"github.com/secretsync/secretsync/planner"
)

func TestStores(t *testing.T) {
	t.Run("a missing store is created before its secrets", func(t *testing.T) {
		in := input(desired(), nil, nil)
		in.Live, in.Recorded = nil, nil
		if got, want := describe(planner.Build(in)), "create-store (new); create+value+scopes (new)"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
	t.Run("the account's other store is named", func(t *testing.T) {
		in := input(desired(), nil, nil)
		in.Recorded = nil
		in.Live[0].Key.Name = "default_secrets_store"
		p := planner.Build(in)
		if got, want := describe(p), "create-store (new); create+value+scopes (new); note other_store"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		if p.Notes[0].Store.Name != "default_secrets_store" {
			t.Errorf("the note names %q", p.Notes[0].Store.Name)
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

// TestAnotherAccount: the lockfile of one account with the environment of another.
func TestAnotherAccount(t *testing.T) {
	elsewhere := planner.DesiredStore{Key: planner.StoreKey{Account: "another", Name: store.Name}, Secrets: []planner.DesiredSecret{*desired()}}
	in := input(nil, recorded(), live())
	in.Desired = []planner.DesiredStore{elsewhere}
	if p := planner.Build(in); len(p.Problems) != 1 || p.Problems[0].Kind != planner.ProblemOtherAccount {
		t.Errorf("problems %v", p.Problems)
	}
	in.Recorded[0].Secrets = nil // losing only the store loses nothing
	if p := planner.Build(in); len(p.Problems) != 0 {
		t.Errorf("without secrets: problems %v", p.Problems)
	}
	in = input(desired(), recorded(), live())
	in.Desired = append(in.Desired, elsewhere) // one more account
	if p := planner.Build(in); len(p.Problems) != 0 {
		t.Errorf("problems %v", p.Problems)
	}
}
