package planner_test

import (
	"fmt"
	"testing"

	"github.com/secretsync/secretsync/planner"
)

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
