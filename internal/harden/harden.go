// Package harden keeps what a process holds in memory from being written to a
// disk or read by another process. Call [Process] before the first secret is read.
package harden

// Process forbids core dumps of this process and, by the limit that they inherit,
// of its children. On Linux it also keeps other processes of the same user from
// reading its memory and environment. Elsewhere it does nothing.
func Process() error { return process() }
