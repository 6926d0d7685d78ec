// Package harden prevents a process's memory from being written to disk or read by another
// process. Call [Process] before reading the first secret.
package harden

// Process disables core dumps of this process and, through the inherited limit, of its
// children. On Linux it also prevents other processes of the same user from reading its
// memory and environment. On other systems it does nothing.
func Process() error { return process() }

// Prevented reports whether this process cannot leave a core dump. On systems other than Linux that
// is not known.
func Prevented() (yes, known bool) { return prevented() }
