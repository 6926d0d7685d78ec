//go:build !unix

package atomicfile

// syncDir does nothing: only Unix can sync a directory.
func syncDir(string) error { return nil }
