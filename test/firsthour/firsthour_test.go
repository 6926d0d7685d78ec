// Package firsthour runs every command that README.md's "Quick start" and docs/first-hour.md give, in
// their order, as a new user would: with the real program, an empty home folder, and an emulator in
// place of the account.
package firsthour

import (
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/secretsync/secretsync/internal/emulator"
	"github.com/secretsync/secretsync/test/page"
	"github.com/secretsync/secretsync/test/program"
)

func TestMain(m *testing.M) { program.Main(m) }

// newUser is a shell in an empty folder, without settings, keys or an account.
func newUser(t *testing.T) *page.Shell {
	s := &page.Shell{T: t, Root: t.TempDir()}
	s.Env = map[string]string{
		"HOME": t.TempDir(), "PATH": os.Getenv("PATH"), "GIT_CONFIG_NOSYSTEM": "1", "GIT_CEILING_DIRECTORIES": filepath.Dir(s.Root),
		"GIT_AUTHOR_NAME": "dev", "GIT_AUTHOR_EMAIL": "dev@example.com", "GIT_COMMITTER_NAME": "dev", "GIT_COMMITTER_EMAIL": "dev@example.com",
	}
	return s
}

// exports finds what the user has to fill in.
var exports = regexp.MustCompile(`(?m)^export ([A-Z_]+)=\.\.\.`)

// signIn sets the variables that a page asks for, and directs them to an emulator.
func signIn(s *page.Shell, e *emulator.Embedded, text string) {
	s.T.Helper()
	account := program.Environment(e.BaseURL())
	named := exports.FindAllStringSubmatch(text, -1)
	for _, m := range named {
		if account[m[1]] == "" {
			s.T.Errorf("the page sets %s, which the program does not need", m[1])
		}
	}
	if len(named) != len(account)-1 { // all but the emulator's address
		s.T.Errorf("the page sets %d variables", len(named))
	}
	maps.Copy(s.Env, account)
}

// TestPage goes through docs/first-hour.md.
func TestPage(t *testing.T) {
	program.SkipUnderRace(t)
	_, blocks := page.Read(t, "../../docs/first-hour.md")
	s, e := newUser(t), program.Emulator(t, emulator.Options{KeepValues: true})
	commands := 0
	for _, b := range blocks {
		switch {
		case b.Name == "build":
			checkBuild(t, b.Text)
		case b.Language == "console":
			commands += s.Console(b.Name, b.Text)
		case b.Language == "yaml":
			s.Write(b.Name, b.Text+"\n")
		case b.Language == "sh":
			existingSecrets(t, e)
			signIn(s, e, b.Text)
		default:
			t.Errorf("the test does not know what to do with a block of %s", b.Language)
		}
	}
	if commands < 30 {
		t.Errorf("only %d commands were run", commands)
	}
	if !e.HasValue(program.Account, "default_secrets_store", "stripe-secret-key", []byte("sk_live_fourth")) {
		t.Error("the account does not have the value of stripe-secret-key")
	}
	if code, out := s.Bash("my-secrets", "git status --short"); code != 0 || out != "" {
		t.Errorf("at the end of the page, git status says\n%s", out)
	}
	if code, out := s.Bash(".", "! grep -rE 'sk_live|AGE-SECRET' my-secrets"); code != 0 {
		t.Errorf("there is a value in clear:\n%s", out)
	}
}

// checkBuild holds the commands that need the network to the repository.
func checkBuild(t *testing.T, text string) {
	t.Helper()
	_, rest, found := strings.Cut(text, "go install ./")
	if !found {
		t.Fatal("the page does not install the program")
	}
	folder := strings.Fields(rest)[0]
	if _, err := os.Stat(filepath.Join("../..", folder, "main.go")); err != nil {
		t.Error(err)
	}
}

// existingSecrets creates what the account of the page has already.
func existingSecrets(t *testing.T, e *emulator.Embedded) {
	t.Helper()
	_, err := program.Send(e.BaseURL(), http.MethodPost, "/stores", map[string]string{"name": "default_secrets_store"})
	program.Must(t, err)
	id, err := program.FindID(e.BaseURL(), "/stores", "default_secrets_store")
	program.Must(t, err)
	_, err = program.Send(e.BaseURL(), http.MethodPost, "/stores/"+id+"/secrets", []map[string]any{
		{"name": "wiki-key", "value": "of the wiki", "scopes": []string{"workers"}, "comment": "the wiki"},
		{"name": "stripe-secret-key", "value": "an old value", "scopes": []string{"workers"}},
	})
	program.Must(t, err)
}

// TestReadme runs the blocks of the README's "Quick start" in an empty folder. What asks on a terminal
// is approved.
func TestReadme(t *testing.T) {
	program.SkipUnderRace(t)
	text, err := os.ReadFile("../../README.md")
	program.Must(t, err)
	_, section, _ := strings.Cut(string(text), "\n## Quick start\n")
	section, _, _ = strings.Cut(section, "\n## ")
	blocks := regexp.MustCompile("(?s)\n```sh\n(.*?)```\n").FindAllStringSubmatch(section, -1)
	if len(blocks) != 2 {
		t.Fatalf("the quick start has %d blocks", len(blocks))
	}
	checkBuild(t, section)
	s, e := newUser(t), program.Emulator(t, emulator.Options{KeepValues: true})
	folder, commands := ".", 0
	for _, block := range blocks {
		if exports.MatchString(block[1]) {
			signIn(s, e, block[1])
		}
		for line := range strings.Lines(block[1]) {
			if exports.MatchString(line) {
				continue
			}
			line, _, _ = strings.Cut(strings.TrimSpace(line), " # ")
			line = strings.TrimSpace(line)
			run := line
			if line == "secretsync apply" {
				run += " --auto-approve"
			}
			if code, out := s.Bash(folder, run); code != 0 || strings.Contains(out, "error: ") {
				t.Fatalf("%s\nexit code %d\n%s", line, code, out)
			}
			if _, to, ok := strings.Cut(line, "&& cd "); ok {
				folder = to
			}
			commands++
		}
	}
	if commands < 12 {
		t.Errorf("only %d commands were run", commands)
	}
	if !e.HasValue(program.Account, "default_secrets_store", "stripe-secret-key", []byte("a value")) {
		t.Error("the account does not have the value")
	}
	if _, out := s.Bash(folder, "git status --short | grep -v '^A'"); out != "?? plan.json" {
		t.Errorf("git add leaves\n%s", out)
	}
}
