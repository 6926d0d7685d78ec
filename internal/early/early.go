// Package early is what the program does before most of SOPS's packages are initialised. Only its
// main package imports it.
//
// SOPS brings the clients of every key server. Before main, their packages register protocols
// and fill tables, which takes most of the time of a short command (docs/startup.md). Go
// initialises packages in the order of their import paths, each as soon as the packages that it
// imports are (The Go Programming Language Specification, "Program initialization"). This package
// and package fixed import so few that their turn is before the others.
//
// Do not import more here, least of all package cli: it needs text/template, which comes after
// SOPS's packages.
package early

import (
	"os"
	"runtime"
	"runtime/debug"

	"github.com/secretsync/secretsync/internal/buildinfo"
	_ "github.com/secretsync/secretsync/internal/early/fixed" // answers --help and completion
)

func init() {
	if args := os.Args[1:]; len(args) == 1 && (args[0] == "version" || args[0] == "--version") {
		// After an error, the command runs as usual, and reports it.
		if _, err := os.Stdout.WriteString(buildinfo.Line() + "\n"); err == nil {
			os.Exit(0)
		}
	}
	delayCollection()
}

// delayCollection makes the first garbage collection come at 16 MB of heap instead of 4 MB, which
// SOPS's packages fill before main: for a short command, that collection is a fifth of all
// processor time. Afterwards GOGC applies as usual.
func delayCollection() {
	usual := debug.SetGCPercent(400)
	if usual < 0 || usual > 400 { // GOGC
		debug.SetGCPercent(usual)
		return
	}
	// Not a smaller object: the runtime puts several of less than 16 bytes into one block, which lives as
	// long as any of them, and then the cleanup never runs (runtime.AddCleanup).
	runtime.AddCleanup(new([64]byte), func(percent int) { debug.SetGCPercent(percent) }, usual)
}
