package sim

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/secretsync/secretsync/internal/emulator"
	"github.com/secretsync/secretsync/test/program"
)

var (
	simHistories = flag.Int("sim", 100, "how many histories the simulation runs")
	simSeed      = flag.Uint64("sim-seed", 1, "seed of its first history; the others count up from there")
)

// TestSimulation runs random histories: edits of the manifest, changes outside git, and
// applies during which requests fail, lists lag, or the program is killed. After each of
// them it checks that nothing was lost, that the program's reports are true, and that at
// most two applies without faults converge.
func TestSimulation(t *testing.T) {
	var mu sync.Mutex
	var sum simTally
	t.Run("histories", func(t *testing.T) {
		for n := range *simHistories {
			seed := *simSeed + uint64(n)
			t.Run(fmt.Sprint(seed), func(t *testing.T) {
				t.Parallel()
				one := simTally{lost: 1}
				defer func() {
					mu.Lock()
					defer mu.Unlock()
					sum.add(one)
					if t.Failed() {
						t.Logf("repeat it: go test ./test/sim -run '^TestSimulation$' -sim 1 -sim-seed %d "+
							"(with -count: requests side by side come in any order)", seed)
					}
				}()
				synctest.Test(t, func(t *testing.T) {
					h := newSimulation(t, rand.New(rand.NewPCG(seed, 0)))
					defer func() {
						one.applies, one.faults, one.kills = h.applies, h.faults, h.kills
						one.replaced, one.adoptions, one.keeping = h.replacedLocks, h.adoptions, h.keeping
					}()
					h.live()
					one.lost = 0
				})
			})
		}
	})
	t.Logf("simulation: histories %d, applies %d, faults %d, kills %d, replaced lockfiles %d, adoptions %d, "+
		"old values kept %d, converged %d, lost %d", sum.histories, sum.applies, sum.faults, sum.kills, sum.replaced, sum.adoptions,
		sum.keeping, sum.histories-sum.lost, sum.lost)
}

// simTally counts the events.
type simTally struct{ histories, applies, faults, kills, replaced, adoptions, keeping, lost int }

func (s *simTally) add(one simTally) {
	s.histories++
	s.applies += one.applies
	s.faults += one.faults
	s.kills += one.kills
	s.replaced += one.replaced
	s.adoptions += one.adoptions
	s.keeping += one.keeping
	s.lost += one.lost
}

// live runs a history: some rounds, each of which begins and ends converged.
func (h *simulation) live() {
	for range 2 + h.rng.IntN(2) {
		time.Sleep([]time.Duration{time.Second, 5 * time.Minute, time.Hour, 30 * 24 * time.Hour}[h.rng.IntN(4)])
		h.changeOutside()
		time.Sleep(2 * simLag) // wait until the changes of others are visible: only our own writes may lag
		h.edit()
		for range h.rng.IntN(4) {
			h.attempt()
			if h.rng.IntN(3) == 0 {
				time.Sleep(2 * simLag) // edits never come faster than lists catch up
				h.edit()
			}
		}
		h.converge()
	}
}

// simPending is how long secrets stay pending, if they do.
const simPending = 3 * time.Second

// simLag is the lag of lists.
const simLag = 20 * time.Second

// attempt is an apply with faults. Its result is checked by a plan, at once or later.
func (h *simulation) attempt() {
	var k *kill
	trouble := h.trouble()
	switch h.rng.IntN(4) {
	case 0:
		h.replace = &replacement{at: 1 + h.rng.IntN(8), how: replacementKind(h.rng.IntN(int(replaceKinds)))}
		if h.rng.IntN(2) == 0 {
			trouble = nil
		}
	case 1, 2:
		k = &kill{at: 1 + h.rng.IntN(8), after: h.rng.IntN(2) == 0}
		if h.rng.IntN(2) == 0 {
			trouble = nil
		}
	}
	code := h.apply(k, trouble, []string{"0", "1s", simWait}[h.rng.IntN(3)])
	if k != nil && k.dead {
		h.kills++
	}
	switch code {
	case program.OK:
		if !h.short {
			h.checkLive("the apply said that all is done")
		}
	case -1, program.Error, program.Incomplete:
	default:
		h.Fatalf("exit code %d", code)
	}
	if h.rng.IntN(2) == 0 {
		return // the next event follows at once, while lists lag
	}
	time.Sleep(2 * simLag)
	h.plan()
}

// trouble chooses the faults of an apply's requests.
func (h *simulation) trouble() func(*http.Request) emulator.Fault {
	from, often, lags := 1+h.rng.IntN(8), h.rng.IntN(3), h.rng.IntN(3) == 0
	// If a list hides another client's secret in place of ours, and the answer to our creation is
	// lost, that secret is a conflict for a person to settle.
	short := h.rng.IntN(4) == 0 && len(h.replaced) == 0
	seed := h.rng.Uint64()
	rngs, counts := map[string]*rand.Rand{}, map[string]int{} // accounts run in parallel: each has its own
	return func(r *http.Request) emulator.Fault {
		account := strings.Split(r.URL.Path, "/")[4]
		if rngs[account] == nil {
			rngs[account] = rand.New(rand.NewPCG(seed, 0))
		}
		counts[account]++
		rng, n := rngs[account], counts[account]
		goesWrong := n == from
		switch often {
		case 1: // now and then
			goesWrong = rng.IntN(4) == 0
		case 2: // permanently, from there on
			goesWrong = n >= from
		}
		f := simFaults[rng.IntN(len(simFaults))]
		// With a short list, a wrong 404 for an id would leave nothing that shows the secret.
		read := r.Method == http.MethodGet
		wrong404 := read && !short
		switch {
		case goesWrong && (f.Kind != emulator.FaultNotFound || wrong404):
			return f
		case lags && read:
			return emulator.Fault{Kind: emulator.FaultLag, Lag: simLag}
		case short && read:
			return emulator.Fault{Kind: emulator.FaultShort}
		}
		return emulator.Fault{}
	}
}

var simFaults = []emulator.Fault{
	{Kind: emulator.FaultCut}, {Kind: emulator.FaultCut, After: true}, {Kind: emulator.FaultReset, After: true},
	{Kind: emulator.FaultStall}, {Kind: emulator.FaultStall, After: true},
	{Kind: emulator.FaultInternal}, {Kind: emulator.FaultInternal, After: true}, {Kind: emulator.FaultBadGateway, After: true},
	{Kind: emulator.FaultUnavailable}, {Kind: emulator.FaultUnavailable, After: true},
	{Kind: emulator.FaultTruncated}, {Kind: emulator.FaultMalformed}, {Kind: emulator.FaultEmpty},
	{Kind: emulator.FaultTooManyRequests, RetryAfter: time.Second}, {Kind: emulator.FaultThrottled}, {Kind: emulator.FaultForbidden},
	{Kind: emulator.FaultNotFound}, // reads only: a DELETE rightly trusts it
}
