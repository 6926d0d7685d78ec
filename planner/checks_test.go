package planner_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/secretsync/secretsync/planner"
)

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

// TestMaxDeletes: a store counts as one deletion in addition to its secrets.
func TestMaxDeletes(t *testing.T) {
	for limit, want := range map[int]string{
		0: "delete (not_in_manifest); problem too_many_deletes",
		1: "delete (not_in_manifest)",
	} {
		in := input(nil, recorded(), live())
		in.Options.MaxDeletes = &limit
		if got := describe(planner.Build(in)); got != want {
			t.Errorf("max_deletes %d: got %s, want %s", limit, got, want)
		}
	}
	in := input(nil, recorded(), live())
	in.Desired, in.Recorded[0].Delete, in.Options.MaxDeletes = nil, true, ptr(1)
	want := []planner.Problem{{Kind: planner.ProblemTooManyDeletes, Count: 2, Limit: 1}}
	if diff := cmp.Diff(want, planner.Build(in).Problems); diff != "" {
		t.Error(diff)
	}
}

// TestForgedFingerprints: they block every plan, even one that is limited to other secrets.
func TestForgedFingerprints(t *testing.T) {
	in := input(desired(), recorded(), live())
	in.Options.Targets = []string{"prod/another"}
	lockfile := planner.Position{File: "secretsync.lock.yaml"}
	in.Forged = planner.Forgery{Secrets: []planner.SecretKey{store.Secret("b"), store.Secret("a")}, Matched: 3, KeyID: "0a1b", Pos: lockfile}
	want := []planner.Problem{{
		Kind: planner.ProblemForged, KeyID: "0a1b", Count: 2, Secrets: []string{"prod/a", "prod/b"}, Matched: 3, Pos: lockfile,
	}}
	if diff := cmp.Diff(want, planner.Build(in).Problems); diff != "" {
		t.Error(diff)
	}
}

// TestReferences: a plan names the Worker that it breaks, and the position of the binding.
func TestReferences(t *testing.T) {
	at := planner.Position{File: "apps/api/wrangler.jsonc", Line: 9, Column: 5}
	for _, c := range []struct {
		name   string
		change func(in *planner.Input)
		want   int
	}{
		{"nothing happens", func(*planner.Input) {}, 0},
		{"deleted", func(in *planner.Input) { in.Desired[0].Secrets = nil }, 1},
		{"forgotten, which stays", func(in *planner.Input) {
			in.Desired[0].Secrets, in.Recorded[0].Secrets[0].Delete = nil, false
		}, 0},
		{"its store is gone, and created again under another id", func(in *planner.Input) { in.Live = nil }, 1},
		{"renamed", func(in *planner.Input) {
			in.Desired[0].Secrets[0].Name, in.Desired[0].Secrets[0].RenamedFrom = "new", "api-key"
		}, 1},
		{"not for Workers any more", func(in *planner.Input) { in.Desired[0].Secrets[0].Scopes = []string{"dex"} }, 1},
		{"for others too", func(in *planner.Input) { in.Desired[0].Secrets[0].Scopes = []string{"dex", "workers"} }, 0},
		{"deleted, and another store is meant", func(in *planner.Input) {
			in.Desired[0].Secrets, in.References[0].StoreID = nil, "another"
		}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, strict := range []bool{false, true} {
				in := input(desired(), recorded(), live())
				in.References = []planner.Reference{{StoreID: in.Live[0].ID, Secret: "api-key", Worker: "api", Pos: at}}
				in.Options.StrictBindings = strict
				c.change(&in)
				p := planner.Build(in)
				notes := slices.DeleteFunc(p.Notes, func(n planner.Note) bool {
					return n.Kind != planner.NoteBreaksWorker || n.Worker != "api" || n.Pos != at
				})
				problems := slices.DeleteFunc(p.Problems, func(q planner.Problem) bool {
					return q.Kind != planner.ProblemBreaksWorker || q.Worker != "api" || q.Pos != at
				})
				if strict && len(notes) != 0 || !strict && len(problems) != 0 || len(notes)+len(problems) != c.want {
					t.Errorf("strict %v: notes %v, problems %v", strict, notes, problems)
				}
			}
		})
	}
}

// TestDeployedReferences: a plan can break deployed readers as well as configured ones. An AI
// Gateway and a container registry need other scopes than a Worker.
func TestDeployedReferences(t *testing.T) {
	scopes := func(before, after []string) func(*planner.Input) {
		return func(in *planner.Input) {
			in.Recorded[0].Secrets[0].Scopes, in.Live[0].Secrets[0].Scopes, in.Desired[0].Secrets[0].Scopes = before, before, after
		}
	}
	for _, c := range []struct {
		name   string
		change func(in *planner.Input)
		want   []string
	}{
		{"nothing happens", func(*planner.Input) {}, nil},
		{"deleted", func(in *planner.Input) { in.Desired[0].Secrets = nil }, []string{"ai_gateway chat", "container_registry docker.io", "deployed_worker api", "dispatched_worker customers/a"}},
		{"not for Workers any more", scopes([]string{"ai_gateway", "workers"}, []string{"ai_gateway"}), []string{"deployed_worker api", "dispatched_worker customers/a"}},
		{"not for gateways any more", scopes([]string{"ai_gateway", "workers"}, []string{"workers"}), []string{"ai_gateway chat"}},
		{"not for containers any more", scopes([]string{"containers", "workers"}, []string{"workers"}), []string{"container_registry docker.io"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := input(desired(), recorded(), live())
			for _, r := range []planner.Reference{
				{Reader: planner.ReaderDispatched, Worker: "customers/a"}, {Reader: planner.ReaderGateway, Worker: "chat"},
				{Reader: planner.ReaderRegistry, Worker: "docker.io"}, {Reader: planner.ReaderDeployed, Worker: "api"},
			} {
				r.StoreID, r.Secret = in.Live[0].ID, "api-key"
				in.References = append(in.References, r)
			}
			in.UnreadReaders = []planner.AccountID{"b"}
			c.change(&in)
			var got []string
			unread := 0
			for _, n := range planner.Build(in).Notes {
				switch n.Kind {
				case planner.NoteBreaksWorker:
					got = append(got, string(n.Reader)+" "+n.Worker)
				case planner.NoteReadersUnread:
					unread++
				}
			}
			if !slices.Equal(got, c.want) || unread != 1 {
				t.Errorf("%q and %d accounts unread, want %q", got, unread, c.want)
			}
		})
	}
}

// TestUnreadReaders: a plan that may break readers which could not be read says so, and is refused
// if bindings are strict.
func TestUnreadReaders(t *testing.T) {
	for _, strict := range []bool{false, true} {
		in := input(desired(), recorded(), live())
		in.Desired[0].Secrets = nil
		in.UnreadReaders, in.Options.StrictBindings = []planner.AccountID{"b"}, strict
		p := planner.Build(in)
		account := planner.StoreKey{Account: "b"}
		noted := slices.ContainsFunc(p.Notes, func(n planner.Note) bool { return n.Kind == planner.NoteReadersUnread && n.Store == account })
		refused := slices.ContainsFunc(p.Problems, func(q planner.Problem) bool {
			return q.Kind == planner.ProblemReadersUnread && q.Store == account
		})
		if noted == strict || refused != strict {
			t.Errorf("strict %v: notes %v, problems %v", strict, p.Notes, p.Problems)
		}
	}
}

// BenchmarkReferences deletes secrets which Workers are bound to, each to one.
func BenchmarkReferences(b *testing.B) {
	for _, n := range []int{1000, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			key := planner.StoreKey{Account: "a", Name: "prod"}
			in := planner.Input{
				Recorded: []planner.RecordedStore{{Key: key, ID: "st"}}, Live: []planner.LiveStore{{Key: key, ID: "st"}},
				Desired: []planner.DesiredStore{{Key: key}},
			}
			for i := range n {
				name, id := fmt.Sprintf("s%06d", i), planner.SecretID(fmt.Sprint(i))
				in.Recorded[0].Secrets = append(in.Recorded[0].Secrets, planner.RecordedSecret{Name: name, ID: id, Delete: true})
				in.Live[0].Secrets = append(in.Live[0].Secrets, planner.LiveSecret{Name: name, ID: id})
				in.References = append(in.References, planner.Reference{StoreID: "st", Secret: name, Worker: name})
			}
			b.ReportAllocs()
			for b.Loop() {
				if p := planner.Build(in); len(p.Notes) != n {
					b.Fatalf("%d notes", len(p.Notes))
				}
			}
		})
	}
}
