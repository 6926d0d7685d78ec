package sim

import (
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/secretsync/secretsync/internal/emulator"
	"github.com/secretsync/secretsync/lockfile"
	"github.com/secretsync/secretsync/test/program"
)

// apply applies, and checks that only what the shown plan allows was deleted or changed.
func (h *simulation) apply(k *kill, trouble func(*http.Request) emulator.Fault, wait string, flags ...string) int {
	h.Helper()
	before := h.truth(h.accounts()...)
	h.applies++
	args := append([]string{"apply", "--auto-approve", "--parallelism", h.parallelism, "--wait", wait}, flags...)
	code, said := h.run(k, trouble, args...)
	h.unproven = code == program.Error && h.onlyUnproven(said)
	h.short = strings.Contains(said, "others may exist that this plan does not show")
	after := h.truth(h.accounts()...)
	for p, was := range before {
		is, there := after[p]
		switch name := regexp.QuoteMeta(p.name); {
		case planned(said, `- retire +`+name+` `): // what it then has is checked at the end
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
		if wrong := h.previousWrong(now, p, s); wrong != "" {
			return wrong
		}
	}
	for p := range now {
		owner := place{p.account, p.store, strings.TrimSuffix(p.name, "-previous")}
		keeps := owner != p && h.wanted[owner] != nil && h.wanted[owner].overlap
		if _, foreign := h.foreign[p]; h.wanted[p] == nil && !foreign && !h.stays[p] && !keeps {
			return p.name + " is still there"
		}
	}
	return ""
}

// previousWrong says how what keeps the previous value of a secret is wrong, or returns "". Of a
// secret whose value was replaced, and that no other client changed, the old value, or one in between,
// must be readable.
func (h *simulation) previousWrong(now map[place]live, p place, s *simSpec) string {
	if !s.overlap || h.interrupted(p) { // it may be another client's, and is left alone
		return ""
	}
	kept, there := now[p.previous()]
	had, known := h.had[p]
	switch {
	case !there:
		return p.previous().name + " is not there"
	case kept.value == "":
		return p.previous().name + " has a value that was never sent"
	case known && had != now[p].value && kept.value == now[p].value:
		return "the value that " + p.name + " had is lost"
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
	code, said := h.run(nil, nil, "plan", "--detailed-exitcode")
	switch {
	case code == program.Error && h.onlyUnproven(said):
	case code == program.OK:
		h.checkLive("the plan is empty")
	case code != program.Changes:
		h.Fatalf("plan: exit code %d", code)
	}
	if h.writes > 0 || h.lock() != lock {
		h.Fatal("a plan wrote something")
	}
}

// simWait is long enough for written secrets to become active.
const simWait = "30s"

// converge applies without faults.
func (h *simulation) converge() {
	h.Helper()
	time.Sleep(2 * simLag)
	if h.applyClean() != program.OK {
		time.Sleep(time.Minute)
		if h.applyClean() != program.OK {
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
		if code, said := h.run(nil, nil, args...); code != program.OK && !h.reportsPlanted(args[0], code, said) {
			h.Fatalf("%v after convergence: exit code %d", args, code)
		}
	}
	clear(h.replaced)
	now := h.truth(h.accounts()...)
	for p, s := range h.wanted {
		delete(h.had, p)
		if s.overlap {
			h.had[p] = now[p].value
			if now[p.previous()].value != now[p].value {
				h.keeping++
			}
		}
		s.everKept, s.everDeleted, s.adopt = s.keep, !s.keep, false
	}
}

// reportsPlanted reports whether all that drift found is values that another client set in previous
// ones. As long as these keep an old value, no apply replaces them (docs/manifest.md).
func (h *simulation) reportsPlanted(command string, code int, said string) bool {
	finding := regexp.MustCompile(`(?m)^  ([^ ?]) (\S+) .*$`)
	found := finding.FindAllStringSubmatch(said, -1)
	return command == "drift" && code == program.Changes && len(found) > 0 && !slices.ContainsFunc(found, func(line []string) bool {
		return line[1] != "~" || !strings.HasSuffix(line[2], "-previous") || !h.planted[line[2]] || !strings.Contains(line[0], "changed outside")
	})
}

// applyClean applies without faults. Secrets that may be another client's are adopted, as the
// program advises.
func (h *simulation) applyClean() int {
	h.Helper()
	code := h.apply(nil, nil, simWait)
	if h.unproven {
		h.adoptions++
		code = h.apply(nil, nil, simWait, "--adopt", "overwrite")
	}
	return code
}

// onlyUnproven reports whether a command failed only because of secrets that may be another
// client's, or that another client created again. They must be ones whose creation was
// interrupted, without a comment to recognize them by.
func (h *simulation) onlyUnproven(said string) bool {
	h.Helper()
	found := program.Unproven.FindAllStringSubmatch(said, -1)
	for _, m := range found {
		if !slices.ContainsFunc(h.accounts(), func(account string) bool { return h.interrupted(place{account, m[2], m[1]}) }) {
			h.Fatalf("%s is not recognized", m[1])
		}
	}
	return len(found) > 0 && len(found) == strings.Count(said, "error: ")
}

// interrupted reports whether the lockfile only has the times of an interrupted creation or
// rename of a secret.
func (h *simulation) interrupted(p place) bool {
	lock, err := lockfile.Read(filepath.Join(h.dir, "secretsync.lock"))
	program.Must(h.T, err)
	sec := lock.Stores[lockfile.StoreKey{Account: lockfile.AccountID(p.account), Name: p.store}].Secret(p.name)
	return sec != nil && sec.ID == "" && sec.Pending != nil && sec.Comment == ""
}

func (h *simulation) lock() string {
	data, _ := os.ReadFile(filepath.Join(h.dir, "secretsync.lock")) // "" if there is none yet
	return string(data)
}
