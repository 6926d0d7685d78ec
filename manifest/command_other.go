//go:build !unix

package manifest

import "os/exec"

// endGroup does nothing here: only the command itself is ended.
func endGroup(*exec.Cmd) {}
