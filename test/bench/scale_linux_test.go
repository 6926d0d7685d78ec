package bench

import (
	"flag"
	"fmt"
	"math"
	"testing"
)

var large = flag.Bool("large", false, "count for 10,000 secrets too")

// maxExponent bounds e where the cost of N secrets grows with N^e.
const maxExponent = 1.1

// TestCountsAreLinear counts for 100, 1,000 and, with -large, 10,000 secrets. From each size to
// the next, no count grows with a higher power than maxExponent.
func TestCountsAreLinear(t *testing.T) {
	sizes := []int{100, 1000}
	if *large {
		sizes = append(sizes, 10_000)
	}
	was := map[string]costs{}
	for i, n := range sizes {
		for name, now := range scaled(t, n) {
			t.Logf("%-6s %6d: %v", name, n, now)
			if i > 0 {
				for _, problem := range now.above(was[name], float64(n)/float64(sizes[i-1])) {
					t.Errorf("%s, %d to %d secrets: %s", name, sizes[i-1], n, problem)
				}
			}
			was[name] = now
		}
	}
}

// scaled are the costs of runs for a number of secrets.
func scaled(t *testing.T, secrets int) map[string]costs {
	p := newProject(t, secrets, 0)
	found := map[string]costs{}
	run := func(name string, args ...string) {
		c := p.counts(args...)
		found[name] = costs{"bytes written": float64(c.written), "allocations": float64(c.Times), "bytes allocated": float64(c.Bytes)}
		// How many outcomes come together is chance. With one sync for each, there is room for
		// those at the start and the end.
		if most := secrets + 10; c.syncs > most {
			t.Errorf("%s of %d secrets: %d syncs, want at most %d", name, secrets, c.syncs, most)
		}
	}
	run("create", "apply", "--auto-approve")
	run("plan", "plan")
	run("no-op", "apply", "--auto-approve")
	p.Env["FIRST"], p.Env["OTHERS"] = "another value", "another value"
	run("change", "apply", "--auto-approve")
	return found
}

// costs are counts by their names.
type costs map[string]float64

// above names the costs that grew too fast from an earlier size, which is smaller by a factor.
func (c costs) above(earlier costs, factor float64) (problems []string) {
	for name, now := range c {
		if e := exponent(earlier[name], now, factor); e > maxExponent {
			problems = append(problems, fmt.Sprintf("%s grow with N^%.2f, from %.0f to %.0f; want at most N^%.1f", name, e, earlier[name], now, maxExponent))
		}
	}
	return problems
}

// exponent is e if a cost of N secrets grows with N^e.
func exponent(few, many, factor float64) float64 {
	return math.Log(math.Max(many, 1)/math.Max(few, 1)) / math.Log(factor)
}

// TestExponent: a cost that is quadratic, or becomes so, is above, and a linear one with a
// constant part is not.
func TestExponent(t *testing.T) {
	for name, c := range map[string]struct {
		few, many float64
		above     bool
	}{
		"nothing":                 {0, 0, false},
		"linear":                  {100, 1000, false},
		"linear above a constant": {50_100, 51_000, false},
		"quadratic":               {100 * 100, 1000 * 1000, true},
		"quadratic from 1,000":    {100*100 + 1000*100, 1000*1000 + 1000*1000, true},
		"quadratic from 10,000":   {100*100 + 10_000*100, 1000*1000 + 10_000*1000, false},
	} {
		if got := len(costs{"x": c.many}.above(costs{"x": c.few}, 10)) > 0; got != c.above {
			t.Errorf("%s: above %v, want %v", name, got, c.above)
		}
	}
}
