//go:build unix

// Package procgroup ends what a command has started together with the command.
package procgroup

import (
	"os/exec"
	"syscall"
)

// New puts a command that has not started into a process group of its own, which ends with it where it
// is called off.
func New(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}

// End ends what a command has left behind in its group. What has left the group
// by itself is out of reach.
func End(cmd *exec.Cmd) {
	if cmd.Process != nil {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // usually there is nothing
	}
}
