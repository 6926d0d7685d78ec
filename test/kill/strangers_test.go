package kill

import (
	"fmt"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/secretsync/secretsync/internal/emulator"
	"github.com/secretsync/secretsync/test/program"
)

// newClone is a checkout of a manifest with its own lockfile.
func newClone(t *testing.T, baseURL, manifest string) *program.Project {
	c := program.NewProject(t, baseURL)
	c.Write("secretsync.yaml", manifest)
	return c
}

var strangersNames = []string{"a", "b", "c", "d"}

// strangersManifest gives the secrets a comment, by which they are recognized, unless it is
// empty.
func strangersManifest(comment string) string {
	m := "version: 1\nstores:\n  prod:\n    secrets:\n"
	for _, name := range strangersNames {
		m += fmt.Sprintf("      %s: {from: {env: VALUE}, comment: %q}\n", name, comment)
	}
	return m
}

// TestStrangersWhileCreating has another client create identical secrets of the same names
// between our list and our request. However Cloudflare treats and words the refusal of a
// bulk create, the other client's secrets are left alone, and every secret that the report
// lists as created is ours. With a comment to recognize them by, all of ours are listed.
func TestStrangersWhileCreating(t *testing.T) {
	for _, partial := range []bool{false, true} {
		for _, bare := range []bool{false, true} {
			for _, comment := range []string{"", "ours"} {
				for _, theirs := range [][]string{{"a"}, {"c"}, {"d"}, {"b", "c"}, {"a", "d"}, {"a", "b", "c", "d"}} {
					s := strangers{names: theirs, comment: comment, allListed: !partial || comment != "" && !bare}
					t.Run(fmt.Sprintf("partial %v, bare %v, comment %q, theirs %v", partial, bare, comment, theirs), func(t *testing.T) {
						t.Parallel()
						s.run(t, emulator.Options{PartialBulkCreate: partial, BareNameConflict: bare}, emulator.Fault{})
					})
				}
			}
		}
	}
}

// TestStrangersWhileTheAnswerIsLost has another client create identical secrets at the moment
// of our request, which takes no effect, and whose answer is lost. Nothing proves whose the
// secrets are, so no value is sent over theirs.
func TestStrangersWhileTheAnswerIsLost(t *testing.T) {
	for _, kind := range []string{"cut", "reset", "500", "502", "503", "stall"} {
		for _, theirs := range [][]string{{"a"}, {"b", "d"}, {"a", "b", "c", "d"}} {
			t.Run(fmt.Sprintf("%s, theirs %v", kind, theirs), func(t *testing.T) {
				t.Parallel()
				strangers{names: theirs, allListed: true}.run(t, emulator.Options{}, program.Fault(t, kind))
			})
		}
	}
}

// strangers are secrets that another client creates when our request to create arrives.
type strangers struct {
	names     []string
	comment   string
	allListed bool // all other secrets are listed as created
}

// run applies while the strangers appear, and fault happens to our request.
func (s strangers) run(t *testing.T, opts emulator.Options, fault emulator.Fault) {
	var came atomic.Bool // the other client's own requests pass through here too
	var server *emulator.Embedded
	opts.RateLimit = -1
	opts.Fault = func(r *http.Request) emulator.Fault {
		if r.Method != http.MethodPost || !strings.HasSuffix(r.URL.Path, "/secrets") || !came.CompareAndSwap(false, true) {
			return emulator.Fault{}
		}
		for _, name := range s.names {
			if _, err := program.Send(server.BaseURL(), http.MethodPost, r.URL.Path[strings.Index(r.URL.Path, "/stores/"):],
				[]any{map[string]any{"name": name, "value": "theirs", "scopes": []string{"workers"}, "comment": s.comment}}); err != nil {
				t.Error(err)
			}
		}
		return fault
	}
	server = program.Emulator(t, opts)
	_, err := program.Send(server.BaseURL(), http.MethodPost, "/stores", map[string]any{"name": "prod"})
	program.Must(t, err)
	c := newClone(t, server.BaseURL(), strangersManifest(s.comment))
	c.Env["VALUE"] = "ours"
	has := func(name, value string) bool { return server.HasValue(program.Account, "prod", name, []byte(value)) }

	code, out := c.Run("apply", "--auto-approve", "--request-timeout", "1s")
	if code != program.Incomplete {
		t.Errorf("exit code %d, want %d", code, program.Incomplete)
	}
	for _, name := range strangersNames {
		stranger, said := slices.Contains(s.names, name), strings.Contains(out, "created prod/"+name+"\n")
		if stranger && !has(name, "theirs") {
			t.Errorf("%s is another client's, and was overwritten", name)
		}
		if said && stranger || !said && !stranger && s.allListed {
			t.Errorf("%s is reported as created: %v", name, said)
		}
	}
	// A conflict, or what looks as our request would have left it: that is said, and not touched.
	noted := regexp.MustCompile(`unless another client did in the same seconds.*: ` + strings.Join(s.names, ", ") + `\n`)
	if code, out := c.Run("apply", "--auto-approve"); code != program.Error && (code != program.OK || !noted.MatchString(out)) {
		t.Errorf("the second apply: exit code %d", code)
	}
	for _, name := range s.names {
		if !has(name, "theirs") {
			t.Errorf("%s was overwritten by the second apply", name)
		}
	}
	if code, _ := c.Run("apply", "--auto-approve", "--adopt", "overwrite"); code != program.OK {
		t.Errorf("taken over on purpose: exit code %d", code)
	}
	for _, name := range strangersNames {
		if !has(name, "ours") {
			t.Errorf("%s was not taken over", name)
		}
	}
	if code, _ := c.Run("plan", "--detailed-exitcode"); code != program.OK {
		t.Errorf("there is something left: exit code %d", code)
	}
}

// TestTwoClonesAtOnce has two checkouts with their own lockfiles create the same names at
// the same time, repeatedly: each secret belongs to exactly one of them.
func TestTwoClonesAtOnce(t *testing.T) {
	for n := range 6 {
		server := program.Emulator(t, emulator.Options{RateLimit: -1, PartialBulkCreate: n%2 == 1})
		_, err := program.Send(server.BaseURL(), http.MethodPost, "/stores", map[string]any{"name": "prod"})
		program.Must(t, err)
		said := [2]string{}
		var wg sync.WaitGroup
		for i := range said {
			c := newClone(t, server.BaseURL(), strangersManifest(""))
			c.Env["VALUE"] = fmt.Sprint("value of ", i)
			wg.Go(func() { _, said[i] = c.Run("apply", "--auto-approve") })
		}
		wg.Wait()
		for _, name := range strangersNames {
			owners := 0
			for i, out := range said {
				if strings.Contains(out, "created prod/"+name+"\n") {
					owners++
					if !server.HasValue(program.Account, "prod", name, fmt.Append(nil, "value of ", i)) {
						t.Errorf("%s is reported as created by %d, and has another value", name, i)
					}
				}
			}
			if owners != 1 {
				t.Errorf("%s is reported as created by %d", name, owners)
			}
		}
	}
}

// TestListsThatLag: for seconds after an apply, lists show the earlier state, and the first
// read of a secret by its id is a 404. Secrets missing from such lists are neither created
// again nor forgotten, and no value is generated again.
func TestListsThatLag(t *testing.T) {
	var lagging atomic.Bool
	var read sync.Map // the secrets that were read by id
	server := program.Emulator(t, emulator.Options{RateLimit: -1, Fault: func(r *http.Request) emulator.Fault {
		if !lagging.Load() || r.Method != http.MethodGet {
			return emulator.Fault{}
		}
		if strings.HasSuffix(r.URL.Path, "/secrets") {
			return emulator.Fault{Kind: emulator.FaultLag}
		}
		if _, again := read.LoadOrStore(r.URL.Path, true); !again {
			return emulator.Fault{Kind: emulator.FaultNotFound}
		}
		return emulator.Fault{}
	}})
	_, err := program.Send(server.BaseURL(), http.MethodPost, "/stores", map[string]any{"name": "prod"})
	program.Must(t, err)
	c := newClone(t, server.BaseURL(), "version: 1\nstores:\n  prod:\n    secrets:\n      drawn: {generate: {bytes: 32, encoding: hex}}\n      temp: {from: {env: VALUE}}\n")
	c.Env["VALUE"] = "v"
	if code, _ := c.Run("apply", "--auto-approve"); code != program.OK {
		t.Fatal("the first apply fails")
	}
	if code, _ := c.Run("apply", "--auto-approve"); code != program.OK { // records that the secrets are active
		t.Fatal("the second apply fails")
	}
	lockfile := func() string {
		data, err := os.ReadFile(c.Path("secretsync.lock"))
		program.Must(t, err)
		return string(data)
	}
	before := lockfile()
	lagging.Store(true)
	server.ResetRequests()
	for _, args := range [][]string{{"plan", "--detailed-exitcode"}, {"drift"}, {"apply", "--auto-approve"}} {
		if code, _ := c.Run(args...); code != program.OK {
			t.Errorf("%v: exit code %d", args, code)
		}
	}
	if lockfile() != before {
		t.Error("the lockfile has changed")
	}
	for _, r := range server.Requests() {
		if r.Method != http.MethodGet {
			t.Errorf("%s %s", r.Method, r.Path)
		}
	}
	// What was removed from the manifest is deleted, although the list does not show it.
	c.Write("secretsync.yaml", "version: 1\nstores:\n  prod:\n    secrets:\n      drawn: {generate: {bytes: 32, encoding: hex}}\n")
	if _, out := c.Run("apply", "--auto-approve"); !strings.Contains(out, "deleted prod/temp") {
		t.Error("temp was not deleted")
	}
	if server.HasValue(program.Account, "prod", "temp", []byte("v")) {
		t.Error("temp is an orphan")
	}
}

// TestAStrangerTakesTheLastRoom has another client create a secret between our list and our bulk
// create. Cloudflare then creates as many as there is room for: those
// are ours, and the report says so.
func TestAStrangerTakesTheLastRoom(t *testing.T) {
	var came atomic.Bool
	var server *emulator.Embedded
	server = program.Emulator(t, emulator.Options{
		PartialBulkCreate: true, RateLimit: -1, MaxSecrets: len(strangersNames),
		Fault: func(r *http.Request) emulator.Fault {
			if r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/secrets") && came.CompareAndSwap(false, true) {
				if _, err := program.Send(server.BaseURL(), http.MethodPost, r.URL.Path[strings.Index(r.URL.Path, "/stores/"):],
					[]any{map[string]any{"name": "x", "value": "theirs", "scopes": []string{"workers"}}}); err != nil {
					t.Error(err)
				}
			}
			return emulator.Fault{}
		},
	})
	c := newClone(t, server.BaseURL(), strangersManifest("ours"))
	c.Env["VALUE"] = "ours"
	code, out := c.Run("apply", "--auto-approve")
	last := strangersNames[len(strangersNames)-1]
	if code != program.Incomplete || !strings.Contains(out, "failed: create prod/"+last+": ") {
		t.Errorf("exit code %d", code)
	}
	for _, name := range strangersNames[:len(strangersNames)-1] {
		if !strings.Contains(out, "created prod/"+name+"\n") || !server.HasValue(program.Account, "prod", name, []byte("ours")) {
			t.Errorf("%s is not ours, or not told to be", name)
		}
	}
	if !server.HasValue(program.Account, "prod", "x", []byte("theirs")) {
		t.Error("theirs is gone or changed")
	}
	if code, out := c.Run("plan", "--detailed-exitcode"); code != program.Changes || !strings.Contains(out, "create  "+last) || strings.Contains(out, "update") {
		t.Errorf("the next plan: exit code %d", code)
	}
}
