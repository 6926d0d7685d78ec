package scripts

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/secretsync/secretsync/test/program"
)

// shells complete "secretsync plan --target prod/s" with the program's own script, which is in
// COMPLETION, and print what they offer. zsh's functions for completion need a terminal, so its
// script has stubs that print what they are to offer.
var shells = []struct {
	name, completion string
	args             []string
	script           string
}{
	{"bash", "bash", []string{"--norc", "-c"}, `
. "$COMPLETION" || exit 1
COMP_WORDS=(secretsync plan --target prod/s); COMP_CWORD=3; COMP_LINE="${COMP_WORDS[*]}"; COMP_POINT=${#COMP_LINE}; COMP_TYPE=63; COMP_KEY=9
# What Debian's package bash-completion would do.
_get_comp_words_by_ref() { cur=prod/s; prev=--target; words=("${COMP_WORDS[@]}"); cword=3; }
_init_completion() { _get_comp_words_by_ref; }
compopt() { :; }
__start_secretsync; printf '%s\n' "${COMPREPLY[@]}"`},
	{"zsh", "zsh", []string{"-f", "-c"}, `
compdef() { :; }
compadd() { :; }
_describe() { local -a list; list=("${(@P)2}"); [ "$1" = completions ] && print -rl -- "${list[@]}"; return 0 }
_arguments() { :; }
source "$COMPLETION" >/dev/null 2>&1
words=(secretsync plan --target prod/s); CURRENT=4
_secretsync`},
	{"fish", "fish", []string{"--no-config", "-c"}, `
source $COMPLETION; or exit 1
complete -C "secretsync plan --target prod/s"`},
	{"pwsh", "powershell", []string{"-NoProfile", "-Command"}, `
. $env:COMPLETION
(TabExpansion2 "secretsync plan --target prod/s" 31).CompletionMatches.CompletionText`},
}

// TestShellsComplete runs each shell that this machine has. Names that a shell would take for
// commands are in the manifest, too: nothing is run.
func TestShellsComplete(t *testing.T) {
	dir := t.TempDir()
	program.Must(t, os.WriteFile(filepath.Join(dir, "secretsync.yaml"), []byte(`version: 1
stores:
  prod: {secrets: {stripe-key: {from: {env: A}}, second: {from: {env: A}}, other: {from: {env: A}}}}
  hostile: {name: "prod/s$(touch ran)`+"`touch ran`"+`;touch ran", secrets: {x: {from: {env: A}}}}
`), 0o600))
	self, err := os.Executable()
	program.Must(t, err)
	bin := t.TempDir()
	program.Must(t, os.Symlink(self, filepath.Join(bin, "secretsync")))
	for _, shell := range shells {
		t.Run(shell.name, func(t *testing.T) {
			path, err := exec.LookPath(shell.name)
			if err != nil {
				t.Skipf("SKIPPED: %s is not installed, so its completion was not tried", shell.name)
			}
			file := filepath.Join(t.TempDir(), "completion")
			if shell.name == "pwsh" {
				file += ".ps1"
			}
			code, text := program.Program{}.Run(t.Context(), "completion", shell.completion)
			if code != program.OK {
				t.Fatal(text)
			}
			program.Must(t, os.WriteFile(file, []byte(text), 0o600))
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			cmd := exec.CommandContext(ctx, path, append(shell.args, shell.script)...)
			cmd.Dir = dir
			cmd.Env = append(os.Environ(), "COMPLETION="+file, "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"), "HOME="+t.TempDir())
			var out, errs bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, &errs
			if err := cmd.Run(); err != nil {
				t.Errorf("%v: %s", err, errs.String())
			}
			if got := strings.Fields(out.String()); len(got) != 2 || got[0] != "prod/second" || got[1] != "prod/stripe-key" {
				t.Errorf("it offers %q\n%s", got, errs.String())
			}
			if _, err := os.Stat(filepath.Join(dir, "ran")); err == nil {
				t.Error("a name was run")
			}
		})
	}
}
