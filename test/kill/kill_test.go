package kill

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/secretsync/secretsync/internal/emulator"
	"github.com/secretsync/secretsync/test/program"
)

// TestKill kills the real program with SIGKILL at every request of a first apply, and of one
// that creates, updates, renames and deletes: once when the server receives the request (the
// intent is recorded, and nothing has happened), and once when the request has taken effect
// but the answer has not been sent. The next plan must be accurate, and the next apply must
// converge.
func TestKill(t *testing.T) {
	points := 0
	for _, s := range faultScenarios {
		for n := range newFaultCase(t, s, "").requests() {
			for _, after := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s, request %d, done %v", s.name, n+1, after), func(t *testing.T) {
					newFaultCase(t, s, "").kill(n, after)
				})
				points++
			}
		}
	}
	t.Logf("kill points %d", points)
}

// kill stops the program at the n-th request.
func (c *faultCase) kill(n int, after bool) {
	c.mu.Lock()
	c.countup, c.at = 0, n
	c.fault = emulator.Fault{Kind: emulator.FaultStall, After: after}
	c.mu.Unlock()
	cmd := c.Process("secretsync", "apply", "--auto-approve", "--wait", "0", "--parallelism", "1")
	program.Must(c.T, cmd.Start())
	c.awaitRequest(n)
	if after {
		time.Sleep(100 * time.Millisecond) // the handler has nothing else to wait for
	}
	program.Must(c.T, cmd.Process.Kill())
	if err := cmd.Wait(); err == nil {
		c.Fatal("the program ended by itself")
	}
	c.mu.Lock()
	c.countup = -1
	c.mu.Unlock()

	// Nothing matches the manifest yet, so an empty plan would be wrong.
	if code := c.secretsync(-1, "plan", "--detailed-exitcode"); code != program.Changes && !c.onlyUnproven() {
		c.Errorf("plan: exit code %d", code)
	}
	c.recovers()
}

// recovers checks that a plan and an apply recover from a kill.
func (c *faultCase) recovers() {
	c.Helper()
	switch code := c.secretsync(-1, "plan", "--detailed-exitcode"); code {
	case program.OK:
		c.check()
	case program.Changes:
	default:
		if !c.onlyUnproven() {
			c.Errorf("plan: exit code %d", code)
		}
	}
	if code := c.applyAgain(); code != program.OK {
		c.Fatalf("apply: exit code %d\n%s", code, c.output)
	}
	c.check()
	c.secretsync(program.OK, "plan", "--detailed-exitcode")
	c.secretsync(program.OK, "drift")
	if litter, _ := filepath.Glob(c.Path(".secretsync.lock-*.tmp")); len(litter) > 0 {
		c.Errorf("left behind: %v", litter)
	}
}

func (c *faultCase) awaitRequest(n int) {
	c.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
		c.mu.Lock()
		came := c.countup > n
		c.mu.Unlock()
		if came {
			return
		}
	}
	c.Fatalf("request %d did not come", n+1)
}
