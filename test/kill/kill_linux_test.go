package kill

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"unsafe"

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
	runtime.LockOSThread() // ptrace ties a tracer to one thread
	defer runtime.UnlockOSThread()
	cmd := c.Process("traceable", args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Ptrace: true}
	err := cmd.Start()
	if errors.Is(err, syscall.EPERM) {
		c.T.Skipf("processes may not be traced here: %v", err)
	}
	program.Must(c.T, err)
	pid, options := cmd.Process.Pid, false
	for {
		var status syscall.WaitStatus
		tid, err := syscall.Wait4(-1, &status, syscall.WALL|syscall.WNOTHREAD, nil)
		program.Must(c.T, err)
		if status.Exited() || status.Signaled() {
			if tid == pid {
				break
			}
			continue
		}
		if !options { // its first stop
			program.Must(c.T, syscall.PtraceSetOptions(pid, syscall.PTRACE_O_TRACECLONE|syscall.PTRACE_O_TRACESYSGOOD|ptraceExitKill))
			options = true
		}
		sig := status.StopSignal()
		switch sig {
		case syscall.SIGTRAP | 0x80:
			if call := writes(c, prefixes, tid); call != "" {
				calls = append(calls, call)
				if len(calls) == n+1 {
					program.Must(c.T, syscall.Kill(pid, syscall.SIGKILL))
				}
			}
			sig = 0
		case syscall.SIGTRAP, syscall.SIGSTOP: // an event, or a new thread
			sig = 0
		}
		_ = syscall.PtraceSyscall(tid, int(sig)) // fails for a thread that was killed
	}
	_ = cmd.Process.Release()
	return calls
}

// From linux/ptrace.h, because package syscall lacks them.
const (
	ptraceExitKill       = 0x100000
	ptraceGetSyscallInfo = 0x420e
	syscallEntry         = 1
)

// syscallInfo is struct ptrace_syscall_info at the entry of a call.
type syscallInfo struct {
	op       uint8
	_        [3]uint8
	_        uint32
	_, _, nr uint64
	args     [6]uint64
	_        [2]uint64
}

// writes names the system call that a thread is about to make if it writes one of the files, and
// returns "" otherwise.
func writes(c *program.Project, prefixes []string, tid int) string {
	var info syscallInfo
	_, _, errno := syscall.Syscall6(syscall.SYS_PTRACE, ptraceGetSyscallInfo, uintptr(tid), unsafe.Sizeof(info), uintptr(unsafe.Pointer(&info)), 0, 0)
	if errno != 0 || info.op != syscallEntry {
		return ""
	}
	file := func() string { // the path of a file descriptor
		name, _ := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", tid, info.args[0]))
		return name
	}
	var name, call string
	switch info.nr {
	case syscall.SYS_OPENAT:
		if info.args[2]&syscall.O_CREAT == 0 {
			return ""
		}
		name, call = text(tid, info.args[1]), "open"
	case syscall.SYS_RENAMEAT:
		name, call = text(tid, info.args[1]), "rename"
	case syscall.SYS_UNLINKAT:
		name, call = text(tid, info.args[1]), "remove"
	case syscall.SYS_FCHMOD:
		name, call = file(), "chmod"
	case syscall.SYS_WRITE:
		name, call = file(), "write"
	case syscall.SYS_FSYNC:
		if name, call = file(), "fsync"; name == c.Dir {
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

// text reads a C string of a traced thread.
func text(tid int, at uint64) string {
	mem, err := os.Open(fmt.Sprintf("/proc/%d/mem", tid))
	if err != nil {
		return ""
	}
	defer mem.Close()
	data, _ := io.ReadAll(io.NewSectionReader(mem, int64(at), 4096)) // up to the end of the mapping
	s, _, _ := strings.Cut(string(data), "\x00")
	return s
}
