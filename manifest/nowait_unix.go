//go:build unix

package manifest

import "syscall"

// noWait has a pipe opened without waiting for who writes to it.
const noWait = syscall.O_NONBLOCK
