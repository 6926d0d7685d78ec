//go:build unix

package manifest

import (
	"os/exec"
	"syscall"
)

// newGroup puts a command into a process group of its own, which ends with it where it
// is called off.
func newGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}

// endGroup ends what a command has left behind in its group. What has left the group
// by itself is out of reach.
func endGroup(cmd *exec.Cmd) {
	if cmd.Process != nil {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // usually there is nothing
	}
}
