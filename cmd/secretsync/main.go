// Command secretsync makes Cloudflare's Secrets Store what a manifest in git says.
//
// The main flow reads from top to bottom in internal/cli/apply.go: manifest, lock, plan,
// approval, apply, report. What happens in each step is in package reconcile.
package main

import (
	"os"

	"github.com/secretsync/secretsync/internal/cli"
	_ "github.com/secretsync/secretsync/internal/early" // before SOPS is initialised
	"github.com/secretsync/secretsync/internal/harden"
)

func main() {
	// Where the system forbids it, the work goes on: it is one defence of several.
	_ = harden.Process()
	os.Exit(cli.Main())
}
