// Package commands holds the commands in the documentation to the program: each parses, and each that
// a reader is to run is run by a test.
package commands

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/shlex"
	"github.com/secretsync/secretsync/test/program"
	"github.com/spf13/pflag"
)

// command is a command line of a page.
type command struct {
	page string
	line int
	text string
	run  bool // the reader is to run it: it is in a block of its own
}

// inline is a command in a sentence.
var inline = regexp.MustCompile("`(secretsync [^`]+)`")

// commands returns a page's commands: the lines of blocks for a shell, or the lines after a prompt if
// a block has one, and inline code that begins with the program's name.
func commands(page, text string) (all []command) {
	lines := strings.Split(text, "\n")
	for i := 0; i < len(lines); i++ {
		indented := strings.HasPrefix(lines[i], "    ")
		fence, fenced := strings.CutPrefix(lines[i], "```")
		if !indented && !fenced {
			for _, m := range inline.FindAllStringSubmatch(lines[i], -1) {
				all = append(all, command{page, i + 1, m[1], false})
			}
			continue
		}
		first := i
		if fenced {
			first++
		}
		within := func(line string) bool {
			return fenced && !strings.HasPrefix(line, "```") || indented && strings.HasPrefix(line, "    ")
		}
		for i = first; i < len(lines) && within(lines[i]); {
			i++
		}
		language, _, _ := strings.Cut(fence, " ")
		if !slices.Contains([]string{"", "sh", "bash", "console"}, language) {
			continue
		}
		block := lines[first:i]
		prompt := slices.ContainsFunc(block, func(line string) bool { return strings.HasPrefix(strings.TrimSpace(line), "$ ") })
		for n, line := range block {
			text, prompted := strings.CutPrefix(strings.TrimSpace(line), "$ ")
			if prompted || !prompt && isCommand.MatchString(text) {
				all = append(all, command{page, first + n + 1, text, true})
			}
		}
	}
	return all
}

// isCommand are the programs that the documentation tells the reader to run.
var isCommand = regexp.MustCompile(`^(secretsync|git|go|make|sops|age-keygen|npm|npx|wrangler|docker|brew|scoop|apt|dpkg|rpm|cosign|sha256sum|curl|export|printf|` +
	`kubectl|gh|aws|terraform|pulumi|man|source|pre-commit|op|vault) `)

func all(t *testing.T) (found []command) {
	t.Helper()
	var pages []string
	for _, pattern := range []string{"../../*.md", "../../docs/*.md"} {
		more, err := filepath.Glob(pattern)
		program.Must(t, err)
		pages = append(pages, more...)
	}
	for _, page := range pages {
		text, err := os.ReadFile(page)
		program.Must(t, err)
		name, err := filepath.Rel("../..", page)
		program.Must(t, err)
		found = append(found, commands(filepath.ToSlash(name), string(text))...)
	}
	return found
}

// notOurs matches the parts of a command that are for the shell, and placeholders.
var notOurs = regexp.MustCompile(`\[[^\]]*\]|\.\.\.|…| [|>] .*| && .*|; .*`)

// TestCommandsParse: every command of secretsync in the documentation exists, with all its flags.
func TestCommandsParse(t *testing.T) {
	parsed := 0
	for _, c := range all(t) {
		ours, err := parse(c.text)
		if err != nil {
			t.Errorf("%s:%d: %q: %v", c.page, c.line, c.text, err)
		}
		if !ours {
			continue
		}
		parsed++
	}
	t.Logf("%d commands parse", parsed)
	if parsed < 200 {
		t.Errorf("only %d commands were found", parsed)
	}
}

// isVersion is what version prints.
var isVersion = regexp.MustCompile(`^v\d`)

// parse parses a command line of secretsync with the flags that it has. It returns false for one of
// another program.
func parse(line string) (ours bool, err error) {
	_, text, ok := strings.Cut(" "+line, " secretsync ")
	if !ok || strings.HasPrefix(text, "COMMAND ") || isVersion.MatchString(text) {
		return false, nil
	}
	if text = notOurs.ReplaceAllString(text, ""); strings.Count(text, "'")%2 == 1 {
		text = strings.TrimSuffix(text, "'") // of a command within another one's quotes
	}
	words, err := shlex.Split(text)
	if err != nil {
		return true, err
	}
	root := program.Root()
	root.InitDefaultVersionFlag()
	found, rest, err := root.Find(words)
	if err != nil {
		return true, err
	}
	if err := found.ParseFlags(rest); err != nil && !errors.Is(err, pflag.ErrHelp) && !strings.Contains(err.Error(), "needs an argument") {
		return true, err
	}
	return true, nil
}
