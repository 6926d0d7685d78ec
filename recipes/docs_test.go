//go:build recipes

package recipes

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

var (
	mentioned = regexp.MustCompile("`secretsync ([^`]+)`|^(?:.*\\s)?secretsync ([a-z][^|#&`]*)$")
	option    = regexp.MustCompile(`--[a-z][a-z-]*|\s-[a-z]\b`)
)

// TestDocs compares every command in docs/ci.md with the program's help: the command exists,
// and so does each of its options.
func TestDocs(t *testing.T) {
	data, err := os.ReadFile("../docs/ci.md")
	must(t, err)
	seen := 0
	for line := range strings.Lines(string(data)) {
		for _, m := range mentioned.FindAllStringSubmatch(strings.TrimSpace(line), -1) {
			command := m[1] + m[2]
			name := strings.Fields(command)
			if len(name) > 1 && name[0] == "lock" {
				name[0] += " " + name[1]
			}
			help, err := exec.CommandContext(t.Context(), program(t), append(strings.Fields(name[0]), "--help")...).CombinedOutput()
			if err != nil {
				t.Errorf("%q: %v", command, err)
			}
			for _, o := range option.FindAllString(command, -1) {
				if !strings.Contains(string(help), strings.TrimSpace(o)) {
					t.Errorf("%q: its help does not know %s", command, o)
				}
			}
			seen++
		}
	}
	if seen < 10 {
		t.Errorf("%d commands found", seen)
	}
}

// TestCron runs the guide's crontab line without its schedule, and with a stub of mail.
func TestCron(t *testing.T) {
	data, err := os.ReadFile("../docs/ci.md")
	must(t, err)
	m := regexp.MustCompile(`(?m)^    17 6 \* \* \*  (.*)$`).FindStringSubmatch(string(data))
	if m == nil {
		t.Fatal("docs/ci.md has no line for cron")
	}
	p := newPlace(t)
	p.branch("first", one("a"))
	main := p.pipeline(p.merge("first"), p.withSecrets())
	main.exits("secretsync-plan-merged", 0)
	main.exits("secretsync-apply", 0)
	home := t.TempDir()
	git(t, "", "clone", "--quiet", p.origin, home+"/secrets")
	write(t, home+"/token.env", "export CLOUDFLARE_API_TOKEN="+p.readToken+" CLOUDFLARE_ACCOUNT_ID="+account+"\n")
	must(t, os.WriteFile(p.bin+"/mail", []byte("#!/bin/sh\ncat >\""+home+"/mail\"\n"), 0o755))
	line := strings.NewReplacer("/srv/secrets", home+"/secrets", "/etc/secretsync.env", home+"/token.env").Replace(m[1])
	mail := func() string {
		cmd := exec.CommandContext(t.Context(), "sh", "-c", line)
		cmd.Env = list(p.environment(nil))
		out, err := cmd.CombinedOutput()
		if err != nil || len(out) > 0 {
			t.Fatalf("%v: %s", err, out)
		}
		text, _ := os.ReadFile(home + "/mail")
		return string(text)
	}
	if text := mail(); text != "" {
		t.Fatalf("a mail without drift: %s", text)
	}
	p.dashboard("a", "changed")
	if text := mail(); !strings.Contains(text, "a") {
		t.Fatalf("the mail is %q", text)
	}
}
