//go:build !unix

package subprocess

import "os/exec"

// newGroup does nothing here: only the command itself is killed.
func newGroup(*exec.Cmd) {}

func endGroup(*exec.Cmd) {}

func hasTerminal() bool { return false }
