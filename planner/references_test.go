package planner_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/secretsync/secretsync/planner"
)

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

// TestDeployedReferences: what is deployed breaks like what a configuration describes. An AI
// Gateway needs another scope than a Worker.
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
		{"deleted", func(in *planner.Input) { in.Desired[0].Secrets = nil }, []string{"ai_gateway chat", "deployed_worker api", "dispatched_worker customers/a"}},
		{"not for Workers any more", scopes([]string{"ai_gateway", "workers"}, []string{"ai_gateway"}), []string{"deployed_worker api", "dispatched_worker customers/a"}},
		{"not for gateways any more", scopes([]string{"ai_gateway", "workers"}, []string{"workers"}), []string{"ai_gateway chat"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := input(desired(), recorded(), live())
			for _, r := range []planner.Reference{
				{Reader: planner.ReaderDispatched, Worker: "customers/a"}, {Reader: planner.ReaderGateway, Worker: "chat"}, {Reader: planner.ReaderDeployed, Worker: "api"},
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
