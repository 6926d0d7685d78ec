package planner_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
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

// TestOtherStores: a store is created in an account that has or gets another one only if the
// manifest confirms the creation.
func TestOtherStores(t *testing.T) {
	const creates, vanished = "create-store (new); create+value+scopes (new)", "create-store (new); create+value+scopes (deleted_outside)"
	there := planner.StoreKey{Account: account, Name: "default_secrets_store"}
	another := planner.StoreKey{Account: account, Name: "another"}
	elsewhere := planner.StoreKey{Account: "elsewhere", Name: "prod"}
	for _, c := range []struct {
		name     string
		live     []planner.StoreKey
		change   func(in *planner.Input)
		want     string
		existing []string
	}{
		{"the account has none", nil, nil, creates, nil},
		{"another account has one", []planner.StoreKey{elsewhere}, nil, creates, nil},
		{"it has one", []planner.StoreKey{there}, nil, creates + "; problem other_store", []string{"default_secrets_store"}},
		{"it has two", []planner.StoreKey{there, another}, nil, creates + "; problem other_store", []string{"another", "default_secrets_store"}},
		{"it has the store, and another one", []planner.StoreKey{there, store}, nil, "create+value+scopes (new)", nil},
		{"the creation is confirmed", []planner.StoreKey{there}, func(in *planner.Input) { in.Desired[0].Create = true }, creates + "; note other_store", nil},
		{"it is confirmed in one of two places", []planner.StoreKey{there}, func(in *planner.Input) {
			in.Desired = append(in.Desired, planner.DesiredStore{Key: store, Prefix: "p-", Create: true})
		}, creates + "; note other_store", nil},
		{"the manifest describes the other one", []planner.StoreKey{there}, func(in *planner.Input) {
			in.Desired = append(in.Desired, planner.DesiredStore{Key: there})
		}, creates + "; problem several_stores", nil},
		{"the plan creates the other one", nil, func(in *planner.Input) {
			in.Desired = append(in.Desired, planner.DesiredStore{Key: another, Pos: in.Desired[0].Pos})
		}, "create-store (new); create-store (new); create+value+scopes (new); problem several_stores", nil},
		{"the plan creates the other one, which is confirmed", nil, func(in *planner.Input) {
			in.Desired = append(in.Desired, planner.DesiredStore{Key: another, Create: true})
		}, "create-store (new); create-store (new); create+value+scopes (new)", nil},
		{"the plan creates the other one, in another account", nil, func(in *planner.Input) {
			in.Desired = append(in.Desired, planner.DesiredStore{Key: elsewhere})
		}, "create-store (new); create-store (new); create+value+scopes (new)", nil},
		{"the other one is confirmed, which exists", []planner.StoreKey{there, another}, func(in *planner.Input) {
			in.Desired = append(in.Desired, planner.DesiredStore{Key: there, Create: true})
		}, creates + "; problem other_store", []string{"another"}},
		{"the other one left the manifest", []planner.StoreKey{there}, func(in *planner.Input) {
			in.Recorded = []planner.RecordedStore{{Key: there, ID: "st2", Delete: true}}
		}, "create-store (new); create+value+scopes (new); delete-store (not_in_manifest); problem other_store", []string{"default_secrets_store"}},
		{"it vanished, and another one is there", []planner.StoreKey{there}, func(in *planner.Input) {
			in.Recorded = []planner.RecordedStore{{Key: store, ID: "st1", Secrets: []planner.RecordedSecret{*recorded()}}}
		}, vanished + "; problem other_store", []string{"default_secrets_store"}},
		{"none of its secrets is considered", []planner.StoreKey{there}, func(in *planner.Input) { in.Options.Targets = []string{"dev/*"} },
			"nothing, 0 unchanged", nil},
		{"offline, by the lockfile", []planner.StoreKey{there}, func(in *planner.Input) { in.Options.Offline = true },
			creates + "; problem other_store", []string{"default_secrets_store"}},
	} {
		in := input(desired(), nil, nil)
		in.Recorded, in.Live = nil, nil
		in.Desired[0].Pos = planner.Position{File: "secretsync.yaml", Line: 3, Column: 3}
		for _, k := range c.live {
			in.Live = append(in.Live, planner.LiveStore{Key: k, ID: "st-" + planner.StoreID(k.Name)})
		}
		if c.change != nil {
			c.change(&in)
		}
		p := planner.Build(in)
		if got := describe(p); got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
		if c.existing == nil {
			continue
		}
		want := []planner.Problem{{Kind: planner.ProblemOtherStore, Store: store, Existing: c.existing, Pos: in.Desired[0].Pos}}
		if diff := cmp.Diff(want, p.Problems); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
}
