package render

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/secretsync/secretsync/planner"
)

// entry is an item of a list in a comment: some lines of a code block, in which nothing is markup.
type entry struct {
	under   string // a heading, written where it differs from that of the entry before
	text    string // lines, none of which begins with foreign text
	op      planner.Op
	risk    risk
	tooLong bool // text is only the entry's name
}

// maxEntry bounds how much of a comment an entry may take, in characters.
const maxEntry = 2000

// maxColumns is the width at which text is wrapped, because browsers do not wrap it in a block.
const maxColumns = 100

// changeEntries are changes in the form of a diff: lines begin with "+" where something is added,
// "-" where it is removed, and "!" where it changes.
func changeEntries(changes []change) []entry {
	actions := make([]planner.Action, len(changes))
	for i, c := range changes {
		actions[i] = c.Action
	}
	width := nameWidth(actions)
	var entries []entry
	for _, c := range changes {
		sign := diffSign(c.Op)
		head, details, below := c.lines(width)
		e := entry{under: hunk(c.Store), text: strings.TrimRight(sign+" "+head+"  "+details, " "), op: c.Op, risk: c.risk}
		for _, line := range breaksLines(c.breaks) {
			e.text += "\n!" + indent + line
		}
		for _, line := range below {
			e.text += "\n" + sign + indent + line
		}
		if n := utf8.RuneCountInString(e.text); n > maxEntry {
			c.Secret = shortName(c.Secret)
			e.text, e.tooLong = fmt.Sprintf("%s %s %s  is too long for a comment (%d characters): secretsync plan prints it", sign, wordsFor(c.Op).verb, c.Secret, n), true
		}
		entries = append(entries, e)
	}
	return entries
}

func diffSign(op planner.Op) string {
	switch op {
	case planner.OpCreate, planner.OpCreateStore:
		return "+"
	case planner.OpDelete, planner.OpDeleteStore:
		return "-"
	}
	return "!"
}

// hunk heads the changes in a store, as git heads those in a part of a file. It begins with a word
// of ours, which sets the direction of the text.
func hunk(s planner.StoreKey) string {
	return fmt.Sprintf("@@ store %s, account %s @@", shortName(s.Name), shortName(string(s.Account)))
}

func problemEntries(problems []planner.Problem, in Names) []entry {
	var lines []string
	for _, q := range problems {
		what, hint := Problem(q, in)
		if !q.Pos.IsZero() {
			what = place(q.Pos) + ": " + what
		}
		if hint != "" {
			what += "\nhint: " + hint
		}
		lines = append(lines, what)
	}
	return textEntries(lines)
}

// textEntries are texts whose lines are wrapped.
func textEntries(texts []string) []entry {
	var entries []entry
	for _, text := range texts {
		e := entry{text: "- " + strings.Join(indented(text), "\n  ")}
		if n := utf8.RuneCountInString(e.text); n > maxEntry {
			e.text, e.tooLong = fmt.Sprintf("- this is too long for a comment (%d characters): secretsync plan prints it", n), true
		}
		entries = append(entries, e)
	}
	return entries
}

func indented(text string) []string {
	var lines []string
	for line := range strings.SplitSeq(text, "\n") {
		lines = append(lines, wrapped(line, maxColumns)...)
	}
	return lines
}

// fitting is how many entries there is room for in so many characters.
func fitting(entries []entry, limit int) int {
	used, under := 0, ""
	for i, e := range entries {
		if e.under != under {
			under = e.under
			used += utf8.RuneCountInString(under) + 1
		}
		if used += utf8.RuneCountInString(e.text) + 1; used > limit {
			return i
		}
	}
	return len(entries)
}

// block writes entries as a code block. Its fence is longer than all runs of backticks in it.
func (b *comment) block(language string, entries []entry) {
	if len(entries) == 0 {
		return
	}
	var lines strings.Builder
	under := ""
	for _, e := range entries {
		if e.under != under {
			under = e.under
			lines.WriteString(under + "\n")
		}
		lines.WriteString(e.text + "\n")
	}
	fence := fenceFor(lines.String(), 3)
	b.line("%s%s\n%s%s\n", fence, language, lines.String(), fence)
}

// fenceFor is a run of backticks that is not in a text.
func fenceFor(text string, shortest int) string {
	longest, run := shortest-1, 0
	for _, r := range text {
		if run++; r != '`' {
			run = 0
		}
		longest = max(longest, run)
	}
	return strings.Repeat("`", longest+1)
}

// code is foreign text as a code span, in which nothing is markup.
func code(text string) string {
	if n := utf8.RuneCountInString(text); n > maxName {
		return span(beginning(text, maxName)) + fmt.Sprintf("… (%d characters)", n)
	}
	return span(text)
}

// span does the same for text that is never cut.
func span(text string) string {
	text = Safe(text)
	fence := fenceFor(text, 1)
	if text == "" || strings.ContainsAny(text[:1]+text[len(text)-1:], "` ") {
		text = " " + text + " "
	}
	return fence + text + fence
}
