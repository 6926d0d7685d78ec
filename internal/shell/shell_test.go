package shell_test

import (
	"os/exec"
	"testing"

	"github.com/secretsync/secretsync/internal/shell"
)

func TestWord(t *testing.T) {
	for in, want := range map[string]string{
		"":                    "''",
		"secrets/prod.yaml":   "secrets/prod.yaml",
		"a b":                 "'a b'",
		"--a=b:c+d":           "--a=b:c+d",
		"=a":                  "'=a'",
		"it's":                `'it'\''s'`,
		"$HOME":               "'$HOME'",
		"~/a":                 "'~/a'",
		"!x":                  "'!x'",
		"a\nb":                "'a\nb'",
		"regex:^a(b)*\\.yaml": "'regex:^a(b)*\\.yaml'",
	} {
		got := shell.Word(in)
		if got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
		if out, err := exec.Command("sh", "-c", "printf %s "+got).Output(); err != nil || string(out) != in {
			t.Errorf("%q: sh reads %q, %v", in, out, err)
		}
	}
}

func TestFile(t *testing.T) {
	for in, want := range map[string]string{"a.yaml": "a.yaml", "-i": "./-i", "-a b": "'./-a b'", "/a b": "'/a b'"} {
		if got := shell.File(in); got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
}

func TestGit(t *testing.T) {
	for file, want := range map[string]string{
		"a.lock":       "git rm --cached -- a.lock",
		"my app/-a b":  "git -C 'my app' rm --cached -- '-a b'",
		"/tmp/a/b.key": "git -C /tmp/a rm --cached -- b.key",
	} {
		if got := shell.Git(file, "rm", "--cached"); got != want {
			t.Errorf("%q: %s, want %s", file, got, want)
		}
	}
}
