//go:build unix

package repo

import "syscall"

// noWait has a pipe opened without waiting for who writes to it.
const noWait = syscall.O_NONBLOCK
