//go:build unix

package manifest

import (
	"os/exec"
	"syscall"
)

// endGroup makes the end of a command the end of all it has started.
func endGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}
