//go:build unix

package repo

import "syscall"

// noWait opens a pipe without waiting for its writer.
const noWait = syscall.O_NONBLOCK
