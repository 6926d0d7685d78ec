package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/secretsync/secretsync/internal/emulator"
	"github.com/secretsync/secretsync/lockfile"
)

var allFaults = flag.Bool("faults", false, "run the whole fault matrix, which takes a minute")

// faultKinds are what goes wrong, once, as emulator --fault has it. Those of the
// first line are tried in every test run.
var faultKinds = []string{
	"cut-after", "403",
	"cut", "reset", "reset-after", "stall", "stall-after", "500", "500-after", "502", "502-after", "503", "503-after",
	"truncated", "malformed", "empty", "429", "429=1s", "971", "971=1s", "lag", "lag=2s",
}

// TestFaultMatrix lets each request of an apply that creates, updates, renames and
// deletes go wrong in each way. Whatever the first apply says must be true; two
// more at most make everything as the manifest says; somebody else's secret stays
// as it was; and the lockfile can be read at every step.
func TestFaultMatrix(t *testing.T) {
	kinds := faultKinds[:2]
	if *allFaults {
		kinds = faultKinds
	}
	requests := newFaultCase(t, "").requests()
	if len(requests) != 8 {
		t.Fatalf("the apply makes %d requests: %v", len(requests), requests)
	}
	var mu sync.Mutex
	cases, converged := 0, 0
	t.Run("cases", func(t *testing.T) {
		for _, kind := range kinds {
			for n, request := range requests {
				t.Run(fmt.Sprintf("%s at request %d, %s", kind, n+1, request), func(t *testing.T) {
					t.Parallel()
					newFaultCase(t, kind).run(n)
					mu.Lock()
					defer mu.Unlock()
					cases++
					if !t.Failed() {
						converged++
					}
				})
			}
		}
	})
	t.Logf("faults %d x requests %d: cases %d, converged %d, lost %d", len(kinds), len(requests), cases, converged, cases-converged)
}

// faultCase is a project that was applied once, and has changed since.
type faultCase struct {
	*testing.T
	dir      string
	kind     string
	emulator *emulator.Embedded

	mu      sync.Mutex
	countup int // requests of the apply under test; negative outside it
	at      int // the request that goes wrong
	fault   emulator.Fault
}

const (
	faultsBefore = `version: 1
stores:
  prod:
    secrets:
      value-changes: {from: {file: one.txt}}
      scopes-change: {from: {file: one.txt}}
      old-name: {from: {file: one.txt}}
      deleted: {from: {file: one.txt}}
`
	faultsAfter = `version: 1
stores:
  prod:
    secrets:
      value-changes: {from: {file: two.txt}}
      scopes-change: {from: {file: one.txt}, scopes: [workers, dex]}
      new-name: {from: {file: one.txt}, renamed_from: old-name}
      created: {from: {file: two.txt}}
      also-created: {from: {file: one.txt}}
`
)

func newFaultCase(t *testing.T, kind string) *faultCase {
	t.Helper()
	c := &faultCase{T: t, dir: t.TempDir(), kind: kind, countup: -1, at: -1}
	if kind != "" {
		parsed, err := emulator.ParseFault("* * " + kind)
		must(t, err)
		c.fault = parsed(httptest.NewRequest(http.MethodGet, "/", nil))
	}
	e, err := emulator.Listen(t.Context(), "127.0.0.1:0", emulator.Options{Fault: c.decide, RateLimit: -1})
	must(t, err)
	t.Cleanup(e.Stop)
	c.emulator = e
	c.write("one.txt", "one")
	c.write("two.txt", "two")
	c.write("secretsync.yaml", faultsBefore)
	c.secretsync(exitOK, "apply", "--auto-approve")
	c.behind(http.MethodPost, "", []any{map[string]any{"name": "foreign", "value": "theirs", "scopes": []string{"workers"}}})
	c.write("secretsync.yaml", faultsAfter)
	return c
}

func (c *faultCase) write(name, text string) {
	c.Helper()
	must(c.T, os.WriteFile(filepath.Join(c.dir, name), []byte(text), 0o600))
}

// decide lets the chosen request go wrong.
func (c *faultCase) decide(*http.Request) emulator.Fault {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.countup < 0 {
		return emulator.Fault{}
	}
	c.countup++
	if c.countup-1 == c.at {
		return c.fault
	}
	return emulator.Fault{}
}

// requests lists those of an apply in which nothing goes wrong, one after the other.
func (c *faultCase) requests() []string {
	c.emulator.ResetRequests()
	c.secretsync(exitOK, "apply", "--auto-approve", "--parallelism", "1")
	var list []string
	for _, r := range c.emulator.Requests() {
		list = append(list, r.Method)
	}
	return list
}

// run has the n-th request go wrong.
func (c *faultCase) run(n int) {
	c.mu.Lock()
	c.countup, c.at = 0, n
	c.mu.Unlock()
	code := c.secretsync(-1, "apply", "--auto-approve", "--parallelism", "1")
	c.mu.Lock()
	c.countup = -1
	c.mu.Unlock()
	switch {
	case code == exitOK:
		c.check()
	case code != exitIncomplete && code != exitError:
		c.Errorf("exit code %d", code)
	}
	for tries := 1; code != exitOK; tries++ {
		if tries > 2 {
			c.Fatalf("two more applies did not converge")
		}
		code = c.secretsync(-1, "apply", "--auto-approve")
	}
	c.check()
	c.secretsync(exitOK, "plan", "--detailed-exitcode")
	c.secretsync(exitOK, "drift")
}

// check holds the store to the manifest.
func (c *faultCase) check() {
	c.Helper()
	for name, value := range map[string]string{
		"value-changes": "two", "scopes-change": "one", "new-name": "one", "created": "two", "also-created": "one", "foreign": "theirs",
	} {
		if !c.emulator.HasValue(testAccount, "prod", name, []byte(value)) {
			c.Errorf("%s is gone, or has another value", name)
		}
	}
	var live []struct {
		Name   string
		Scopes []string
	}
	must(c.T, json.Unmarshal(c.behind(http.MethodGet, "?per_page=100", nil), &live))
	if len(live) != 6 {
		c.Errorf("%d secrets are there, want 6: %v", len(live), live)
	}
	for _, l := range live {
		if l.Name == "scopes-change" && len(l.Scopes) != 2 {
			c.Errorf("its scopes are %v", l.Scopes)
		}
	}
}

// behind makes a request of the store's secrets that nothing happens to.
func (c *faultCase) behind(method, rest string, body any) json.RawMessage {
	c.Helper()
	var stores []struct{ ID string }
	list, err := sendJSON(c.emulator.BaseURL(), http.MethodGet, "/stores", nil)
	must(c.T, err)
	must(c.T, json.Unmarshal(list, &stores))
	result, err := sendJSON(c.emulator.BaseURL(), method, "/stores/"+stores[0].ID+"/secrets"+rest, body)
	must(c.T, err)
	return result
}

// secretsync runs a command, wants an exit code unless it is negative, and a
// lockfile that can be read.
func (c *faultCase) secretsync(wantCode int, args ...string) int {
	c.Helper()
	env := map[string]string{
		"CLOUDFLARE_API_BASE_URL": c.emulator.BaseURL(), "CLOUDFLARE_API_TOKEN": "t", "CLOUDFLARE_ACCOUNT_ID": testAccount,
	}
	var out bytes.Buffer
	args = append(args, "-f", filepath.Join(c.dir, "secretsync.yaml"), "--request-timeout", "1s", "--wait", "0")
	code := run(c.Context(), args, streams{strings.NewReader(""), &out, &out}, func(name string) (string, bool) {
		v, ok := env[name]
		return v, ok
	})
	if wantCode >= 0 && code != wantCode {
		c.Fatalf("%v: exit code %d, want %d\n%s", args, code, wantCode, out.String())
	}
	c.Logf("%s: exit code %d\n%s", args[0], code, out.String())
	if _, err := lockfile.Read(filepath.Join(c.dir, "secretsync.lock")); err != nil {
		c.Errorf("the lockfile: %v", err)
	}
	return code
}
