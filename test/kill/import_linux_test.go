package kill

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"filippo.io/age"
	"github.com/secretsync/secretsync/test/program"
)

// TestKillDuringImport kills import --from-env before every system call that writes the SOPS
// file or the manifest. No file but the user's own has the values in plaintext, what is there can
// be used, and the same command completes the import.
func TestKillDuringImport(t *testing.T) {
	identity, err := age.GenerateX25519Identity()
	program.Must(t, err)
	create := func(t *testing.T) *program.Project {
		p := program.NewProject(t, "http://127.0.0.1:1")
		p.Env["SOPS_AGE_KEY"] = identity.String()
		p.Write(".sops.yaml", "creation_rules: [{age: "+identity.Recipient().String()+"}]\n")
		p.Write("secretsync.yaml", "version: 1\nstores:\n  prod:\n    secrets:\n      old: {external: true} # ours\n")
		p.Write(".dev.vars", "FIRST=canary-one\nSECOND='canary-two'\n")
		return p
	}
	run := func(p *program.Project, n int) []string {
		return traced(p, n, []string{p.Path(".secrets.enc.yaml-"), p.Path(".secretsync.yaml-")}, "import", "--from-env", p.Path(".dev.vars"))
	}
	calls := run(create(t), -1)
	for n, call := range calls {
		t.Run(fmt.Sprintf("%d, before %s", n+1, call), func(t *testing.T) {
			p := create(t)
			run(p, n)
			for _, args := range [][]string{{"validate"}, {"import", "--from-env", p.Path(".dev.vars")}, {"validate"}} {
				if out, err := p.Process("secretsync", args...).CombinedOutput(); err != nil {
					t.Errorf("%v: %v\n%s", args, err, out)
				}
			}
			entries, err := os.ReadDir(p.Dir)
			program.Must(t, err)
			for _, e := range entries {
				if e.IsDir() || e.Name() == ".dev.vars" {
					continue
				}
				data, err := os.ReadFile(p.Path(e.Name()))
				program.Must(t, err)
				if strings.Contains(string(data), "canary") {
					t.Errorf("%s holds a value in clear", e.Name())
				}
				if strings.HasSuffix(e.Name(), ".tmp") {
					t.Errorf("%s is left behind", e.Name())
				}
			}
			text, err := os.ReadFile(p.Path("secretsync.yaml"))
			program.Must(t, err)
			for _, want := range []string{"# ours", "FIRST:", "SECOND:"} {
				if strings.Count(string(text), want) != 1 {
					t.Errorf("the manifest lacks %q, or repeats it:\n%s", want, text)
				}
			}
		})
	}
	if len(calls) < 10 {
		t.Errorf("too few kill points: %v", calls)
	}
}
