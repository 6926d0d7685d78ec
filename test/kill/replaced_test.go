package kill

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"sync/atomic"
	"testing"

	"github.com/secretsync/secretsync/lockfile"
	"github.com/secretsync/secretsync/test/program"
)

// replacement is what another program does to the lockfile during an apply.
type replacement struct {
	name string
	// do reports whether it changed anything.
	do func(*faultCase) bool
	// kept is a record that has to be in the lockfile afterwards; "" for none.
	kept string
}

var replacements = []replacement{
	{name: "a colleague's", do: (*faultCase).pull, kept: "foreign"},
	{name: "removed", do: func(c *faultCase) bool { return c.remove("secretsync.lock") }},
	{name: "side file removed", do: func(c *faultCase) bool { return c.remove(".secretsync.lock.flock") }},
}

// TestReplacedLockfile lets another program replace the lockfile, or the file that carries its
// lock, at every request of two applies. Nothing that either side recorded is lost, and lock
// merge and two more applies at most make everything match the manifest.
func TestReplacedLockfile(t *testing.T) {
	var points, lost atomic.Int32
	t.Run("cases", func(t *testing.T) {
		for _, s := range faultScenarios {
			requests := newFaultCase(t, s, "").requests()
			for _, r := range replacements {
				if r.kept != "" && s.before == "" {
					continue // there is no store for the record
				}
				for n, request := range requests {
					t.Run(fmt.Sprintf("%s of %s at request %d, %s", r.name, s.name, n+1, request), func(t *testing.T) {
						t.Parallel()
						defer func() {
							points.Add(1)
							if t.Failed() {
								lost.Add(1)
							}
						}()
						newFaultCase(t, s, "").replaced(n, r)
					})
				}
			}
		}
	})
	t.Logf("replaced lockfiles: %d points, %d lost", points.Load(), lost.Load())
}

// replaced replaces the lockfile at the n-th request.
func (c *faultCase) replaced(n int, r replacement) {
	before, _ := os.ReadFile(c.Path("secretsync.lock")) // none before the first apply
	if r.kept != "" {
		c.pulled = c.withColleague()
	}
	c.emulator.ResetRequests()
	did := false
	c.mu.Lock()
	c.countup, c.at, c.upon = 0, n, func() { did = r.do(c) }
	c.mu.Unlock()
	code, output := c.Project.Run("apply", "--auto-approve", "--parallelism", "1", "--request-timeout", "1s")
	c.mu.Lock()
	c.countup = -1
	c.mu.Unlock()
	c.output = output
	c.checkReport(code)
	saved, err := lockfile.Unmerged(c.Path("secretsync.lock"))
	program.Must(c.T, err)
	switch {
	case !did && code == program.OK: // there was nothing to replace
	case code == program.Error: // before the first write
		c.checkNothingSent(saved)
		if r.kept == "" && before != nil {
			program.Must(c.T, os.WriteFile(c.Path("secretsync.lock"), before, 0o600)) // from git
		}
	case code == program.Incomplete && len(saved) == 1:
		if code, _ := c.Project.Run("plan"); code != program.Error {
			c.Errorf("a plan without the saved records: exit code %d", code)
		}
		if code, _ := c.Project.Run("lock", "merge"); code != program.OK {
			c.Errorf("lock merge: exit code %d", code)
		}
	default:
		c.Errorf("exit code %d, saved records: %v", code, saved)
	}
	c.checkKept(r.kept)
	for code, more := program.Incomplete, 0; code != program.OK; more++ {
		if more == 2 {
			c.Fatal("two more applies did not converge")
		}
		code = c.secretsync(-1, "apply", "--auto-approve")
		c.checkReport(code)
	}
	c.check()
	c.secretsync(program.OK, "plan", "--detailed-exitcode")
	c.secretsync(program.OK, "drift")
}

func (c *faultCase) checkNothingSent(saved []lockfile.Saved) {
	c.Helper()
	for _, r := range c.emulator.Requests() {
		if r.Method != http.MethodGet {
			c.Errorf("sent nevertheless: %s %s", r.Method, r.Path)
		}
	}
	if len(saved) > 0 {
		c.Errorf("nothing was written, and %v was saved", saved)
	}
}

// checkKept looks for the record of another program's lockfile.
func (c *faultCase) checkKept(name string) {
	c.Helper()
	f, err := lockfile.Read(c.Path("secretsync.lock"))
	program.Must(c.T, err)
	if name != "" && f.Stores[lockfile.StoreKey{Account: program.Account, Name: "prod"}].Secret(name) == nil {
		c.Errorf("the record of %s is lost", name)
	}
}

func (c *faultCase) remove(name string) bool {
	err := os.Remove(c.Path(name))
	if errors.Is(err, fs.ErrNotExist) {
		return false
	}
	program.Must(c.T, err)
	return true
}

// pull replaces the lockfile as before this apply by one with another record, as git pull does.
func (c *faultCase) pull() bool {
	c.Helper()
	program.Must(c.T, os.WriteFile(c.Path("pulled.lock"), c.pulled, 0o600))
	program.Must(c.T, os.Rename(c.Path("pulled.lock"), c.Path("secretsync.lock")))
	return true
}

// withColleague returns the lockfile with a record of the secret foreign, which its owner does
// not want deleted.
func (c *faultCase) withColleague() []byte {
	c.Helper()
	f, err := lockfile.Read(c.Path("secretsync.lock"))
	program.Must(c.T, err)
	var live []struct {
		ID       lockfile.SecretID
		Name     string
		Modified string
	}
	program.Must(c.T, json.Unmarshal(c.behind(http.MethodGet, "?per_page=100", nil), &live))
	for _, l := range live {
		if l.Name == "foreign" {
			f.PutStore(lockfile.StoreKey{Account: program.Account, Name: "prod"}, lockfile.StoreID(c.storeID())).
				PutSecret("foreign", lockfile.Secret{ID: l.ID, Scopes: []string{"workers"}, Modified: lockfile.Modified(l.Modified)})
		}
	}
	return f.Format()
}
