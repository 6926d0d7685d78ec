package sim

import (
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"time"

	"github.com/secretsync/secretsync/internal/emulator"
	"github.com/secretsync/secretsync/test/program"
)

// apply applies, and checks that only what the shown plan allows was deleted or changed.
func (h *simulation) apply(k *kill, trouble func(*http.Request) emulator.Fault, wait string) int {
	h.Helper()
	before := h.truth(h.accounts()...)
	h.applies++
	code, said := h.run(k, trouble, "apply", "--auto-approve", "--parallelism", h.parallelism, "--wait", wait)
	after := h.truth(h.accounts()...)
	for p, was := range before {
		is, there := after[p]
		switch name := regexp.QuoteMeta(p.name); {
		case !there && !planned(said, `- delete +`+name+` `) && !planned(said, `> rename .* from `+name+`,`):
			h.Fatalf("%v is gone, and no plan said so", p)
		case there && is.value != was.value && !planned(said, `[~&+] (update|rotate|adopt|create) +`+name+` .*from (file|generate)`):
			h.Fatalf("%v has another value, and no plan said so", p)
		}
	}
	h.checkOthers(after)
	return code
}

// planned reports whether the shown plan has such a row.
func planned(said, row string) bool {
	return regexp.MustCompile(`(?m)^  ` + row).MatchString(said + " ")
}

// checkOthers checks that another client's secrets are unchanged.
func (h *simulation) checkOthers(now map[place]live) {
	h.Helper()
	for p, was := range h.foreign {
		if !reflect.DeepEqual(now[p], was) {
			h.Fatalf("%v is another client's, and is gone or changed", p)
		}
	}
	for p, value := range h.kept {
		if l, there := now[p]; !there || l.value != value {
			h.Fatalf("%v left the manifest under delete: false, and is gone or changed", p)
		}
	}
}

// wrong says how Cloudflare differs from the manifest, or returns "".
func (h *simulation) wrong() string {
	now := h.truth(h.accounts()...)
	for p, s := range h.wanted {
		l, there := now[p]
		switch {
		case !there:
			return p.name + " is not there"
		case s.value != "" && l.value != s.value, s.value == "" && len(l.value) != 32:
			return p.name + " has another value"
		case len(l.Scopes) != 1 || l.Scopes[0] != s.scope || l.Comment != s.comment:
			return p.name + " has other metadata"
		}
	}
	for p := range now {
		if _, foreign := h.foreign[p]; h.wanted[p] == nil && !foreign && !h.stays[p] {
			return p.name + " is still there"
		}
	}
	return ""
}

func (h *simulation) checkLive(because string) {
	h.Helper()
	if wrong := h.wrong(); wrong != "" {
		h.Fatalf("%s, and %s", because, wrong)
	}
}

// plan checks that a plan is accurate: an empty one must be true.
func (h *simulation) plan() {
	h.Helper()
	lock := h.lock()
	code, _ := h.run(nil, nil, "plan", "--detailed-exitcode")
	switch {
	case code == program.OK:
		h.checkLive("the plan is empty")
	case code != program.Changes:
		h.Fatalf("plan: exit code %d", code)
	}
	if h.writes > 0 || h.lock() != lock {
		h.Fatal("a plan wrote something")
	}
}

// simWait is long enough for what is written to become active.
const simWait = "30s"

// converge applies without faults.
func (h *simulation) converge() {
	h.Helper()
	time.Sleep(2 * simLag)
	if h.apply(nil, nil, simWait) != program.OK {
		time.Sleep(time.Minute)
		if h.apply(nil, nil, simWait) != program.OK {
			h.Fatal("two clean applies did not converge")
		}
	}
	h.checkLive("it converged")
	lock := h.lock()
	if code := h.apply(nil, nil, simWait); code != program.OK || h.writes > 0 || h.lock() != lock {
		h.Fatalf("another apply: exit code %d, %d writes, lockfile changed %v", code, h.writes, h.lock() != lock)
	}
	for _, args := range [][]string{{"plan", "--detailed-exitcode"}, {"drift"}} {
		if args[0] == "drift" && len(h.wanted) == 0 && !strings.Contains(lock, `"account_id"`) {
			continue // nothing was ever recorded: it says so, and fails
		}
		if code, _ := h.run(nil, nil, args...); code != program.OK {
			h.Fatalf("%v after convergence: exit code %d", args, code)
		}
	}
	clear(h.replaced)
	for _, s := range h.wanted {
		s.everKept, s.everDeleted, s.adopt = s.keep, !s.keep, false
	}
}

func (h *simulation) lock() string {
	data, _ := os.ReadFile(filepath.Join(h.dir, "secretsync.lock")) // "" if there is none yet
	return string(data)
}
