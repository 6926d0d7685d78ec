// Command thirdparty writes the licences of all modules that a released secretsync contains, and
// the licence of Go's standard library. make release-files and the Dockerfile run it in the
// repository's folder.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/secretsync/secretsync/internal/licences"
)

// systems are the systems of .goreleaser.yaml.
var systems = []string{"linux/amd64", "linux/arm64", "darwin/amd64", "darwin/arm64", "windows/amd64", "windows/arm64"}

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	packages, err := licences.Packages(ctx, ".", "./cmd/secretsync", "disable_grpc_modules", systems)
	if err != nil {
		return err
	}
	standard, err := licences.Standard(ctx)
	if err != nil {
		return err
	}
	return licences.Bundle(os.Stdout, append(packages, licences.Package{Dir: standard.Dir, Module: &standard}))
}
