// Package page runs the commands of a page of the documentation, in the order of the page, and
// compares what each prints with what the page shows.
package page

import (
	"bytes"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/secretsync/secretsync/test/program"
)

// Block is a block of code of a page. The rest of the line that opens it is its name.
type Block struct{ Language, Name, Text string }

// Read returns the page and its blocks that have a name. A block without a language or a name, which
// no test would see, fails the test.
func Read(t testing.TB, file string) (text string, all []Block) {
	t.Helper()
	data, err := os.ReadFile(file)
	program.Must(t, err)
	for _, m := range regexp.MustCompile("(?s)\n```([a-z]*) ?([^\n]*)\n(.*?)\n?```\n").FindAllStringSubmatch(string(data), -1) {
		if m[1] == "" || m[2] == "" {
			t.Errorf("%s: a block without a language or a name: %q", file, m[3])
		}
		all = append(all, Block{m[1], m[2], m[3]})
	}
	return string(data), all
}

// Shell runs the commands of a page.
type Shell struct {
	T    *testing.T
	Root string            // the folder that the names of blocks are relative to
	Env  map[string]string // the whole environment
}

// Path is a file or folder of the page.
func (s *Shell) Path(name string) string { return filepath.Join(s.Root, filepath.FromSlash(name)) }

// Write writes a file, and the folders above it.
func (s *Shell) Write(name, text string) {
	s.T.Helper()
	program.Must(s.T, os.MkdirAll(filepath.Dir(s.Path(name)), 0o755))
	program.Must(s.T, os.WriteFile(s.Path(name), []byte(text), 0o600))
}

// Console runs the commands of a block in a folder, and compares what they print. It returns how
// many there were. A command fails if and only if the page shows an error.
func (s *Shell) Console(folder, text string) (n int) {
	s.T.Helper()
	for _, part := range strings.Split("\n"+text, "\n$ ")[1:] {
		command, want := cutCommand(part)
		if assignment, ok := strings.CutPrefix(command, "export "); ok {
			s.export(assignment)
			n++
			continue
		}
		code, got := s.Bash(folder, command)
		if fails := strings.Contains("\n"+want, "\nerror: "); fails != (code != 0) {
			s.T.Fatalf("$ %s\nexit code %d:\n%s", command, code, got)
		}
		if !Like(got, want) {
			s.T.Errorf("$ %s\nprints\n%s\nand the page shows\n%s", command, got, want)
		}
		n++
	}
	return n
}

// export sets a variable for the commands that follow.
func (s *Shell) export(assignment string) {
	s.T.Helper()
	name, value, _ := strings.Cut(assignment, "=")
	code, out := s.Bash(".", "printf %s "+value)
	if code != 0 {
		s.T.Fatalf("export %s: %s", assignment, out)
	}
	s.Env[name] = out
}

// cutCommand separates a command, which "\" continues on the next line, from its output.
func cutCommand(text string) (command, output string) {
	for {
		line, rest, _ := strings.Cut(text, "\n")
		command += line
		if !strings.HasSuffix(line, `\`) {
			return command, rest
		}
		command += "\n"
		text = rest
	}
}

// Bash runs a command line in a folder.
func (s *Shell) Bash(folder, command string) (code int, output string) {
	s.T.Helper()
	cmd := exec.CommandContext(s.T.Context(), "bash", "-c", command)
	var out bytes.Buffer
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = s.Path(folder), s.Environment(), &out, &out
	_ = cmd.Run()
	s.T.Logf("%s$ %s\n%s", folder, command, out.String())
	return cmd.ProcessState.ExitCode(), strings.TrimSuffix(out.String(), "\n")
}

// Environment is Env as a process needs it.
func (s *Shell) Environment() []string {
	var env []string
	for _, name := range slices.Sorted(maps.Keys(s.Env)) {
		env = append(env, name+"="+s.Env[name])
	}
	return env
}

// Like reports whether got is want, in which "…" stands for any text; on a line of its own, for any
// lines.
func Like(got, want string) bool {
	parts := strings.Split(want, "…")
	for i := range parts {
		parts[i] = regexp.QuoteMeta(parts[i])
	}
	pattern := strings.Join(parts, `[^\n]+`)
	pattern = regexp.MustCompile(`(?m)^\[\^\\n\]\+$`).ReplaceAllString(pattern, `(?s:.+?)`)
	return regexp.MustCompile(`\A` + pattern + `\z`).MatchString(got)
}
