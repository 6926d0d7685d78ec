//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestKeylessPlansSeeWhatTheSOPSCommandLineDoes edits, rekeys and rotates a file of 50
// values with the real sops, and plans without any credential after each.
func TestKeylessPlansSeeWhatTheSOPSCommandLineDoes(t *testing.T) {
	p := newPlace(t)
	sops, keygen := filepath.Join(p.dir, "sops"), filepath.Join(p.dir, "age-keygen")
	for bin, pkg := range map[string]string{sops: "github.com/getsops/sops/v3/cmd/sops", keygen: "filippo.io/age/cmd/age-keygen"} {
		if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", bin, pkg).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	keys := filepath.Join(p.dir, ".config", "sops", "age")
	if err := os.MkdirAll(keys, 0o700); err != nil {
		t.Fatal(err)
	}
	keyFile := filepath.Join(keys, "keys.txt")
	recipient := func(file string) string {
		p.run("", 0, keygen, "-o", file)
		return strings.TrimSpace(p.run("", 0, keygen, "-y", file))
	}
	ours := recipient(keyFile)
	rules := "creation_rules:\n  - age: %s\n"
	p.write(".sops.yaml", fmt.Sprintf(rules, ours))
	var manifest, values strings.Builder
	manifest.WriteString("version: 1\nstores:\n  prod:\n    secrets:\n")
	for i := range 50 {
		fmt.Fprintf(&manifest, "      k%02d: {from: {sops: values.enc.yaml, key: k%02[1]d}}\n", i)
		fmt.Fprintf(&values, "k%02d: value-%02[1]d\n", i)
	}
	p.write("secretsync.yaml", manifest.String())
	p.write("values.enc.yaml", values.String())
	p.run("", 0, sops, "encrypt", "-i", "values.enc.yaml")
	p.run("", 0, secretsync, "apply", "--auto-approve")
	encrypted, err := os.ReadFile(filepath.Join(p.dir, "values.enc.yaml"))
	if err != nil {
		t.Fatal(err)
	}

	// keyless plans with neither key nor token, and restores the key.
	keyless := func(wantExit int) string {
		t.Helper()
		away := keyFile + ".away"
		if err := os.Rename(keyFile, away); err != nil {
			t.Fatal(err)
		}
		defer os.Rename(away, keyFile)
		return p.run("", wantExit, secretsync, "plan", "--keyless", "--offline", "--detailed-exitcode")
	}
	keyless(0)

	p.run("", 0, sops, "set", "values.enc.yaml", `["k07"]`, `"edited"`)
	contains(t, keyless(2), "~ update  k07  value changed", "Plan: 1 to update; 49 unchanged.")
	contains(t, p.run("", 2, secretsync, "plan", "--detailed-exitcode"), "~ update  k07  value changed", "Plan: 1 to update; 49 unchanged.")

	p.write("values.enc.yaml", string(encrypted))
	p.write(".sops.yaml", fmt.Sprintf(rules, ours+","+recipient("other.txt")))
	p.run("", 0, sops, "updatekeys", "--yes", "values.enc.yaml")
	contains(t, keyless(0), "No changes: 50 secrets")

	p.run("", 0, sops, "rotate", "-i", "values.enc.yaml")
	contains(t, keyless(2), "re-encrypted: without a key it is unknown whether the value changed", "Plan: 50 to update; 0 unchanged.")
	contains(t, p.run("", 0, secretsync, "plan", "--detailed-exitcode"), "No changes: 50 secrets")
}
