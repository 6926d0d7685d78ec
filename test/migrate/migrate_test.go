// Package migrate runs every command of the migration guides, docs/migrate-*.md, in the order of
// each page, and compares what it prints with the page: with the real program, against the emulator.
// wrangler, terraform, pulumi and alchemy are fakes that do only what the pages need, and know no other
// arguments.
package migrate

import (
	"cmp"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/secretsync/secretsync/internal/emulator"
	"github.com/secretsync/secretsync/test/page"
	"github.com/secretsync/secretsync/test/program"
)

func TestMain(m *testing.M) {
	program.Main(m, map[string]func(){
		"age-keygen": program.Fake(ageKeygen),
		"jq":         program.Fake(jq),
		"wrangler":   program.Fake(wrangler),
		"terraform":  program.Fake(terraform),
		"pulumi":     program.Fake(pulumi),
		"npx":        program.Fake(npx),
	})
}

// The value of each secret that the guides move, by the name of the variable or file entry.
var values = map[string]string{"STRIPE_KEY": "sk_live_of_the_guide", "SESSION_KEY": "session key of the guide"}

// TestGuides goes through the pages. At the end of each, the account has the same values as before, and
// only files that the page names contain a value.
func TestGuides(t *testing.T) {
	program.SkipUnderRace(t)
	pages, err := filepath.Glob("../../docs/migrate-*.md")
	if err != nil || len(pages) != 6 {
		t.Fatal(pages, err)
	}
	for _, file := range pages {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".md"), func(t *testing.T) { follow(t, file) })
	}
}

// start is how each guide begins: the blocks of docs/migrate.md that create a key.
func start(t *testing.T) []page.Block {
	_, blocks := page.Read(t, "../../docs/migrate.md")
	return blocks
}

func follow(t *testing.T, file string) {
	e := program.Emulator(t, emulator.Options{KeepValues: true})
	s := page.Shell{T: t, Root: t.TempDir(), Env: program.Environment(e.BaseURL())}
	for name, value := range values {
		s.Env[name] = value
	}
	s.Env["STORE_ID"] = program.Account // any id: the fake has one store
	s.Env["HOME"], s.Env["PATH"] = t.TempDir(), os.Getenv("PATH")
	s.Env["GIT_CONFIG_NOSYSTEM"], s.Env["GIT_CEILING_DIRECTORIES"] = "1", filepath.Dir(s.Root)
	if code, out := s.Bash(".", "git init --quiet"); code != 0 {
		t.Fatal(out)
	}
	_, blocks := page.Read(t, file)
	commands := 0
	for _, b := range append(start(t), blocks...) {
		if b.Language == "console" {
			commands += s.Console(b.Name, b.Text)
		} else {
			id, _ := program.FindID(e.BaseURL(), "/stores", "default_secrets_store")
			s.Write(b.Name, strings.ReplaceAll(b.Text, "STORE_ID", cmp.Or(id, "STORE_ID"))+"\n")
		}
	}
	if commands < 8 {
		t.Errorf("only %d commands were run", commands)
	}
	if !e.HasValue(program.Account, "default_secrets_store", "stripe-key", []byte(values["STRIPE_KEY"])) {
		t.Error("the account does not have the value of stripe-key")
	}
}

// TestWorker runs the Worker of the guide about a Worker's own secrets, under Node.js: before the
// deployment, with both secrets, and after the old one is deleted.
func TestWorker(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("SKIPPED: there is no Node.js here, so the Worker of docs/migrate-worker.md is not run")
	}
	s := page.Shell{T: t, Root: t.TempDir()}
	_, blocks := page.Read(t, "../../docs/migrate-worker.md")
	for _, b := range blocks {
		if b.Name == "worker.js" {
			s.Write("worker.mjs", b.Text)
		}
	}
	s.Write("test.mjs", `import worker from "./worker.mjs";
const store = { get: async () => "of the store" };
for (const env of [{ STRIPE_KEY: "of the Worker" }, { STRIPE_KEY: "of the Worker", STRIPE_KEY_STORE: store }, { STRIPE_KEY_STORE: store }]) {
  console.log((await (await worker.fetch(new Request("https://worker.example/"), env)).text()).trim());
}
`)
	out, err := exec.CommandContext(t.Context(), node, s.Path("test.mjs")).CombinedOutput()
	const want = "a key of 13 characters\na key of 12 characters\na key of 12 characters\n"
	if err != nil || strings.ReplaceAll(string(out), "\r\n", "\n") != want {
		t.Errorf("%v\n%s", err, out)
	}
}
