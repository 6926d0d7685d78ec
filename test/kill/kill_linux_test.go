package kill

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/secretsync/secretsync/test/program"
)

// TestKillWhileWriting kills the real program with SIGKILL before every system call that
// writes the lockfile: creating the temporary file, its mode, its content, its fsync, the
// rename, and the fsync of the directory. It does so in a first apply, and in one that
// creates, updates, renames and deletes. The program is traced with ptrace, so it needs no
// test hook.
func TestKillWhileWriting(t *testing.T) {
	var killed atomic.Int32
	t.Cleanup(func() {
		t.Logf("kill points %d", killed.Load())
		if killed.Load() < 20 {
			t.Errorf("too few kill points: %d", killed.Load())
		}
	})
	for _, s := range faultScenarios {
		for n, call := range newFaultCase(t, s, "").traced(-1) {
			t.Run(fmt.Sprintf("%s, %d, before %s", s.name, n+1, call), func(t *testing.T) {
				t.Parallel()
				c := newFaultCase(t, s, "")
				if did := c.traced(n); len(did) != n+1 {
					t.Skipf("not killed: outcomes that come together are written together, and this time it had %d such calls", len(did))
				}
				killed.Add(1)
				c.recovers()
			})
		}
	}
}

// traced runs an apply and returns its system calls that write the lockfile. It kills the
// program before the n-th of them, unless n is negative.
func (c *faultCase) traced(n int) (calls []string) {
	c.Helper()
	return traced(c.Project, n, []string{c.Path(".secretsync.lock-"), c.Path(".secretsync.lock.journal")}, "apply", "--auto-approve", "--parallelism", "1")
}

// traced runs the program and returns its system calls that write files whose paths begin with
// one of the prefixes. It kills the program before the n-th of them, unless n is negative.
func traced(c *program.Project, n int, prefixes []string, args ...string) (calls []string) {
	c.T.Helper()
	program.Trace(c.T, c.Process("traceable", args...), func(made program.Call) (kill bool) {
		call := writes(c, prefixes, made)
		if call == "" {
			return false
		}
		calls = append(calls, call)
		return len(calls) == n+1
	})
	return calls
}

// writes names a system call that writes one of the files, and returns "" for any other.
func writes(c *program.Project, prefixes []string, made program.Call) string {
	var name, call string
	switch made.Number {
	case syscall.SYS_OPENAT:
		if made.Args[2]&syscall.O_CREAT == 0 {
			return ""
		}
		name, call = made.Text(1), "open"
	case syscall.SYS_RENAMEAT:
		name, call = made.Text(1), "rename"
	case syscall.SYS_UNLINKAT:
		name, call = made.Text(1), "remove"
	case syscall.SYS_FCHMOD:
		name, call = made.File(), "chmod"
	case syscall.SYS_WRITE:
		name, call = made.File(), "write"
	case syscall.SYS_FSYNC:
		if name, call = made.File(), "fsync"; name == c.Dir {
			return "fsync of the directory"
		}
	}
	if !slices.ContainsFunc(prefixes, func(prefix string) bool { return strings.HasPrefix(name, prefix) }) {
		return ""
	}
	if strings.HasSuffix(name, ".journal") {
		call += " of the journal"
	}
	return call
}
