package commands

import (
	"encoding/base64"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/secretsync/secretsync/internal/emulator"
	"github.com/secretsync/secretsync/test/page"
	"github.com/secretsync/secretsync/test/program"
	"github.com/spf13/cobra"
)

// without are the commands that need no example, and why.
var without = map[string]string{
	"secretsync":            "shows its help; the commands below it have examples",
	"secretsync bindings":   "shows its help; the commands below it have examples",
	"secretsync lock":       "shows its help; the commands below it have examples",
	"secretsync completion": "cobra's",
	"secretsync help":       "cobra's",
}

// examples calls do for every command with what its help has as examples. It fails the test for a
// command without one.
func examples(t *testing.T, do func(*cobra.Command, []command)) {
	t.Helper()
	var visit func(*cobra.Command)
	visit = func(cmd *cobra.Command) {
		path := cmd.CommandPath()
		for _, sub := range cmd.Commands() {
			visit(sub)
		}
		if cmd.Example == "" && without[path] != "" || strings.HasPrefix(path, "secretsync completion ") {
			return
		}
		var found []command
		joined := strings.ReplaceAll(cmd.Example, "\\\n", " ")
		for i, line := range strings.Split(joined, "\n") {
			found = append(found, command{path + " --help", i + 1, strings.TrimSpace(line), true})
		}
		if !strings.Contains(cmd.Example, path) {
			t.Errorf("%s has no example: give it one, or say in the list without why it needs none", path)
			return
		}
		do(cmd, found)
	}
	root := program.Root()
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	visit(root)
}

// TestExamplesParse: every command has an example, and each exists with all its flags.
func TestExamplesParse(t *testing.T) {
	n := 0
	examples(t, func(_ *cobra.Command, found []command) {
		for _, c := range found {
			ours, err := parse(c.text)
			if err != nil || !ours {
				t.Errorf("%s:%d: %q: a command of secretsync: %t, %v", c.page, c.line, c.text, ours, err)
			}
			n++
		}
	})
	if n < 50 {
		t.Errorf("only %d examples were found", n)
	}
}

// notHere are examples that cannot run in the project of [TestExamplesRun], and why, by how they
// begin.
var notHere = map[string]string{
	"secretsync emulator":             "serves until it is interrupted; test/scripts runs it",
	"secretsync lock push s3:":        "needs a bucket; test/shared runs the commands of docs/shared.md",
	"secretsync lock pull s3:":        "needs a bucket; test/shared runs the commands of docs/shared.md",
	"secretsync drift --metrics-file": "writes outside the project; docs/drift.md has it with another file",
}

// refused are examples that cannot succeed in that project, with their errors. An empty text exempts an
// example that does succeed from a shorter one that it begins with.
var refused = map[string]string{
	"secretsync lock break":           "there is no lease",
	"secretsync import -o secretsync": "secretsync.yaml exists already",
	"secretsync import --lock-only":   "already exists and has records",
	"secretsync dev":                  "neither wrangler nor miniflare is installed here",
	"secretsync dev run":              "",
	"secretsync dev --clear":          "",
}

// TestExamplesRun runs the examples of each command in a copy of an applied project, each in its own. With -v, it lists
// them.
func TestExamplesRun(t *testing.T) {
	program.SkipUnderRace(t)
	original := exampleProject(t)
	ran := 0
	examples(t, func(_ *cobra.Command, found []command) {
		for _, c := range found {
			s := copyOf(t, original)
			text := strings.ReplaceAll(withoutComment(c.text), "age1...", original.Env["RECIPIENT"])
			if why := begins(notHere, text); why != "" {
				t.Logf("%s:%d: not run: %s (%s)", c.page, c.line, text, why)
				continue
			}
			if asks.MatchString(text) {
				text += " --auto-approve"
			}
			if strings.HasPrefix(text, "secretsync set ") && !strings.Contains(text, "<") { // it asks on a terminal
				text = "echo a value | " + text
			}
			ran++
			code, out := s.Bash(".", text)
			succeeds := code == program.OK || code == program.Changes
			if said := begins(refused, text); succeeds != (said == "") || !strings.Contains(out, said) {
				t.Errorf("%s:%d: %s\nexit code %d\n%s", c.page, c.line, text, code, out)
			}
		}
	})
	t.Logf("%d examples ran", ran)
	if ran < 45 {
		t.Errorf("only %d examples were found", ran)
	}
}

// exampleProject is an applied project with what the examples name, and with drift. Its emulator has stopped; the
// state is in the file emulator.json above the project's folder.
func exampleProject(t *testing.T) *page.Shell {
	t.Helper()
	webhook := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(webhook.Close)
	home := t.TempDir()
	s := &page.Shell{T: t, Root: filepath.Join(home, "project"), Env: map[string]string{
		"HOME": home, "XDG_CONFIG_HOME": filepath.Join(home, ".config"), "XDG_CACHE_HOME": filepath.Join(home, ".cache"),
		"PATH": filepath.Join(home, "bin") + string(os.PathListSeparator) + os.Getenv("PATH"), "GIT_CONFIG_NOSYSTEM": "1",
		"GIT_AUTHOR_NAME": "dev", "GIT_AUTHOR_EMAIL": "dev@example.com", "GIT_COMMITTER_NAME": "dev", "GIT_COMMITTER_EMAIL": "dev@example.com",
		"KEY": "another value", "WEBHOOK": webhook.URL, "NEW_KEY": base64.StdEncoding.EncodeToString(make([]byte, 32)),
	}}
	for name, text := range exampleFiles {
		s.Write(name, text)
	}
	for _, name := range []string{"npx", "npm"} { // so that dev run has something to run
		s.Write("../bin/"+name, "#!/bin/sh\n")
		program.Must(t, os.Chmod(s.Path("../bin/"+name), 0o700))
	}
	e, err := emulator.Listen(t.Context(), "127.0.0.1:0", emulator.Options{StateFile: s.Path("../emulator.json"), KeepValues: true})
	program.Must(t, err)
	defer e.Stop()
	maps.Copy(s.Env, program.Environment(e.BaseURL()))
	run := func(commands ...string) {
		for _, command := range commands {
			if code, out := s.Bash(".", command); code != program.OK && code != program.Changes {
				t.Fatalf("%s: %s", command, out)
			}
		}
	}
	run("git init --quiet --initial-branch main", "secretsync init --yes", "echo a value | secretsync set stripe-secret-key",
		"secretsync apply --auto-approve", "secretsync bindings check --fix")
	changeOutside(t, e.BaseURL(), "stripe-secret-key", "staging-key")
	run("secretsync plan -o plan.json", "git add .", "git commit --quiet -m one", "cp secretsync.lock base.lock", "cp secretsync.lock theirs.lock")
	_, s.Env["RECIPIENT"] = s.Bash(".", "grep -o 'age1[a-z0-9]*' .sops.yaml")
	return s
}

// changeOutside gives secrets another comment, as in the dashboard.
func changeOutside(t *testing.T, baseURL string, names ...string) {
	t.Helper()
	store, err := program.FindID(baseURL, "/stores", "default_secrets_store")
	program.Must(t, err)
	for _, name := range names {
		list := "/stores/" + store + "/secrets"
		id, err := program.FindID(baseURL, list, name)
		program.Must(t, err)
		_, err = program.Send(baseURL, http.MethodPatch, list+"/"+id, map[string]string{"comment": "changed"})
		program.Must(t, err)
	}
}

// exampleFiles are the files of the project before it is applied.
var exampleFiles = map[string]string{
	"secretsync.yaml": `version: 1
vars: {environment: production}
workers: [apps/api/wrangler.jsonc]
stores:
  default_secrets_store:
    secrets:
      stripe-secret-key: {from: {sops: secrets.enc.yaml, key: stripe-secret-key}, comment: "of ${vars.environment}"}
      webhook-signing-secret: {generate: {bytes: 32, encoding: hex}}
      production-key: {generate: {bytes: 32, encoding: hex}}
      staging-key: {generate: {bytes: 32, encoding: hex}}
`,
	"apps/api/wrangler.jsonc": `{
  "name": "api",
  "main": "src/index.ts",
  "compatibility_date": "2026-01-01",
  "secrets_store_secrets": [
    {"binding": "STRIPE_SECRET_KEY", "store_id": "default_secrets_store", "secret_name": "stripe-secret-key"}
  ]
}
`,
	"apps/api/src/index.ts": "export default {}\n",
	".dev.vars":             "SESSION_KEY=a value\n",
	".env":                  "PUBLIC_URL=https://example.com\nDATABASE_KEY=a value\n",
	".gitignore":            ".wrangler\n",
	"tls.pem":               "a certificate\n",
}

// copyOf is a copy of a project with an emulator of its own in the same state.
func copyOf(t *testing.T, original *page.Shell) *page.Shell {
	t.Helper()
	above := t.TempDir()
	s := &page.Shell{T: t, Root: filepath.Join(above, "project"), Env: maps.Clone(original.Env)}
	program.Must(t, os.CopyFS(s.Root, os.DirFS(original.Root)))
	state, err := os.ReadFile(original.Path("../emulator.json"))
	program.Must(t, err)
	s.Write("../emulator.json", string(state))
	e := program.Emulator(t, emulator.Options{StateFile: s.Path("../emulator.json"), KeepValues: true})
	maps.Copy(s.Env, program.Environment(e.BaseURL()))
	return s
}
