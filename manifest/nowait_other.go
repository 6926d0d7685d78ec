//go:build !unix

package manifest

// noWait is for systems that have pipes among their files.
const noWait = 0
