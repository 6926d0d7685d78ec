//go:build e2e

package e2e

import (
	"os"
	"testing"
)

// TestNPMPackage runs Cloudflare's npm package on what secretsync applied, and secretsync on
// what the package created.
func TestNPMPackage(t *testing.T) {
	p := newPlace(t)
	p.write("value.txt", "v")
	p.write("secretsync.yaml", `version: 1
stores:
  prod:
    secrets:
      applied-one: {from: {file: value.txt}}
      applied-two: {from: {file: value.txt}}
`)
	p.run("", 0, secretsync, "apply", "--auto-approve")
	script, err := os.ReadFile("cloudflare.mjs")
	if err != nil {
		t.Fatal(err)
	}
	p.write("cloudflare.mjs", string(script))
	p.install("node_modules")
	contains(t, p.run("", 0, "node", "cloudflare.mjs"), "ok")
	if !p.emulator.HasValue(account, "prod", "copy", []byte("changed")) {
		t.Error("the duplicate has another value than its original")
	}
	contains(t, p.run("", 0, secretsync, "plan"), "left alone: copy", "No changes: 2 secrets")
}
