//go:build !unix

package procgroup

import "os/exec"

// New does nothing here: only the command itself is killed.
func New(*exec.Cmd) {}

func End(*exec.Cmd) {}
