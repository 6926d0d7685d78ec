//go:build !unix

package repo

// noWait is zero: this system has no named pipes in its file system.
const noWait = 0
