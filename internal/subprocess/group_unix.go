//go:build unix

package subprocess

import (
	"os"
	"os/exec"
	"syscall"
)

// newGroup puts a command that has not started into its own process group. Cancelling the
// command's context kills the whole group.
func newGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}

// endGroup kills what the command has left running in its group. Processes that have left the
// group are not reached.
func endGroup(cmd *exec.Cmd) {
	if cmd.Process != nil {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // usually the group is already empty
	}
}

// hasTerminal reports whether this process belongs to a terminal.
func hasTerminal() bool {
	tty, err := os.Open("/dev/tty")
	if err != nil {
		return false
	}
	tty.Close()
	return true
}
