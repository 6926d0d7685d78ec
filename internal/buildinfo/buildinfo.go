// Package buildinfo says which build of the program is running.
package buildinfo

import (
	"runtime"
	"runtime/debug"
)

// Version is the module version that the Go tool recorded in the binary.
func Version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}

// Line is what version and --version print.
func Line() string {
	return "secretsync " + Version() + " " + runtime.Version() + " " + runtime.GOOS + "/" + runtime.GOARCH
}
