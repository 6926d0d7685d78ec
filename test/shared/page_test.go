// Package shared runs every command of docs/shared.md with the real program, in the order of the
// page, against the emulator and an object store in memory, and compares what each prints with the
// page. wrangler and aws are fakes that check their arguments.
package shared

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

func TestMain(m *testing.M) {
	program.Main(m, map[string]func(){
		"wrangler": func() { os.Exit(fake(wrangler)) },
		"aws":      func() { os.Exit(fake(aws)) },
	})
}

// block is a block of code of the page.
type block struct{ language, name, text string }

// blocks are those of the page that have a name. A block without one, which no test would see,
// fails the test.
func blocks(t *testing.T) (page string, all []block) {
	t.Helper()
	data, err := os.ReadFile("../../docs/shared.md")
	program.Must(t, err)
	for _, m := range regexp.MustCompile("(?s)\n```([a-z]*) ?([^\n]*)\n(.*?)\n?```\n").FindAllStringSubmatch(string(data), -1) {
		if m[1] == "" || m[2] == "" {
			t.Errorf("a block without a language or a name: %q", m[3])
		}
		all = append(all, block{m[1], m[2], m[3]})
	}
	return string(data), all
}

// named returns the text of a block.
func named(t *testing.T, name string) string {
	t.Helper()
	_, all := blocks(t)
	i := slices.IndexFunc(all, func(b block) bool { return b.name == name })
	if i < 0 {
		t.Fatalf("docs/shared.md has no block %s", name)
	}
	return all[i].text
}

// TestPage goes through the page.
func TestPage(t *testing.T) {
	_, all := blocks(t)
	p := newPlace(t)
	p.existingProject()
	commands := 0
	for _, b := range all {
		folder, state, _ := strings.Cut(b.name, " ")
		switch b.language {
		case "console":
			if arrange := states[state]; arrange != nil {
				arrange(p)
			} else if state != "" {
				t.Fatalf("the page has a block in the unknown state %q", state)
			}
			commands += p.console(folder, b.text)
			delete(states, state) // each is used once
		case "yaml":
			p.write(b.name, b.text+"\n")
		case "json":
			p.write("admin/"+b.name, b.text)
		case "sh":
			p.checkEnvironment(b.text)
		default:
			t.Errorf("the test does not know what to do with a block of %s", b.language)
		}
	}
	if commands < 15 || len(states) > 0 {
		t.Errorf("%d commands were run, and these states were not used: %v", commands, slices.Collect(maps.Keys(states)))
	}
	p.checkEnd()
}

// console runs the commands of a block in a folder, and compares what they print.
func (p *place) console(folder, text string) (n int) {
	p.t.Helper()
	for _, part := range strings.Split("\n"+text, "\n$ ")[1:] {
		command, want, _ := strings.Cut(part, "\n")
		code, got := p.bash(folder, command)
		if fails := strings.Contains("\n"+want, "\nerror: "); fails != (code != 0) {
			p.t.Fatalf("$ %s\nexit code %d:\n%s", command, code, got)
		}
		if !like(got, want) {
			p.t.Errorf("$ %s\nprints\n%s\nand the page shows\n%s", command, got, want)
		}
		n++
	}
	return n
}

// bash runs a command line.
func (p *place) bash(folder, command string) (code int, output string) {
	p.t.Helper()
	cmd := exec.CommandContext(p.t.Context(), "bash", "-c", command)
	var out bytes.Buffer
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = p.path(folder), p.environment(), &out, &out
	_ = cmd.Run()
	p.t.Logf("%s$ %s\n%s", folder, command, out.String())
	return cmd.ProcessState.ExitCode(), strings.TrimSuffix(out.String(), "\n")
}

// like reports whether got is want, in which "…" stands for any text; on a line of its own, for any
// lines.
func like(got, want string) bool {
	parts := strings.Split(want, "…")
	for i := range parts {
		parts[i] = regexp.QuoteMeta(parts[i])
	}
	pattern := strings.Join(parts, `[^\n]+`)
	pattern = regexp.MustCompile(`(?m)^\[\^\\n\]\+$`).ReplaceAllString(pattern, `(?s:.+?)`)
	return regexp.MustCompile(`\A` + pattern + `\z`).MatchString(got)
}

func TestLike(t *testing.T) {
	for _, tt := range []struct {
		got, want string
		like      bool
	}{
		{"a b c", "a … c", true},
		{"a b\nc", "a … c", false},
		{"a b c", "a b", false},
		{"a.b", "a.b", true},
		{"axb", "a.b", false},
		{"1\n2\nend", "…\nend", true},
		{"1\n2", "…\nend", false},
	} {
		if like(tt.got, tt.want) != tt.like {
			t.Errorf("%q is like %q: want %v", tt.got, tt.want, tt.like)
		}
	}
}

// checkEnvironment compares the variables that the page sets with those that the test sets.
func (p *place) checkEnvironment(text string) {
	p.t.Helper()
	for _, m := range regexp.MustCompile(`(?m)^export ([A-Z_]+)=`).FindAllStringSubmatch(text, -1) {
		if p.env[m[1]] == "" {
			p.t.Errorf("the page sets %s, and the test does not", m[1])
		}
	}
}

func (p *place) path(name string) string { return filepath.Join(p.root, filepath.FromSlash(name)) }

func (p *place) write(name, text string) {
	p.t.Helper()
	program.Must(p.t, os.MkdirAll(filepath.Dir(p.path(name)), 0o755))
	program.Must(p.t, os.WriteFile(p.path(name), []byte(text), 0o600))
}
