package commands

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/secretsync/secretsync/internal/emulator"
	"github.com/secretsync/secretsync/test/page"
	"github.com/secretsync/secretsync/test/program"
)

func TestMain(m *testing.M) { program.Main(m) }

// runBy are the tests that run the commands of a whole page, in its order.
var runBy = map[string]string{
	"docs/ci.md":          "recipes/docs_test.go",
	"docs/shared.md":      "test/shared/page_test.go",
	"docs/values-from.md": "test/valuesfrom/valuesfrom_test.go",
	"docs/workers.md":     "e2e/walkthrough_test.go",
	"docs/migrate":        "test/migrate/migrate_test.go",
	"docs/first-hour.md":  "test/firsthour/firsthour_test.go",
	"README.md":           "test/firsthour/firsthour_test.go",
}

// elsewhere are commands that no test here can run as they are, and why, by how they begin.
var elsewhere = map[string]string{
	"make ":               "a target of the Makefile, which .ci/run runs",
	"go install ":         "needs a release",
	"go get ":             "needs a release; make extern builds a module that requires this one",
	"go run golang.org":   "reads what make bench wrote",
	"git clone ":          "needs the network",
	"git -C ../sops":      "needs the network",
	"go work ":            "needs the network",
	"cosign ":             "needs a release",
	"sha256sum ":          "needs a release",
	"curl ":               "asks Cloudflare",
	"aws ":                "asks AWS",
	"npm install ":        "needs the network",
	"npx ":                "runs wrangler: make e2e",
	"sops ":               "runs sops: make demo, make e2e",
	"age-keygen ":         "runs age-keygen: make demo, make e2e",
	"git config --global": "changes the user's settings",
}

// fails are the commands that cannot succeed without the trouble that their page is about, and what
// they say without it.
var fails = map[string]string{
	"secretsync lock break":                                    "lease",
	"secretsync import --lock-only":                            "already exists and has records",
	"secretsync apply --var environment=production --lockfile": "is not in the lockfile",
	"secretsync plan --var environment=staging --lockfile":     "is not in the lockfile",
	"secretsync bindings check":                                "has no workers",
	"secretsync dev":                                           "has no workers",
	"git checkout GOOD_COMMIT":                                 "GOOD_COMMIT",
	"git rm --cached secretsync.key":                           "did not match any files",
}

// TestCommandsRun runs the commands of each page that no other test runs, in a project that is applied.
// With -v, it lists them.
func TestCommandsRun(t *testing.T) {
	program.SkipUnderRace(t)
	covered := 0
	pages := map[string][]command{}
	for _, c := range all(t) {
		switch {
		case !c.run:
			continue
		case by(c.page) != "":
			covered++
		default:
			pages[c.page] = append(pages[c.page], c)
		}
	}
	for page, test := range runBy {
		text, err := os.ReadFile("../../" + test)
		if err != nil || !strings.Contains(string(text), filepath.Base(page)) {
			t.Errorf("%s does not run %s: %v", test, page, err)
		}
	}
	ran := 0
	for _, page := range slices.Sorted(maps.Keys(pages)) {
		ran += run(t, pages[page])
	}
	t.Logf("%d commands of the documentation ran here, and the tests of whole pages run %d", ran, covered)
	if ran < 50 || covered < 60 {
		t.Errorf("only %d and %d commands were found", ran, covered)
	}
}

// by is the test that runs a page.
func by(name string) string {
	for page, test := range runBy {
		if strings.HasPrefix(name, page) {
			return test
		}
	}
	return ""
}

// run runs the commands of a page in a project of its own, and returns how many there were.
func run(t *testing.T, commands []command) (n int) {
	t.Helper()
	s := newProject(t)
	for _, c := range commands {
		text := withoutComment(c.text)
		if why := begins(elsewhere, text); why != "" {
			t.Logf("%s:%d: not run: %s (%s)", c.page, c.line, text, why)
			continue
		}
		n++
		if strings.HasPrefix(text, "export ") {
			continue // the project has its own
		}
		if asks.MatchString(text) {
			text += " --auto-approve"
		}
		code, out := s.Bash(".", text)
		succeeds := code == program.OK || code == program.Changes
		if said := begins(fails, text); succeeds != (said == "") || !strings.Contains(out, said) {
			t.Errorf("%s:%d: %s\nexit code %d\n%s", c.page, c.line, text, code, out)
		}
	}
	return n
}

// comment is one at the end of a command line.
var comment = regexp.MustCompile(`\s+# .*`)

func withoutComment(line string) string {
	return strings.TrimSpace(comment.ReplaceAllString(line, ""))
}

// asks are the commands that ask for approval on a terminal.
var asks = regexp.MustCompile(`^secretsync (apply|rotate|destroy|lock break|lock accept)( [-'a-z/_*=]+)*( \d+m?)?$`)

// begins returns what the map has for the beginning of a command.
func begins(m map[string]string, text string) string { return m[longest(m, text)] }

// longest returns the longest key that the text begins with.
func longest(m map[string]string, text string) string {
	keys := slices.SortedFunc(maps.Keys(m), func(a, b string) int { return len(b) - len(a) })
	for _, key := range keys {
		if strings.HasPrefix(text, key) {
			return key
		}
	}
	return ""
}

// newProject is a repository whose manifest was applied, with what the pages mention.
func newProject(t *testing.T) *page.Shell {
	t.Helper()
	e := program.Emulator(t, emulator.Options{KeepValues: true})
	s := &page.Shell{T: t, Root: t.TempDir(), Env: program.Environment(e.BaseURL())}
	maps.Copy(s.Env, map[string]string{
		"HOME": t.TempDir(), "PATH": os.Getenv("PATH"), "GIT_CONFIG_NOSYSTEM": "1", "STRIPE_KEY": "a value", "VALUE": "a value", "FILE": "secrets.enc.yaml", "ORIGIN": t.TempDir(),
		"GIT_AUTHOR_NAME": "dev", "GIT_AUTHOR_EMAIL": "dev@example.com", "GIT_COMMITTER_NAME": "dev", "GIT_COMMITTER_EMAIL": "dev@example.com",
	})
	s.Write("secretsync.yaml", `version: 1
vars: {environment: production}
stores:
  default_secrets_store:
    secrets:
      stripe-key: {from: {env: STRIPE_KEY}, comment: "of ${vars.environment}"}
      webhook-key: {generate: {bytes: 32, encoding: hex}, comment: webhooks}
`)
	s.Write("config/secretsync.yaml", "version: 1\nstores: {default_secrets_store: {}}\n")
	s.Write(".gitignore", "secretsync.key\n")
	for _, command := range []string{
		"git init --quiet --initial-branch main", "secretsync apply --auto-approve", "git add .", "git commit --quiet -m one",
		"git commit --quiet --allow-empty -m two", "git clone --quiet --bare . $ORIGIN", "git remote add origin $ORIGIN",
		"git fetch --quiet", "git branch --quiet --set-upstream-to origin/main",
	} {
		if code, out := s.Bash(".", command); code != 0 {
			t.Fatalf("%s: %s", command, out)
		}
	}
	return s
}
