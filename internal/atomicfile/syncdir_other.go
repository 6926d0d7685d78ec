//go:build !unix

package atomicfile

// syncDir does nothing: only Unix lets a program sync a directory.
func syncDir(string) error { return nil }
