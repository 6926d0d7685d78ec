//go:build unix

// Package machines runs random histories of several machines that apply one manifest.
package machines

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/secretsync/secretsync/test/program"
)

var (
	histories = flag.Int("machines", 3, "how many histories are run")
	firstSeed = flag.Uint64("machines-seed", 1, "seed of the first history; the others count up from there")
)

// TestMachines runs random histories of three machines that apply one manifest to one store, side
// by side: processes that are killed, or stopped until another one took over, machines that are cut off from
// the API or from the bucket, answers that are lost, and requests that arrive late. Each write is
// checked when it takes effect, and each history has to converge.
func TestMachines(t *testing.T) {
	if testing.Short() {
		t.Skip("takes half a minute")
	}
	var mu sync.Mutex
	var sum tally
	t.Run("histories", func(t *testing.T) {
		for n := range *histories {
			seed := *firstSeed + uint64(n)
			t.Run(fmt.Sprint(seed), func(t *testing.T) {
				t.Parallel()
				h := newHistory(t, seed)
				defer func() {
					if t.Failed() {
						t.Logf("repeat it: go test ./test/machines -run '^TestMachines$' -machines 1 -machines-seed %d "+
							"(requests side by side come in any order)\n%s", seed, h.w.log.String())
					}
					mu.Lock()
					defer mu.Unlock()
					h.w.sum.histories = 1
					sum.add(h.w.sum)
				}()
				h.live()
			})
		}
	})
	t.Log("\n" + sum.String())
}

// tally counts what happened.
type tally struct {
	histories, inGit, runs, kills, pauses, cuts, lostAnswers, takeovers int
	heldRuns, lostRuns, olderRuns, lostLockfiles, adoptions             int
	underWay, resumed                                                   int
	lost, doubled, foreign                                              int
}

// columns are the names and numbers of the table, in its order.
func (s *tally) columns() (names []string, numbers []*int) {
	for _, c := range []struct {
		name   string
		number *int
	}{
		{"histories", &s.histories}, {"with the lockfile in git", &s.inGit}, {"runs", &s.runs},
		{"kills", &s.kills}, {"pauses", &s.pauses}, {"cuts", &s.cuts}, {"lost answers", &s.lostAnswers}, {"takeovers", &s.takeovers},
		{"runs that found the lease held", &s.heldRuns}, {"runs that lost it", &s.lostRuns},
		{"older lockfiles refused", &s.olderRuns}, {"lockfiles lost with their machine", &s.lostLockfiles}, {"adoptions after that", &s.adoptions},
		{"writes without the lease, under way", &s.underWay}, {"of these sent when a stopped process went on", &s.resumed},
		{"secrets lost", &s.lost}, {"secrets doubled", &s.doubled}, {"foreign secrets touched", &s.foreign},
	} {
		names, numbers = append(names, c.name), append(numbers, c.number)
	}
	return names, numbers
}

func (s *tally) add(one tally) {
	_, sums := s.columns()
	_, numbers := one.columns()
	for i, n := range numbers {
		*sums[i] += *n
	}
}

func (s *tally) String() string {
	var text string
	names, numbers := s.columns()
	for i, name := range names {
		text += fmt.Sprintf("| %-44s | %6d |\n", name, *numbers[i])
	}
	return text
}

func newHistory(t *testing.T, seed uint64) *history {
	rng := rand.New(rand.NewPCG(seed, 0))
	h := &history{T: t, w: newWorld(t), rng: rng, inGit: rng.IntN(4) == 0, stays: map[string]bool{}}
	if h.inGit {
		h.w.sum.inGit = 1
	}
	for _, name := range []string{"A", "B", "C"} {
		h.machines = append(h.machines, newMachine(t, h.w, name, rng.Uint64()))
	}
	return h
}

// TestStopped stops a run in the middle of its writes until another one has taken over, and has done
// them. When it goes on, it sends nothing more.
func TestStopped(t *testing.T) {
	if testing.Short() {
		t.Skip("takes some seconds")
	}
	for _, inGit := range []bool{false, true} {
		t.Run(fmt.Sprintf("lockfile in git %v", inGit), func(t *testing.T) {
			t.Parallel()
			h := newHistory(t, 1)
			h.inGit = inGit
			h.edit()
			h.updateAll()
			a, b := h.machines[0], h.machines[1]
			h.apply(a, trouble{}, 1, h.rng, calm...)
			h.updateAll()
			var first result
			var wg sync.WaitGroup
			wg.Go(func() {
				first = h.apply(a, trouble{kind: pause, at: 2, length: 8 * time.Second}, 1, rand.New(rand.NewPCG(1, 1)))
			})
			for wait := 0; wait < 6000 && !h.w.stopped(a); wait++ {
				time.Sleep(10 * time.Millisecond)
			}
			second := h.apply(b, trouble{}, 1, h.rng, calm...)
			wg.Wait()
			// It may have sent some more before it came to a stop; each is judged.
			if first.writes >= 6 || first.code != program.Incomplete || second.writes == 0 || h.w.sum.takeovers == 0 {
				t.Errorf("the first run: exit code %d, %d writes; the second: %d writes; %d takeovers\n%s",
					first.code, first.writes, second.writes, h.w.sum.takeovers, h.w.log.String())
			}
			h.converge()
		})
	}
}

// updateAll gives six secrets new values.
func (h *history) updateAll() {
	h.w.mu.Lock()
	defer h.w.mu.Unlock()
	for i := range 6 {
		h.w.wanted[fmt.Sprintf("u%d", i)] = &spec{value: h.newValue(), scope: "workers", comment: "one"}
	}
	h.writeManifest()
}

// stopped reports whether the run of a machine was stopped.
func (w *world) stopped(m *machine) bool {
	m.mu.Lock()
	r := m.run
	m.mu.Unlock()
	w.mu.Lock()
	defer w.mu.Unlock()
	return !r.stopped.IsZero()
}
