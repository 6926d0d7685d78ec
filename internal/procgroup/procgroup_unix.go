//go:build unix

// Package procgroup ends a command together with the processes that it started.
package procgroup

import (
	"os/exec"
	"syscall"
)

// New puts a command that has not started into its own process group. Cancelling the
// command's context kills the whole group.
func New(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}

// End kills what the command has left running in its group. Processes that have left the
// group are not reached.
func End(cmd *exec.Cmd) {
	if cmd.Process != nil {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // usually the group is already empty
	}
}
