package reconcile

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"
)

// newLargeWorld has a manifest of a number of secrets, in files of 5,000, with one value.
func newLargeWorld(t testing.TB, secrets int) *world {
	t.Helper()
	w := newWorld(t, "include: [part-*.yaml]\nstores: {prod: {}}\n")
	w.env["VALUE"] = "the first value"
	w.live().Limit = secrets
	const most = 5000
	for first := 0; first < secrets; first += most {
		var part strings.Builder
		part.WriteString("version: 1\nstores:\n  prod:\n    secrets:\n")
		for i := first; i < min(first+most, secrets); i++ {
			fmt.Fprintf(&part, "      secret-%06d: {from: {env: VALUE}, comment: secret %[1]d}\n", i)
		}
		w.write(fmt.Sprintf("part-%06d.yaml", first), part.String())
	}
	return w
}

// scaled are runs whose time and memory may grow with the number of secrets, and no faster.
var scaled = []struct {
	name  string
	setup func(*world) // the state that the run starts from
	run   func(*world)
}{
	{"create", func(*world) {}, (*world).applied},
	{"no-op", (*world).applied, (*world).applied},
	{"plan", (*world).applied, func(w *world) { w.plan(Mode{}) }},
	{"offline", (*world).applied, func(w *world) { w.plan(Mode{Offline: true}) }},
	{"change", func(w *world) {
		w.applied()
		w.env["VALUE"] = "the second value"
		w.clock = w.clock.Add(time.Minute)
	}, (*world).applied},
}

// What a run allocates for each secret does not grow with the number of secrets.
func TestAllocationsAreLinear(t *testing.T) {
	for _, s := range scaled {
		t.Run(s.name, func(t *testing.T) {
			few, many := allocated(t, s.setup, s.run, 100), allocated(t, s.setup, s.run, 1000)
			if many.bytes > 1.25*few.bytes || many.times > 1.25*few.times {
				t.Errorf("for each of 100 secrets, %.0f bytes in %.1f allocations; for each of 1,000, %.0f in %.1f", few.bytes, few.times, many.bytes, many.times)
			}
		})
	}
}

// allocations are the allocations per secret.
type allocations struct{ bytes, times float64 }

func allocated(t *testing.T, setup, run func(*world), secrets int) allocations {
	w := newLargeWorld(t, secrets)
	setup(w)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	run(w)
	runtime.ReadMemStats(&after)
	n := float64(secrets)
	return allocations{float64(after.TotalAlloc-before.TotalAlloc) / n, float64(after.Mallocs-before.Mallocs) / n}
}

func BenchmarkScale(b *testing.B) {
	for _, s := range scaled {
		for _, secrets := range []int{100, 1000, 10_000, 100_000} {
			b.Run(fmt.Sprintf("%s/%d", s.name, secrets), func(b *testing.B) {
				b.ReportAllocs()
				for range b.N {
					b.StopTimer()
					w := newLargeWorld(b, secrets)
					s.setup(w)
					b.StartTimer()
					s.run(w)
				}
			})
		}
	}
}
