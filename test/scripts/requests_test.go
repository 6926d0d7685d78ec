package scripts

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/secretsync/secretsync/internal/emulator"
	"github.com/secretsync/secretsync/lockfile"
	"github.com/secretsync/secretsync/test/program"
)

// bench is a folder with an emulator, for tests that count requests.
type bench struct {
	*testing.T
	env      map[string]string
	emulator *emulator.Embedded
}

func newBench(t *testing.T, opts emulator.Options) *bench {
	t.Helper()
	e := program.Emulator(t, opts)
	t.Chdir(t.TempDir())
	return &bench{T: t, emulator: e, env: program.Environment(e.BaseURL())}
}

// secretsync runs a command in process, and returns its output and the number of requests of
// each method.
func (b *bench) secretsync(wantCode int, args ...string) (string, map[string]int) {
	b.Helper()
	b.emulator.ResetRequests()
	code, out := program.Program{Env: b.env}.Run(b.Context(), args...)
	if code != wantCode {
		b.Fatalf("%v: exit code %d, want %d\n%s", args, code, wantCode, out)
	}
	methods := map[string]int{}
	for _, r := range b.emulator.Requests() {
		methods[r.Method]++
	}
	return out, methods
}

// manifest writes a manifest of n secrets in one store. Each value is the secret's name and
// a suffix.
func (b *bench) manifest(n int, suffix func(i int) string) {
	b.Helper()
	var m strings.Builder
	m.WriteString("version: 1\nstores:\n  prod:\n    secrets:\n")
	for i := range n {
		fmt.Fprintf(&m, "      s%03d: {from: {env: V%03d}}\n", i, i)
		b.env[fmt.Sprintf("V%03d", i)] = fmt.Sprintf("s%03d-%s", i, suffix(i))
	}
	program.Must(b.T, os.WriteFile("secretsync.yaml", []byte(m.String()), 0o600))
}

func same(int) string { return "same" }

func (b *bench) expect(what string, got map[string]int, want map[string]int) {
	b.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		b.Errorf("requests to %s (-want +got):\n%s", what, diff)
	}
}

// TestRequests counts the requests for a hundred secrets.
func TestRequests(t *testing.T) {
	b := newBench(t, emulator.Options{})
	b.manifest(100, same)
	_, got := b.secretsync(0, "plan")
	b.expect("plan 100 secrets in a new store", got, map[string]int{http.MethodGet: 1})
	_, got = b.secretsync(0, "apply", "--auto-approve")
	b.expect("create 100 secrets in a new store: list stores, create store, create secrets, see them active", got,
		map[string]int{http.MethodGet: 2, http.MethodPost: 2})
	_, got = b.secretsync(0, "plan", "--detailed-exitcode")
	b.expect("plan without changes: list secrets", got, map[string]int{http.MethodGet: 1})
	_, got = b.secretsync(0, "apply", "--auto-approve")
	b.expect("apply without changes: list secrets", got, map[string]int{http.MethodGet: 1})
	_, got = b.secretsync(0, "drift")
	b.expect("drift: list secrets", got, map[string]int{http.MethodGet: 1})

	before := b.modified()
	b.env["V042"] = "changed"
	_, got = b.secretsync(0, "apply", "--auto-approve")
	b.expect("change one of 100: list secrets, patch", got, map[string]int{http.MethodGet: 1, http.MethodPatch: 1})
	for name, modified := range b.modified() {
		if moved := modified != before[name]; moved != (name == "s042") {
			t.Errorf("%s was modified: %v", name, moved)
		}
	}

	// A full store that the lockfile does not know.
	program.Must(t, os.WriteFile("other.yaml", []byte("version: 1\nstores: {prod: {secrets: {another: {from: {env: V001}}}}}\n"), 0o600))
	_, got = b.secretsync(program.Error, "plan", "-f", "other.yaml")
	b.expect("plan one secret more than the usual quota in a store not known yet: list stores, list secrets, quota", got, map[string]int{http.MethodGet: 3})
}

// modified returns each secret's modified time in the lockfile, which comes from the last
// answers.
func (b *bench) modified() map[string]string {
	b.Helper()
	lock, err := lockfile.Read("secretsync.lock")
	program.Must(b.T, err)
	times := map[string]string{}
	for _, st := range lock.Stores {
		for name, sec := range st.Secrets {
			times[name] = string(sec.Modified)
		}
	}
	return times
}

// TestPages lists 250 secrets from servers with different page sizes.
func TestPages(t *testing.T) {
	for size, pages := range map[int]int{20: 13, 50: 5, 100: 3} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			b := newBench(t, emulator.Options{MaxSecrets: 300, MaxPerPage: size})
			b.manifest(250, same)
			_, got := b.secretsync(0, "apply", "--auto-approve", "--wait", "0")
			b.expect("create 250 secrets: list stores, quota, create store, create in threes", got, map[string]int{http.MethodGet: 2, http.MethodPost: 4})
			out, got := b.secretsync(0, "plan", "--detailed-exitcode")
			b.expect("list 250 secrets", got, map[string]int{http.MethodGet: pages})
			if !strings.Contains(out, "No changes: 250 secrets") {
				t.Errorf("the plan says %q", out)
			}
			for i := range 250 {
				name := fmt.Sprintf("s%03d", i)
				if !b.emulator.HasValue(program.Account, "prod", name, []byte(name+"-same")) {
					t.Errorf("%s has another value", name)
				}
			}
		})
	}
}
