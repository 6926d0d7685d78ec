package program

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"unsafe"
)

// Call is a system call that a traced thread is about to make.
type Call struct {
	// Number is one of the constants of package syscall, such as [syscall.SYS_WRITE].
	Number uint64
	Args   [6]uint64
	thread int
}

// File is the path of the file descriptor that is the call's first argument.
func (c Call) File() string {
	name, _ := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", c.thread, c.Args[0]))
	return name
}

// Text reads the C string that an argument points to.
func (c Call) Text(arg int) string {
	mem, err := os.Open(fmt.Sprintf("/proc/%d/mem", c.thread))
	if err != nil {
		return ""
	}
	defer mem.Close()
	data, _ := io.ReadAll(io.NewSectionReader(mem, int64(c.Args[arg]), 4096)) // up to the end of the mapping
	s, _, _ := strings.Cut(string(data), "\x00")
	return s
}

// Trace runs a program until it ends, and passes each of its system calls to seen before it takes
// effect. If seen returns true, the program is killed with SIGKILL before that call. The program
// is traced with ptrace, so it needs no test hook; the test is skipped where that is not allowed.
func Trace(t testing.TB, cmd *exec.Cmd, seen func(Call) (kill bool)) syscall.WaitStatus {
	t.Helper()
	runtime.LockOSThread() // ptrace ties a tracer to one thread
	defer runtime.UnlockOSThread()
	cmd.SysProcAttr = &syscall.SysProcAttr{Ptrace: true}
	err := cmd.Start()
	if errors.Is(err, syscall.EPERM) {
		t.Skipf("processes may not be traced here: %v", err)
	}
	Must(t, err)
	pid, options := cmd.Process.Pid, false
	defer func() { _ = cmd.Process.Release() }()
	for {
		var status syscall.WaitStatus
		thread, err := syscall.Wait4(-1, &status, syscall.WALL|syscall.WNOTHREAD, nil)
		Must(t, err)
		if status.Exited() || status.Signaled() {
			if thread == pid {
				return status
			}
			continue
		}
		if !options { // its first stop
			Must(t, syscall.PtraceSetOptions(pid, syscall.PTRACE_O_TRACECLONE|syscall.PTRACE_O_TRACESYSGOOD|ptraceExitKill))
			options = true
		}
		sig := status.StopSignal()
		switch sig {
		case syscall.SIGTRAP | 0x80:
			if call, ok := entered(thread); ok && seen(call) {
				Must(t, syscall.Kill(pid, syscall.SIGKILL))
			}
			sig = 0
		case syscall.SIGTRAP, syscall.SIGSTOP: // an event, or a new thread
			sig = 0
		}
		_ = syscall.PtraceSyscall(thread, int(sig)) // fails for a thread that was killed
	}
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

// entered returns the system call that a stopped thread is about to make. ok is false if it is
// returning from one.
func entered(thread int) (call Call, ok bool) {
	var info syscallInfo
	_, _, errno := syscall.Syscall6(syscall.SYS_PTRACE, ptraceGetSyscallInfo, uintptr(thread), unsafe.Sizeof(info), uintptr(unsafe.Pointer(&info)), 0, 0)
	if errno != 0 || info.op != syscallEntry {
		return Call{}, false
	}
	return Call{Number: info.nr, Args: info.args, thread: thread}, true
}
