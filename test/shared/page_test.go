// Package shared runs every command of docs/shared.md with the real program, in the order of the
// page, against the emulator and an object store in memory, and compares what each prints with the
// page. wrangler and aws are fakes that check their arguments.
package shared

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/secretsync/secretsync/test/page"
	"github.com/secretsync/secretsync/test/program"
)

func TestMain(m *testing.M) {
	program.Main(m, map[string]func(){
		"wrangler": program.Fake(wrangler),
		"aws":      program.Fake(aws),
	})
}

// blocks returns the page's blocks.
func blocks(t *testing.T) (text string, all []page.Block) {
	t.Helper()
	return page.Read(t, "../../docs/shared.md")
}

// named returns the text of a block.
func named(t *testing.T, name string) string {
	t.Helper()
	_, all := blocks(t)
	i := slices.IndexFunc(all, func(b page.Block) bool { return b.Name == name })
	if i < 0 {
		t.Fatalf("docs/shared.md has no block %s", name)
	}
	return all[i].Text
}

// TestPage goes through the page.
func TestPage(t *testing.T) {
	_, all := blocks(t)
	p := newPlace(t)
	p.existingProject()
	commands := 0
	for _, b := range all {
		folder, state, _ := strings.Cut(b.Name, " ")
		switch b.Language {
		case "console":
			if arrange := states[state]; arrange != nil {
				arrange(p)
			} else if state != "" {
				t.Fatalf("the page has a block in the unknown state %q", state)
			}
			commands += p.Console(folder, b.Text)
			delete(states, state) // each is used once
		case "yaml":
			p.Write(b.Name, b.Text+"\n")
		case "json":
			p.Write("admin/"+b.Name, b.Text)
		case "sh":
			p.checkEnvironment(b.Text)
		default:
			t.Errorf("the test does not know what to do with a block of %s", b.Language)
		}
	}
	if commands < 15 || len(states) > 0 {
		t.Errorf("%d commands were run, and these states were not used: %v", commands, slices.Collect(maps.Keys(states)))
	}
	p.checkEnd()
}

// checkEnvironment compares the variables that the page and the test set.
func (p *place) checkEnvironment(text string) {
	p.T.Helper()
	for _, m := range regexp.MustCompile(`(?m)^export ([A-Z_]+)=`).FindAllStringSubmatch(text, -1) {
		if p.Env[m[1]] == "" {
			p.T.Errorf("the page sets %s, and the test does not", m[1])
		}
	}
}
