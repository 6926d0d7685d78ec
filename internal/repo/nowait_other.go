//go:build !unix

package repo

// noWait is for systems that have pipes among their files.
const noWait = 0
