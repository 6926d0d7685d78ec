//go:build e2e

package e2e

import (
	"os/exec"
	"regexp"
	"testing"
)

// TestWitnessInWorkerd holds the witness to its test vectors in the runtime of Workers. The tests
// of internal/witness do so in Node.js.
func TestWitnessInWorkerd(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "node", "witness.mjs").CombinedOutput()
	if err != nil || !regexp.MustCompile(`^\d\d messages, \d\d fingerprints\n$`).Match(out) {
		t.Errorf("%v\n%s", err, out)
	}
}
