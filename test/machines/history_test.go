//go:build unix

package machines

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/secretsync/secretsync/lockfile"
	"github.com/secretsync/secretsync/test/program"
)

// leaseDuration is the shortest that the program allows.
const leaseDuration = 3 * time.Second

// history is the machines, and what must be true of the account.
type history struct {
	*testing.T
	w        *world
	rng      *rand.Rand
	machines []*machine
	edits    int

	inGit  bool // the lockfile is in git; otherwise in the bucket
	mu     sync.Mutex
	origin []byte // the lockfile in git
	// stays has the secrets that were created by a run whose lockfile was lost.
	stays map[string]bool
}

// spec is a secret of the manifest.
type spec struct {
	value          string // empty for a generated one
	scope, comment string
	from           string // renamed_from
}

// live runs a history: some edits, after each of which several machines apply at the same time.
func (h *history) live() {
	for range 2 {
		h.edit()
		for range 1 + h.rng.IntN(2) {
			h.storm()
		}
	}
	h.converge()
}

// edit changes the manifest on all machines, as a commit does, and the account as another client does.
func (h *history) edit() {
	h.w.late.Wait()
	h.w.mu.Lock()
	defer h.w.mu.Unlock()
	h.edits++
	w := h.w
	for i := range 8 {
		h.editOne(fmt.Sprintf("s%d", i))
	}
	for _, name := range slices.Sorted(maps.Keys(w.wanted)) {
		if s := w.wanted[name]; s.from != "" {
			s.from = ""
		} else if _, live := w.live[name]; live && h.rng.IntN(6) == 0 {
			renamed := *s
			renamed.from = name
			delete(w.wanted, name)
			w.wanted[fmt.Sprintf("r%d-%s", h.edits, name)] = &renamed
		}
	}
	h.addForeign()
	for name := range w.there {
		if w.wanted[name] == nil {
			delete(w.there, name)
		}
	}
	h.writeManifest()
}

func (h *history) editOne(name string) {
	s := h.w.wanted[name]
	switch h.rng.IntN(4) {
	case 0: // unchanged
		return
	case 1:
		if len(h.w.wanted) > 1 {
			delete(h.w.wanted, name)
		}
		return
	}
	if s == nil {
		s = new(spec)
		if h.rng.IntN(4) > 0 {
			s.value = h.newValue()
		}
		h.w.wanted[name] = s
	} else if s.value != "" && h.rng.IntN(3) > 0 {
		s.value = h.newValue()
	}
	s.scope, s.comment = []string{"workers", "dex"}[h.rng.IntN(2)], []string{"one", "two"}[h.rng.IntN(2)]
}

func (h *history) newValue() string {
	v := fmt.Sprintf("canary-%04d-%016x", len(h.w.values), h.rng.Uint64())
	h.w.values = append(h.w.values, v)
	return v
}

// addForeign creates a secret of another client.
func (h *history) addForeign() {
	path := h.w.secrets()
	if path == "" || h.rng.IntN(3) == 0 {
		return
	}
	name := fmt.Sprintf("foreign-%d", len(h.w.foreign))
	h.w.other(http.MethodPost, path, []any{map[string]any{"name": name, "value": h.newValue(), "scopes": []string{"workers"}, "comment": "theirs"}}, nil)
	h.w.live = h.w.read()
	h.w.foreign[name] = h.w.live[name]
}

func (h *history) writeManifest() {
	var m strings.Builder
	where := "lockfile: s3://" + bucket + "/team/a.lock"
	if h.inGit {
		where = "lease: s3://" + bucket + "/team"
	}
	fmt.Fprintf(&m, "version: 1\n%s\nstores:\n  %s:\n    create: true\n    secrets:\n", where, storeName)
	files := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(h.w.wanted)) {
		s := h.w.wanted[name]
		source := "generate: {bytes: 16, encoding: hex}"
		if s.value != "" {
			source = "from: {file: " + name + ".txt}"
			files[name+".txt"] = s.value
		}
		fmt.Fprintf(&m, "      %s: {%s, scopes: [%s], comment: %q, delete: true", name, source, s.scope, s.comment)
		if s.from != "" {
			fmt.Fprintf(&m, ", renamed_from: %s", s.from)
		}
		m.WriteString("}\n")
	}
	for _, machine := range h.machines {
		machine.Write("secretsync.yaml", m.String())
		for name, value := range files {
			machine.Write(name, value)
		}
	}
	h.w.say("the manifest:\n%s", m.String())
}

// storm has all machines apply at the same time, each with its trouble.
func (h *history) storm() {
	h.Helper()
	parallelism := []int{1, 1, 4}[h.rng.IntN(3)]
	noisy := noise{}
	if h.rng.IntN(2) == 0 {
		noisy = noise{lost: h.rng.IntN(60), refused: h.rng.IntN(60), late: h.rng.IntN(30)}
	}
	var wg sync.WaitGroup
	for _, m := range h.machines {
		m.api.setNoise(noise{lost: noisy.lost, late: noisy.late})
		m.bucket.setNoise(noisy)
		var troubles []trouble
		for range 1 + h.rng.IntN(2) {
			troubles = append(troubles, h.trouble())
		}
		wait, rng := time.Duration(h.rng.IntN(1500))*time.Millisecond, rand.New(rand.NewPCG(h.rng.Uint64(), 0))
		wg.Go(func() {
			for _, tr := range troubles {
				time.Sleep(wait)
				h.apply(m, tr, parallelism, rng)
			}
		})
	}
	wg.Wait()
}

func (p *proxy) setNoise(n noise) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.noise = n
}

func (h *history) trouble() trouble {
	tr := trouble{
		kind:     []troubleKind{"", kill, killAfter, pause, pause, cutAPI, cutBucket, cutBucket}[h.rng.IntN(8)],
		inBucket: h.rng.IntN(2) == 0,
		length:   time.Second + time.Duration(h.rng.IntN(5000))*time.Millisecond,
		silent:   h.rng.IntN(2) == 0,
	}
	if h.rng.IntN(2) == 0 {
		tr.late = time.Duration(h.rng.IntN(7000)) * time.Millisecond
	}
	tr.at = 1 + h.rng.IntN(4)
	if tr.inBucket {
		tr.at = 1 + h.rng.IntN(14)
	}
	return tr
}

// apply runs an apply on a machine, with what a person does with git before and after.
func (h *history) apply(m *machine, tr trouble, parallelism int, rng *rand.Rand, flags ...string) result {
	if h.inGit {
		h.pull(m, tr.kind != "" && rng.IntN(4) == 0)
	}
	args := append([]string{"apply", "--auto-approve", "--parallelism", strconv.Itoa(parallelism), "--lease-duration", leaseDuration.String(), "--lock-timeout", "12s"}, flags...)
	res := m.secretsync(tr, parallelism, args...)
	h.w.mu.Lock()
	switch {
	case strings.Contains(res.said, "is held by "):
		h.w.sum.heldRuns++
	case strings.Contains(res.said, " was lost: "):
		h.w.sum.lostRuns++
	case strings.Contains(res.said, " is older than the lockfile that was last applied"):
		h.w.sum.olderRuns++
	}
	switch {
	case res.code != -1 && res.code != program.OK && res.code != program.Error && res.code != program.Incomplete:
		h.w.fail("exit code %d", res.code)
	case res.code == program.OK:
		if wrong := h.wrong(); wrong != "" {
			h.w.fail("the apply said that all is done, and %s", wrong)
		}
	}
	h.w.mu.Unlock()
	if h.inGit {
		h.push(m, res.code == -1, rng)
	}
	return res
}

const lockName = "secretsync.lock"

// lock returns the machine's lockfile, nil if there is none, and whether a run that was killed left
// a journal.
func (m *machine) lock() (data []byte, journal bool) {
	data, err := os.ReadFile(m.Path(lockName))
	if err != nil && !os.IsNotExist(err) {
		m.T.Error(err)
	}
	_, err = os.Stat(m.Path(lockfile.JournalFile(lockName)))
	return data, err == nil
}

// setLock replaces the machine's lockfile by git's.
func (m *machine) setLock(data []byte) {
	_ = os.Remove(m.Path(lockfile.JournalFile(lockName)))
	if m.base = data; data == nil {
		_ = os.Remove(m.Path(lockName))
		return
	}
	m.Write(lockName, string(data))
}

// pull gets the lockfile from git, unless the machine has changes of its own, or it is forgotten.
func (h *history) pull(m *machine, forgotten bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if local, journal := m.lock(); forgotten || journal || !bytes.Equal(local, m.base) {
		return
	}
	m.setLock(h.origin)
}

// push brings a changed lockfile to git. What a killed run left behind may be lost with the machine,
// and so may what git refuses because another machine was quicker.
func (h *history) push(m *machine, killed bool, rng *rand.Rand) {
	h.mu.Lock()
	defer h.mu.Unlock()
	local, journal := m.lock()
	if bytes.Equal(local, m.base) && !journal {
		return
	}
	h.w.mu.Lock()
	published := h.w.publishedGeneration()
	h.w.mu.Unlock()
	current := bytes.Equal(h.origin, m.base)
	switch {
	case generation(h.T, local) == published && generation(h.T, h.origin) < published:
	case killed && current && rng.IntN(2) == 0:
		return // the next run on this machine continues
	case killed || !current:
		h.loseLock(m)
		return
	}
	h.origin = local
	m.setLock(local)
}

// loseLock removes a machine's records. Nothing else knows which secrets it created.
func (h *history) loseLock(m *machine) {
	h.w.mu.Lock()
	defer h.w.mu.Unlock()
	h.w.sum.lostLockfiles++
	h.w.say("the lockfile of %s is lost", m.name)
	for name := range h.w.live {
		if _, foreign := h.w.foreign[name]; !foreign {
			h.stays[name] = true
		}
	}
	m.setLock(h.origin)
}

func generation(t testing.TB, data []byte) int {
	if data == nil {
		return 0
	}
	f, err := lockfile.Parse(lockName, data)
	if err != nil {
		t.Error(err)
		return 0
	}
	return f.Shared.Generation
}

// publishedGeneration is the newest generation that the lease knows.
func (w *world) publishedGeneration() (newest int) {
	for _, p := range w.lease().Published {
		newest = max(newest, p.Generation)
	}
	return newest
}
