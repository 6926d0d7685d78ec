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
