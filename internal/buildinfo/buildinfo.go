// Package buildinfo says which build of the program is running.
package buildinfo

import (
	"runtime"
	"runtime/debug"
)

// commit is set by builds that have no repository to ask, such as the Dockerfile's (-ldflags -X).
var commit string

// Version is the module version that the Go tool recorded in the binary: v1.2.3 of a release, or
// a pseudo-version, which ends with the commit, and with +dirty if files were changed. It is
// (devel) if nothing is known.
func Version() string {
	version := "(devel)"
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		version = info.Main.Version
	}
	if version == "(devel)" && commit != "" {
		return commit
	}
	return version
}

// Line is what version and --version print.
func Line() string {
	return "secretsync " + Version() + " " + runtime.Version() + " " + runtime.GOOS + "/" + runtime.GOARCH
}
