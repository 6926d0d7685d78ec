//go:build recipes

package recipes

import (
	"crypto/rand"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/secretsync/secretsync/internal/emulator"
	"github.com/secretsync/secretsync/lockfile"
)

// TestGitHubLockfile keeps the lockfile, however the apply and the push end.
func TestGitHubLockfile(t *testing.T) {
	p := newPlace(t)
	p.branch("first", map[string]string{"a": rand.Text(), "b": rand.Text()})
	p.plan("first", 1).ends(false)
	p.apply(p.merged("first", 1)).ends(false)

	// Half of the apply is refused.
	p.branch("second", map[string]string{"a": rand.Text(), "c": rand.Text()})
	p.plan("second", 2).ends(false)
	sha := p.merged("second", 2)
	p.fault = refuseUpdates
	p.apply(sha).ends(true).says("the apply is incomplete")
	p.fault = nil
	p.recorded("main", `"c": {`)
	// The review allows the rest too: the job is started again.
	p.apply(sha).ends(false)
	p.live("a", p.values["a"])

	// The apply is killed, as by the kernel where memory is short.
	p.branch("killed", one("k"))
	p.plan("killed", 5).ends(false)
	sha = p.merged("killed", 5)
	p.fault = p.killApply
	p.apply(sha).ends(true).says("Added the journal of an apply that was killed to secretsync.lock.")
	p.recorded("main", `"pending": {`)
	p.apply(sha).ends(false)
	p.live("k", p.values["k"])

	// main moves on while the apply runs.
	p.branch("moved", one("e"))
	p.plan("moved", 3).ends(false)
	sha = p.merged("moved", 3)
	p.fault = func(r *http.Request) emulator.Fault {
		if r.Method == http.MethodPost {
			p.fault = nil
			write(t, filepath.Join(p.dev, "README"), "of a colleague\n")
			p.commit("readme")
			git(t, p.dev, "push", "--quiet", "origin", "HEAD:main")
		}
		return emulator.Fault{}
	}
	p.apply(sha).ends(false)
	p.recorded("main", `"e": {`)
	if git(t, p.origin, "show", "main:README") == "" {
		t.Fatal("the colleague's commit is lost")
	}

	// main refuses the push.
	p.branch("third", one("d"))
	p.plan("third", 4).ends(false)
	sha = p.merged("third", 4)
	p.protect()
	p.apply(sha).ends(true).says("merge the branch secretsync-lockfile-4711 before the next apply")
	p.recorded("secretsync-lockfile-4711", `"d": {`)
}

// killApply kills the apply that holds the lock when it creates a secret, which is created.
func (p *place) killApply(r *http.Request) emulator.Fault {
	if r.Method == http.MethodPost {
		p.fault = nil
		holder, err := lockfile.Held(filepath.Join(p.workspace, "secretsync.lock"))
		if err != nil || holder == nil {
			p.t.Errorf("who holds the lock: %v, %v", holder, err)
		} else if err := syscall.Kill(holder.PID, syscall.SIGKILL); err != nil {
			p.t.Error(err)
		}
	}
	return emulator.Fault{}
}

// TestAction uses inputs of the action that the workflows do not use.
func TestAction(t *testing.T) {
	p := newPlace(t)
	p.branch("first", one("a"))
	for _, test := range []struct {
		inputs map[string]string
		failed bool
		says   string
	}{
		{map[string]string{"command": "validate"}, false, "is valid"},
		{map[string]string{"command": "apply"}, true, "a plan that was not reviewed is not applied"},
		{map[string]string{"command": "destroy"}, true, "must be validate, plan, apply or drift"},
		{map[string]string{"command": "validate", "manifest": "$(touch pwned);`touch pwned`"}, true, "touch pwned"},
		{map[string]string{"command": "validate", "args": "--allow-outside\n  --var=level=debug $(touch pwned)"}, true, "touch"},
	} {
		r := p.newRun(nil)
		r.dir = p.dev
		r.env["CLOUDFLARE_API_TOKEN"], r.env["CLOUDFLARE_ACCOUNT_ID"] = p.writeToken, account
		r.failed = !r.composite("action.yml", step{Name: "test", With: test.inputs}, r.env)
		r.ends(test.failed).says(test.says)
	}
	if _, err := os.Stat(filepath.Join(p.dev, "pwned")); err == nil || p.writes() != 0 {
		t.Fatal("an input was run, or something applied")
	}
}
