//go:build !unix

package manifest

import "os/exec"

// newGroup does nothing here: only the command itself is ended.
func newGroup(*exec.Cmd) {}

func endGroup(*exec.Cmd) {}
