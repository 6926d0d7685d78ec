package kill

import (
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/secretsync/secretsync/internal/emulator"
	"github.com/secretsync/secretsync/lockfile"
	"github.com/secretsync/secretsync/test/program"
)

var allFaults = flag.Bool("faults", false, "run the whole fault matrix, which takes two minutes")

// TestFaultMatrix injects each fault into each request of two applies: one that creates
// everything including the store, and one that creates, updates, renames and deletes.
// Whatever the apply reports must be true, at most two more applies must converge (with --adopt
// if a secret without a comment may be another client's), another client's secret must be
// unchanged, and the lockfile must be readable at every step.
func TestFaultMatrix(t *testing.T) {
	kinds := program.FaultKinds[:2]
	if *allFaults {
		kinds = program.FaultKinds
	}
	var table faultTable
	t.Run("cases", func(t *testing.T) {
		for _, s := range faultScenarios {
			requests := newFaultCase(t, s, "").requests()
			if len(requests) != s.requests {
				t.Fatalf("%s sends %d requests: %v", s.name, len(requests), requests)
			}
			for _, kind := range kinds {
				for n, request := range requests {
					t.Run(fmt.Sprintf("%s of %s at request %d, %s", kind, s.name, n+1, request), func(t *testing.T) {
						t.Parallel()
						c := newFaultCase(t, s, kind)
						code, applies := c.run(n)
						table.add(kind, code, applies, c.adopted, t.Failed())
					})
				}
			}
		}
	})
	t.Log(table.text(kinds))
}

// faultTable counts the results by kind of fault.
type faultTable struct {
	mu   sync.Mutex
	rows map[string]*faultRow
}

type faultRow struct {
	cases, complete, incomplete, refused int // by the exit code of the apply with the fault
	most                                 int // applies needed after it to converge
	adopted                              int // only with --adopt
	lost                                 int
}

func (f *faultTable) add(kind string, code, applies int, adopted, failed bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.rows == nil {
		f.rows = map[string]*faultRow{}
	}
	for _, name := range []string{kind, "all"} {
		if f.rows[name] == nil {
			f.rows[name] = &faultRow{}
		}
		row := f.rows[name]
		row.cases++
		row.most = max(row.most, applies)
		switch code {
		case program.OK:
			row.complete++
		case program.Incomplete:
			row.incomplete++
		default:
			row.refused++
		}
		if adopted {
			row.adopted++
		}
		if failed {
			row.lost++
		}
	}
}

func (f *faultTable) text(kinds []string) string {
	text := "what became of the cases, by fault\n| fault       | cases | exit 0 | exit 4 | exit 1 | more applies | adopted | converged | lost |\n"
	for _, kind := range append(slices.Clone(kinds), "all") {
		if r := f.rows[kind]; r != nil {
			text += fmt.Sprintf("| %-11s | %5d | %6d | %6d | %6d | %12d | %7d | %9d | %4d |\n",
				kind, r.cases, r.complete, r.incomplete, r.refused, r.most, r.adopted, r.cases-r.lost, r.lost)
		}
	}
	return text
}

// faultSecret is a secret's value before and after an apply: "" if it does not exist.
type faultSecret struct {
	name, before, after string
	scopes              int    // after the apply
	told                string // the name that its action is reported under; "" for none
}

// faultScenario is an apply to inject faults into.
type faultScenario struct {
	name          string
	before, after string // the manifest's secrets; before is "" if nothing was applied before
	then          string // applied after before, if it is not ""
	over          string // the secret that has kept an earlier value for long enough since then
	requests      int
	secrets       []faultSecret
}

var faultScenarios = []faultScenario{
	{
		name: "a first apply", requests: 3,
		after: `
      one: {from: {file: one.txt}, comment: the first}
      two: {from: {file: two.txt}, scopes: [workers, dex]}
      three: {from: {file: one.txt}}
`,
		secrets: []faultSecret{{"one", "", "one", 1, "one"}, {"two", "", "two", 2, "two"}, {"three", "", "one", 1, "three"}},
	},
	everyChange,
	overlaps,
}

// activatesAfter is how long a written secret stays pending. No apply here waits for it, so the
// activation moves modification times after the apply has ended, or while it runs.
const activatesAfter = 20 * time.Millisecond

// everyChange has one action of every kind on secrets.
var everyChange = faultScenario{
	name: "changes", requests: 7,
	before: `
      value-changes: {from: {file: one.txt}}
      scopes-change: {from: {file: one.txt}}
      old-name: {from: {file: one.txt}}
      deleted: {from: {file: one.txt}}
`,
	after: `
      value-changes: {from: {file: two.txt}}
      scopes-change: {from: {file: one.txt}, scopes: [workers, dex]}
      new-name: {from: {file: one.txt}, renamed_from: old-name}
      created: {from: {file: two.txt}, comment: recognized by this}
      also-created: {from: {file: one.txt}}
`,
	secrets: []faultSecret{
		{"value-changes", "one", "two", 1, "value-changes"},
		{"scopes-change", "one", "one", 2, "scopes-change"},
		{"new-name", "", "one", 1, "new-name"},
		{"old-name", "one", "", 0, "new-name"},
		{"created", "", "two", 1, "created"},
		{"also-created", "", "one", 1, "also-created"},
		{"deleted", "one", "", 0, "deleted"},
		{"foreign", "theirs", "theirs", 1, ""},
	},
}

// overlaps has every stage of an overlapping rotation: an old value that is kept (rolled), the same
// while an older one is kept (again), or for the first time (added); an older one whose time is over
// (over), and a new secret.
var overlaps = faultScenario{
	name: "overlaps", requests: 11,
	before: `
      rolled: {from: {file: one.txt}, rotate: {overlap: 24h}}
      again: {from: {file: one.txt}, rotate: {overlap: 24h}}
      over: {from: {file: one.txt}, rotate: {overlap: 24h}}
      added: {from: {file: one.txt}}
`,
	then: `
      rolled: {from: {file: one.txt}, rotate: {overlap: 24h}}
      again: {from: {file: two.txt}, rotate: {overlap: 24h}}
      over: {from: {file: two.txt}, rotate: {overlap: 24h}}
      added: {from: {file: one.txt}}
`,
	over: "over-previous",
	after: `
      rolled: {from: {file: two.txt}, rotate: {overlap: 24h}}
      again: {from: {file: three.txt}, rotate: {overlap: 24h}}
      over: {from: {file: two.txt}, rotate: {overlap: 24h}}
      added: {from: {file: two.txt}, rotate: {overlap: 24h}}
      new: {from: {file: two.txt}, comment: recognized by this, rotate: {overlap: 24h}}
`,
	secrets: []faultSecret{
		{"rolled", "one", "two", 1, "rolled"},
		{"rolled-previous", "one", "one", 1, ""},
		{"again", "two", "three", 1, "again"},
		{"again-previous", "one", "two", 1, "again-previous"},
		{"over", "two", "two", 1, ""},
		{"over-previous", "one", "two", 1, "over-previous"},
		{"added", "one", "two", 1, "added"},
		{"added-previous", "", "one", 1, "added-previous"},
		{"new", "", "two", 1, "new"},
		{"new-previous", "", "two", 1, "new-previous"},
		{"foreign", "theirs", "theirs", 1, ""},
	},
}

// faultCase is a project just before the apply with the fault.
type faultCase struct {
	*testing.T
	*program.Project
	faultScenario
	kind     string
	emulator *emulator.Embedded
	output   string // of the last command
	adopted  bool   // what may be another client's was adopted

	mu      sync.Mutex
	countup int // requests of the apply under test; negative outside it
	at      int // the request to inject the fault into
	fault   emulator.Fault
	pulled  []byte // a colleague's lockfile; see withColleague
	upon    func() // called when that request comes in; may be nil
}

func newFaultCase(t *testing.T, s faultScenario, kind string) *faultCase {
	t.Helper()
	c := &faultCase{T: t, faultScenario: s, kind: kind, countup: -1, at: -1}
	if kind != "" {
		c.fault = program.Fault(t, kind)
	}
	c.emulator = program.Emulator(t, emulator.Options{
		Fault: c.decide, RateLimit: -1, PendingFor: activatesAfter, ActivationMoves: true,
	})
	c.Project = program.NewProject(t, c.emulator.BaseURL())
	c.Write("one.txt", "one")
	c.Write("two.txt", "two")
	c.Write("three.txt", "three")
	const head = "version: 1\nstores:\n  prod:\n    secrets:"
	if s.before != "" {
		c.Write("secretsync.yaml", head+s.before)
		c.secretsync(program.OK, "apply", "--auto-approve")
		if s.then != "" {
			c.Write("secretsync.yaml", head+s.then)
			c.secretsync(program.OK, "apply", "--auto-approve")
			c.age(s.over)
		}
		c.behind(http.MethodPost, "", []any{map[string]any{"name": "foreign", "value": "theirs", "scopes": []string{"workers"}}})
	}
	c.Write("secretsync.yaml", head+s.after)
	return c
}

// age changes the lockfile as if a secret had kept an earlier value for long.
func (c *faultCase) age(name string) {
	c.Helper()
	lock, err := lockfile.Read(c.Path("secretsync.lock"))
	program.Must(c.T, err)
	for _, st := range lock.Stores {
		if sec := st.Secret(name); sec == nil || sec.KeptSince.IsZero() {
			c.Fatalf("%s keeps nothing", name)
		} else {
			sec.KeptSince = sec.KeptSince.AddDate(-1, 0, 0)
		}
	}
	c.Write("secretsync.lock", string(lock.Format()))
}

// decide injects the fault into the chosen request.
func (c *faultCase) decide(*http.Request) emulator.Fault {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.countup < 0 {
		return emulator.Fault{}
	}
	c.countup++
	if c.countup-1 == c.at && c.upon != nil {
		c.upon()
	}
	if c.countup-1 == c.at || c.countup-1 > c.at && c.fault.Kind == emulator.FaultShort { // a list is read twice
		return c.fault
	}
	return emulator.Fault{}
}

// requests lists the requests of an apply without faults, in order.
func (c *faultCase) requests() []string {
	c.emulator.ResetRequests()
	c.secretsync(program.OK, "apply", "--auto-approve", "--parallelism", "1")
	var list []string
	for _, r := range c.emulator.Requests() {
		list = append(list, r.Method)
	}
	return list
}

// run injects the fault into the n-th request. It returns the exit code of that apply, and
// how many more applies it took to converge.
func (c *faultCase) run(n int) (code, more int) {
	c.mu.Lock()
	c.countup, c.at = 0, n
	c.mu.Unlock()
	code = c.secretsync(-1, "apply", "--auto-approve", "--parallelism", "1")
	c.mu.Lock()
	c.countup = -1
	c.mu.Unlock()
	c.checkReport(code)
	for last := code; last != program.OK; more++ {
		if more == 2 {
			c.Fatal("two more applies did not converge")
		}
		last = c.applyAgain()
		c.checkReport(last)
	}
	c.check()
	c.secretsync(program.OK, "plan", "--detailed-exitcode")
	c.secretsync(program.OK, "drift")
	return code, more
}

// unproven matches the problem of a secret that may be another client's.
var unproven = regexp.MustCompile(`secret "([a-z-]+)" of store "prod" was created by an interrupted apply, or by another client`)

// applyAgain applies. If secrets may be another client's, because the creation of ours was
// interrupted and has no comment to recognize it by, it adopts them, as the program advises.
func (c *faultCase) applyAgain() (code int) {
	c.Helper()
	code = c.secretsync(-1, "apply", "--auto-approve")
	if code == program.Error && c.onlyUnproven() {
		c.adopted = true
		code = c.secretsync(-1, "apply", "--auto-approve", "--adopt", "overwrite")
	}
	return code
}

// onlyUnproven reports whether the last command failed only because of secrets that may be
// another client's. They must be ones without a comment.
func (c *faultCase) onlyUnproven() bool {
	c.Helper()
	found := unproven.FindAllStringSubmatch(c.output, -1)
	for _, m := range found {
		if regexp.MustCompile(` ` + m[1] + `: \{.*comment: `).MatchString(c.after) {
			c.Errorf("%s is not recognized by its comment", m[1])
		}
	}
	return len(found) > 0 && len(found) == strings.Count(c.output, "error: ")
}

var toldOf = regexp.MustCompile(`(?m)^(created|updated|renamed|deleted|prepared|retired|failed: \w+|unknown: \w+|skipped: \w+) prod/([a-z-]+)(?::.*)?$`)

// checkReport compares the last apply's report with what exists.
func (c *faultCase) checkReport(code int) {
	c.Helper()
	told := map[string]string{}
	for _, m := range toldOf.FindAllStringSubmatch(c.output, -1) {
		if told[m[2]] != "" {
			c.Errorf("%s is reported twice: %s, %s", m[2], told[m[2]], m[1])
		}
		told[m[2]], _, _ = strings.Cut(m[1], ":")
	}
	switch code {
	case program.OK:
		c.check()
	case program.Error:
		if len(told) > 0 {
			c.Errorf("it ends with an error, and reports what it did: %v", told)
		}
	case program.Incomplete:
		if !strings.Contains(c.output, "error: the apply is incomplete") {
			c.Error("it doesn't say that it is incomplete")
		}
	default:
		c.Errorf("exit code %d", code)
	}
	for _, s := range c.secrets {
		switch told[s.told] {
		case "created", "updated", "renamed", "deleted", "prepared", "retired":
			if !c.is(s.name, s.after) {
				c.Errorf("%s is reported as %s, and is not", s.name, told[s.told])
			}
		case "failed", "skipped":
			if !c.is(s.name, s.before) {
				c.Errorf("%s is reported as %s, and has changed", s.name, told[s.told])
			}
		case "":
			if code == program.Incomplete && strings.Contains(c.output, " "+s.told+" ") && s.told != "" {
				c.Errorf("%s is in the plan, and its outcome is not reported", s.told)
			}
		}
	}
}

// is reports whether a secret has a value, or does not exist.
func (c *faultCase) is(name, value string) bool {
	if value != "" {
		return c.emulator.HasValue(program.Account, "prod", name, []byte(value))
	}
	return !slices.ContainsFunc(c.live(), func(l liveSecret) bool { return l.Name == name })
}

type liveSecret struct {
	Name   string
	Scopes []string
}

func (c *faultCase) live() (live []liveSecret) {
	c.Helper()
	if c.storeID() != "" {
		program.Must(c.T, json.Unmarshal(c.behind(http.MethodGet, "?per_page=100", nil), &live))
	}
	return live
}

// check compares the store with the manifest.
func (c *faultCase) check() {
	c.Helper()
	scopes := map[string]int{}
	for _, l := range c.live() {
		scopes[l.Name] = len(l.Scopes)
	}
	for _, s := range c.secrets {
		if !c.is(s.name, s.after) || scopes[s.name] != s.scopes {
			c.Errorf("%s is not as it should be: %d scopes", s.name, scopes[s.name])
		}
		delete(scopes, s.name)
	}
	if len(scopes) > 0 {
		c.Errorf("these are there, too: %v", scopes)
	}
}

func (c *faultCase) storeID() string {
	c.Helper()
	var stores []struct{ ID string }
	list, err := program.Send(c.emulator.BaseURL(), http.MethodGet, "/stores", nil)
	program.Must(c.T, err)
	program.Must(c.T, json.Unmarshal(list, &stores))
	if len(stores) == 0 {
		return ""
	}
	return stores[0].ID
}

// behind sends a request about the store's secrets that no fault affects.
func (c *faultCase) behind(method, rest string, body any) json.RawMessage {
	c.Helper()
	result, err := program.Send(c.emulator.BaseURL(), method, "/stores/"+c.storeID()+"/secrets"+rest, body)
	program.Must(c.T, err)
	return result
}

// secretsync runs a command. It checks the exit code, unless code is negative, and that the
// lockfile is readable.
func (c *faultCase) secretsync(wantCode int, args ...string) int {
	c.Helper()
	code, output := c.Project.Run(append(args, "--request-timeout", "1s")...)
	if wantCode >= 0 && code != wantCode {
		c.Fatalf("%v: exit code %d, want %d\n%s", args, code, wantCode, output)
	}
	c.output = output
	if _, err := lockfile.Read(c.Path("secretsync.lock")); err != nil {
		c.Errorf("the lockfile: %v", err)
	}
	return code
}
