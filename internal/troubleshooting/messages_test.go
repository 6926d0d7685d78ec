package troubleshooting

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/secretsync/secretsync/internal/sourcetest"
)

var update = flag.Bool("update", false, "remove what is gone from the page, and add what is new under Unsorted")

const pageFile = "../../docs/troubleshooting.md"

// The page lists every message of the program, and nothing else:
//
//   - an error and a warning under exactly one entry;
//   - a hint under at least one, since several errors can have the same;
//   - a part of messages, such as the reason of a failure, as any of these, if it has at least four words.
//
// Not needed are messages that only say where an error came from, as "read %s: %w": what comes after the
// colon is listed. Nor are hints of one or two words, as "write ...", which no one searches for.
func TestThePageListsEveryMessage(t *testing.T) {
	found := messages(t)
	if len(found) < 1000 {
		t.Fatalf("%d messages found: the test does not understand the code any more", len(found))
	}
	listed := map[message][]string{}
	texts := map[string]bool{}
	var gone []Message
	for _, e := range Entries() {
		for _, m := range e.Messages {
			if m.Kind == System {
				continue
			}
			key := message{m.Kind, m.Text}
			if texts[m.Text] = true; !slices.Contains(listed[key], e.Title) {
				listed[key] = append(listed[key], e.Title)
			}
			if _, ok := found[key]; !ok && !hasPart(found, m.Text) {
				gone = append(gone, m)
				t.Errorf("%s:%d: no code says %q", pageFile, m.Line, m.Text)
			}
		}
	}
	var missing []message
	for m, at := range found {
		switch entries := listed[m]; {
		case at.context, m.kind == Hint && words(m.text) < 3, m.kind == part && texts[m.text]:
		case len(entries) == 0:
			missing = append(missing, m)
			t.Errorf("%s: the page has no entry with this %s: %q", at.pos, m.kind, m.text)
		case len(entries) > 1 && m.kind != Hint:
			t.Errorf("%s: %q is under several entries: %s", at.pos, m.text, strings.Join(entries, ", "))
		}
	}
	if *update {
		rewrite(t, gone, missing)
	}
}

var extracted struct {
	once  sync.Once
	found map[message]place
}

// messages returns the messages in the code, which takes a few seconds to find.
func messages(t *testing.T) map[message]place {
	t.Helper()
	extracted.once.Do(func() { extracted.found = extract(sourcetest.Load(t)) })
	return extracted.found
}

// What the extractor has to follow: one message for each way from a literal to the output.
func TestExtract(t *testing.T) {
	found := messages(t)
	for _, m := range []message{
		{Error, "the API token is empty"},                                                       // errors.New
		{Error, "the lockfile … is in use by …; waited …"},                                      // a method Error
		{Error, "the lease … was lost: …"},                                                      // one that writes to a builder
		{Error, "unknown key …"},                                                                // a method that creates a mistake
		{Error, "secret … of store … is external and does not exist"},                           // a variable in front
		{Hint, "--allow-outside permits it"},                                                    // what a function of functions returns
		{Hint, "create it in Cloudflare, or remove it from the manifest"},                       // its second result
		{Hint, "restore the last good version from git"},                                        // a field of a struct
		{Warning, "… was written against an emulator: the stores in Cloudflare have other ids"}, // Say
		{Warning, "neither the environment nor the lockfile names the account: apply will not accept this plan as reviewed"},
		{part, "an identity in lower case"},                                                                                 // through a closure and strings.Join
		{part, "a quoted text has no closing quote"},                                                                        // a table
		{part, "the account has no room for more secrets: its quota counts secrets created by any tool; delete some first"}, // a map
	} {
		if _, ok := found[m]; !ok {
			t.Errorf("no %s %q was found", m.kind, m.text)
		}
	}
	if at, ok := found[message{Error, "the lockfile cannot be read: …"}]; !ok || !at.context {
		t.Errorf("what only says where an error came from is not recognized: %v", at)
	}
	for _, e := range []string{"the lease was lost", "no such value"} { // sentinels that are only compared
		if _, ok := found[message{Error, e}]; ok {
			t.Errorf("%q is never printed", e)
		}
	}
}

func hasPart(found map[message]place, text string) bool {
	_, ok := found[message{part, text}]
	return ok
}

// words counts the words of a message that are fixed.
func words(text string) int {
	return len(strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" …,.;:()\"", r) }))
}

// rewrite removes messages from the page, and adds others under Unsorted, from where they are to be moved
// to the entries that explain them.
func rewrite(t *testing.T, gone []Message, missing []message) {
	data, err := os.ReadFile(pageFile)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(data), "\n")
	for _, m := range slices.Backward(gone) {
		lines = slices.Delete(lines, m.Line-1, m.Line)
	}
	text := strings.Join(lines, "\n")
	var add []string
	for _, m := range missing {
		prefix := map[Kind]string{Hint: "hint: ", Warning: "warning: "}[m.kind]
		add = append(add, prefix+m.text)
	}
	if slices.Sort(add); len(add) > 0 {
		text += fmt.Sprintf("\n## %s\n\n### To be sorted\n\n```text\n%s\n```\n", unsorted, strings.Join(slices.Compact(add), "\n"))
	}
	if err := os.WriteFile(pageFile, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// unsorted is the section of messages that belong to no entry yet.
const unsorted = "Unsorted"

func TestNothingIsUnsorted(t *testing.T) {
	for _, e := range Entries() {
		if e.Section == unsorted {
			t.Errorf("%s:%d: move these messages to the entries that explain them, or write new ones", pageFile, e.Line)
		}
		if len(e.Messages) == 0 {
			t.Errorf("%s:%d: the entry %q has no message", pageFile, e.Line, e.Title)
		}
	}
}

// Each message leads to its own entry: alone, and after the operation that failed.
func TestEachMessageLeadsToItsEntry(t *testing.T) {
	tried := 0
	p := read()
	for _, e := range p.entries {
		for _, m := range e.Messages {
			if m.Kind == Hint || !newPattern(m, 0).usable() {
				continue
			}
			tried++
			said := strings.ReplaceAll(m.Text, gap, "x-1")
			for _, message := range []string{said, "reading x: " + said} {
				if got := p.find(message); got == nil || got.Anchor() != e.Anchor() {
					t.Errorf("%s:%d: %q leads to %v", pageFile, m.Line, message, got)
				}
			}
		}
	}
	if tried < 500 {
		t.Errorf("only %d messages were tried", tried)
	}
}

func (e *Entry) String() string { return "#" + e.Anchor() }
