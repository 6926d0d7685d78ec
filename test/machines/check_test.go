//go:build unix

package machines

import (
	"regexp"
	"slices"

	"github.com/secretsync/secretsync/lockfile"
	"github.com/secretsync/secretsync/test/program"
)

// generated matches a value that the program generated.
var generated = regexp.MustCompile(`^[0-9a-f]{32}$`)

// wrong says how the account differs from the manifest, or returns "".
func (h *history) wrong() string {
	for name, s := range h.w.wanted {
		l, there := h.w.live[name]
		switch {
		case !there:
			return name + " is not there"
		case s.value != "" && l.value != s.value, s.value == "" && !generated.MatchString(l.value):
			return name + " has another value"
		case len(l.Scopes) != 1 || l.Scopes[0] != s.scope || l.Comment != s.comment:
			return name + " has other metadata"
		}
	}
	for name := range h.w.live {
		if _, foreign := h.w.foreign[name]; h.w.wanted[name] == nil && !foreign && !h.stays[name] {
			return name + " is still there"
		}
	}
	return ""
}

// calm are flags of applies without trouble: a busy machine may be late to renew a shorter lease.
var calm = []string{"--lease-duration", "1m"}

// converge ends all trouble, and applies until nothing is left to do.
func (h *history) converge() {
	h.Helper()
	h.w.late.Wait()
	for _, m := range h.machines {
		m.api.heal()
		m.bucket.heal()
	}
	order := h.rng.Perm(len(h.machines))
	var res result
	for try := range 4 {
		flags := calm
		if len(h.stays) > 0 && program.Unproven.MatchString(res.said) {
			flags = append(slices.Clone(calm), "--adopt", "overwrite")
			h.w.sum.adoptions++
		}
		res = h.apply(h.machines[order[try%len(order)]], trouble{}, 4, h.rng, flags...)
		if res.code == program.OK {
			break
		}
	}
	if h.Failed() {
		return
	}
	if res.code != program.OK {
		h.Fatalf("4 applies without trouble did not converge: exit code %d\n%s", res.code, res.said)
	}
	h.checkConverged(order)
}

// heal ends the trouble of a proxy.
func (p *proxy) heal() {
	p.setNoise(noise{})
	p.mu.Lock()
	healed := p.healed
	p.mu.Unlock()
	if healed != nil {
		<-healed
	}
}

func (h *history) checkConverged(order []int) {
	h.Helper()
	if h.inGit {
		for _, m := range h.machines {
			m.setLock(h.origin)
		}
	}
	last := h.machines[order[1]]
	before := h.lockfile()
	if res := h.apply(last, trouble{}, 4, h.rng, calm...); res.code != program.OK || res.writes > 0 {
		h.Errorf("another apply: exit code %d, %d writes", res.code, res.writes)
	}
	for _, args := range [][]string{{"plan", "--detailed-exitcode"}, {"drift"}} {
		if res := h.machines[order[2]].secretsync(trouble{}, 4, args...); res.code != program.OK || res.writes > 0 {
			h.Errorf("%v after convergence: exit code %d, %d writes", args, res.code, res.writes)
		}
	}
	h.w.mu.Lock()
	defer h.w.mu.Unlock()
	h.w.live = h.w.read()
	h.w.checkForeign()
	if wrong := h.wrong(); wrong != "" {
		h.w.sum.lost++
		h.w.fail("it converged, and %s", wrong)
	}
	if l := h.w.lease(); l.State != "free" || h.w.holder != nil {
		h.w.fail("the lease is %s at the end, of %v", l.State, h.w.holder)
	}
	if after := h.lockfile(); string(after.Format()) != string(before.Format()) {
		h.w.fail("another apply changed the lockfile")
	}
	h.checkLock(before)
}

// lockfile returns the lockfile that all machines share.
func (h *history) lockfile() *lockfile.File {
	data := h.origin
	if !h.inGit {
		data = h.w.object(lockKey)
	}
	f, err := lockfile.Parse(lockKey, data)
	program.Must(h.T, err)
	return f
}

// checkLock compares the lockfile with the account.
func (h *history) checkLock(f *lockfile.File) {
	if f.Shared.Journal != "" {
		h.w.fail("the lockfile names the journal %s", f.Shared.Journal)
	}
	st := f.Stores[lockfile.StoreKey{Account: lockfile.AccountID(program.Account), Name: storeName}]
	if st == nil {
		h.w.fail("the lockfile lacks the store")
		return
	}
	for name := range h.w.wanted {
		if sec := st.Secret(name); sec == nil || string(sec.ID) != h.w.live[name].ID || sec.Pending != nil {
			h.w.fail("the lockfile has %+v of %s, and its id is %s", sec, name, h.w.live[name].ID)
		}
	}
	for name := range st.Secrets {
		if h.w.wanted[name] == nil && !h.stays[name] {
			h.w.fail("the lockfile has %s, which is not in the manifest", name)
		}
	}
}
