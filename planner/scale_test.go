package planner_test

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/secretsync/secretsync/planner"
)

// large is an input of a number of secrets. Of ten, five are unchanged, and one each is created,
// updated, deleted (a Worker is bound to it), renamed, and not managed.
func large(n int) planner.Input {
	key := planner.StoreKey{Account: "a", Name: "prod"}
	d, r, l := planner.DesiredStore{Key: key}, planner.RecordedStore{Key: key, ID: "st"}, planner.LiveStore{Key: key, ID: "st"}
	in := planner.Input{Now: now}
	scopes := []string{"workers"}
	for i := range n {
		name, id := fmt.Sprintf("secret-%07d", i), planner.SecretID(fmt.Sprintf("%032d", i))
		want := planner.DesiredSecret{Name: name, Scopes: scopes, Value: planner.ValueSame}
		had := planner.RecordedSecret{Name: name, ID: id, Scopes: scopes, Modified: applied, Delete: true}
		has := planner.LiveSecret{Name: name, ID: id, Scopes: scopes, Modified: applied, Created: older, Status: "active"}
		kind := i % 10
		switch kind {
		case 0:
			want.Value = planner.ValueNew
		case 1:
			want.Value = planner.ValueChanged
		case 2:
			in.References = append(in.References, planner.Reference{StoreID: "st", Secret: name, Worker: "api"})
		case 3:
			want.RenamedFrom, want.Name = name, name+"-renamed"
		}
		if kind != 2 && kind != 4 {
			d.Secrets = append(d.Secrets, want)
		}
		if kind != 0 && kind != 4 {
			r.Secrets = append(r.Secrets, had)
		}
		if kind != 0 {
			l.Secrets = append(l.Secrets, has)
		}
	}
	in.Desired, in.Recorded, in.Live = []planner.DesiredStore{d}, []planner.RecordedStore{r}, []planner.LiveStore{l}
	return in
}

// What a plan takes for each secret does not grow with the number of secrets.
func TestBuildIsLinear(t *testing.T) {
	few, many := builtFor(t, 100), builtFor(t, 10_000)
	if many.bytes > 1.25*few.bytes || many.times > 1.25*few.times {
		t.Errorf("for each of 100 secrets, %.0f bytes in %.1f allocations; for each of 10,000, %.0f in %.1f", few.bytes, few.times, many.bytes, many.times)
	}
}

// allocations are the allocations per secret.
type allocations struct{ bytes, times float64 }

func builtFor(t *testing.T, n int) allocations {
	t.Helper()
	in := large(n)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	p := planner.Build(in)
	runtime.ReadMemStats(&after)
	for _, op := range []planner.Op{planner.OpCreate, planner.OpUpdate, planner.OpDelete, planner.OpRename} {
		if p.Count(op) != n/10 {
			t.Fatalf("%s: planned %d, of %d secrets", op, p.Count(op), n)
		}
	}
	return allocations{float64(after.TotalAlloc-before.TotalAlloc) / float64(n), float64(after.Mallocs-before.Mallocs) / float64(n)}
}

// BenchmarkBuild plans for up to a million secrets, which is to take at most 6 s and 2 GB, with
// the input.
func BenchmarkBuild(b *testing.B) {
	for _, n := range []int{100, 1000, 10_000, 100_000, 1_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			in := large(n)
			b.ReportAllocs()
			for b.Loop() {
				planner.Build(in)
			}
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			b.ReportMetric(float64(m.HeapSys)/1e6, "heap-MB")
			b.ReportMetric(float64(b.Elapsed())/float64(time.Microsecond)/float64(n)/float64(b.N), "µs/secret")
		})
	}
}
