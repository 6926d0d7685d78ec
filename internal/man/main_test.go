package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// TestFolders: one page for each command, and a script for each shell; the same ones every time, and
// none of an earlier run.
func TestFolders(t *testing.T) {
	dir := t.TempDir()
	if err := run([]string{dir}); err == nil {
		t.Error("it needs no date")
	}
	t.Setenv("SOURCE_DATE_EPOCH", "1764288000")
	write := func() map[string]string {
		if err := run([]string{dir}); err != nil {
			t.Fatal(err)
		}
		all := map[string]string{}
		for _, folder := range []string{"man", "completions"} {
			entries, err := os.ReadDir(filepath.Join(dir, folder))
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range entries {
				data, err := os.ReadFile(filepath.Join(dir, folder, e.Name()))
				if err != nil {
					t.Fatal(err)
				}
				all[e.Name()] = string(data)
			}
		}
		return all
	}
	first := write()
	if err := os.WriteFile(filepath.Join(dir, "man", "secretsync-gone.1"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(first, write()); diff != "" {
		t.Errorf("the second run differs: %s", diff)
	}
	for _, name := range []string{"secretsync.1", "secretsync-lock-status.1", "secretsync-completion-bash.1", "secretsync.bash", "secretsync.zsh", "secretsync.fish", "secretsync.ps1"} {
		if first[name] == "" {
			t.Errorf("there is no %s", name)
		}
	}
	if _, ok := first["secretsync-help.1"]; ok || strings.Contains(first["secretsync.1"], "Auto generated") {
		t.Error("there is more than the commands' own help")
	}
	if !strings.Contains(first["secretsync.1"], "Nov 2025") {
		t.Error("the date is not that of the sources")
	}
}

// rendered is a page as a terminal shows it, in words.
func rendered(t *testing.T, program string, page []byte) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "mandoc", "-Tutf8", "-Owidth=1000")
	if program == "man" {
		cmd = exec.CommandContext(t.Context(), "man", "-l", "-")
	}
	cmd.Env = append(os.Environ(), "MANWIDTH=1000", "MAN_KEEP_FORMATTING=", "LC_ALL=C.UTF-8", "MANPAGER=cat", "MANROFFOPT=-c")
	cmd.Stdin = bytes.NewReader(page)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	text := string(out)
	for i := strings.IndexByte(text, '\b'); i > 0; i = strings.IndexByte(text, '\b') { // overstruck: bold
		text = text[:i-1] + text[i+1:]
	}
	return strings.Join(strings.Fields(text), " ")
}

// TestPagesSayWhatTheHelpSays renders each page: all words of the command's help are there, in order,
// and each flag with its description.
func TestPagesSayWhatTheHelpSays(t *testing.T) {
	program := ""
	for _, name := range []string{"mandoc", "man"} {
		if _, err := exec.LookPath(name); err == nil {
			program = name
			break
		}
	}
	t.Setenv("SOURCE_DATE_EPOCH", "1764288000")
	pages, err := manPages()
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	var visit func(*cobra.Command)
	visit = func(cmd *cobra.Command) {
		page, ok := pages[strings.ReplaceAll(cmd.CommandPath(), " ", "-")+".1"]
		if !ok {
			if cmd.IsAvailableCommand() {
				t.Errorf("%s has no page", cmd.CommandPath())
			}
			return
		}
		seen++
		if program != "" {
			checkPage(t, cmd, rendered(t, program, page))
		}
		for _, sub := range cmd.Commands() {
			visit(sub)
		}
	}
	visit(root())
	if seen != len(pages) {
		t.Errorf("%d pages for %d commands", len(pages), seen)
	}
	if program == "" {
		t.Skip("SKIPPED: neither mandoc nor man is installed, so no page was rendered")
	}
}

func checkPage(t *testing.T, cmd *cobra.Command, text string) {
	t.Helper()
	has := func(what, want string) {
		if want = strings.Join(strings.Fields(want), " "); !strings.Contains(text, want) {
			t.Errorf("%s lacks the %s %q", cmd.CommandPath(), what, want)
		}
	}
	for paragraph := range strings.SplitSeq(cmd.Long, "\n\n") {
		has("text", paragraph)
	}
	for line := range strings.SplitSeq(cmd.Example, "\n") {
		has("example", line)
	}
	cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			has("flag", "--"+f.Name)
			has("description", f.Usage)
		}
	})
}
