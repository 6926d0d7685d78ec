package render

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/secretsync/secretsync/internal/render/foreign"
	"github.com/secretsync/secretsync/planner"
)

// entry is an item of a list in a comment: some lines of a code block, in which nothing is markup.
type entry struct {
	under   string // a heading, written where it differs from that of the entry before
	text    string // lines, none of which begins with foreign text
	op      planner.Op
	risk    risk
	tooLong bool // text leaves out most of the entry
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
	width := columnsOf(actions)
	var entries []entry
	for _, c := range changes {
		sign := diffSign(c.Op)
		head, details, below := c.lines(width)
		length := utf8.RuneCountInString(details) // before it is broken into lines
		for _, line := range append(below, head) {
			length += utf8.RuneCountInString(line)
		}
		details, more := c.foldFacts(sign+" "+head+"  ", details)
		below = append(more, below...)
		if length > maxEntry {
			head = fmt.Sprintf("%s %s", wordsFor(c.Op).verb, foreign.Name(c.Secret))
			details, below = fmt.Sprintf("is too long for a comment (%d characters): secretsync plan prints it", length), shortFacts(c.Action)
		}
		e := entry{under: hunk(c.Store), text: strings.TrimRight(sign+" "+head+"  "+details, " "), op: c.Op, risk: c.risk,
			tooLong: length > maxEntry}
		for _, line := range breaksLines(c.breaks) {
			e.text += "\n!" + indent + line
		}
		for _, line := range below {
			e.text += "\n" + sign + indent + line
		}
		entries = append(entries, e)
	}
	return entries
}

// shortFacts are what an entry has room for that is too long as a whole: a long path must not hide
// which scopes a secret loses.
func shortFacts(a planner.Action) []string {
	return slices.DeleteFunc(append(scopes(a), policy(a)...), func(fact string) bool { return utf8.RuneCountInString(fact) > foreign.MaxName })
}

// foldFacts breaks the facts of a change into lines, if they are too many for one: a long path must
// not push scopes out of sight. The rest of a long fact follows an ellipsis.
func (c change) foldFacts(head, details string) (first string, more []string) {
	parts := factParts(c.Action)
	if utf8.RuneCountInString(head+details) <= maxColumns || len(parts) == 0 {
		return details, nil
	}
	lines, room := []string{""}, maxColumns-utf8.RuneCountInString(head)
	for i, part := range parts {
		if i < len(parts)-1 {
			part += strings.TrimSpace(factEnd)
		}
		last := &lines[len(lines)-1]
		if width := utf8.RuneCountInString(*last + " " + part); *last != "" && width <= room {
			*last += " " + part
			continue
		}
		for j, chunk := range chunks(part, maxColumns-len(indent)-len("! … ")) {
			if j > 0 {
				chunk = "… " + chunk
			}
			if i == 0 && j == 0 {
				*last = chunk
			} else {
				lines = append(lines, chunk)
			}
		}
		if len(lines) > 1 {
			room = maxColumns - len(indent) - len("!")
		}
	}
	return lines[0], lines[1:]
}

// chunks cuts a text into pieces of up to limit characters.
func chunks(text string, limit int) []string {
	var pieces []string
	for piece := range slices.Chunk([]rune(text), limit) {
		pieces = append(pieces, string(piece))
	}
	return pieces
}

func diffSign(op planner.Op) string {
	switch op {
	case planner.OpCreate, planner.OpCreateStore, planner.OpPrepare:
		return "+"
	case planner.OpDelete, planner.OpDeleteStore:
		return "-"
	}
	return "!"
}

// hunk is the heading of a store's changes, like git's for a part of a file. It begins with a word
// of ours, which sets the direction of the text.
func hunk(s planner.StoreKey) string {
	return fmt.Sprintf("@@ store %s, account %s @@", foreign.Name(s.Name), foreign.Name(string(s.Account)))
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
	if n := utf8.RuneCountInString(text); n > foreign.MaxName {
		return span(foreign.Beginning(text, foreign.MaxName)) + fmt.Sprintf("… (%d characters)", n)
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
