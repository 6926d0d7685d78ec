package render

import (
	"fmt"
	"io"
	"math"
	"sort"
	"strings"
	"unicode/utf8"

	"github.com/secretsync/secretsync/planner"
)

// MaxMarkdown is the largest comment that GitHub takes, in characters (docs/findings.md §2).
const MaxMarkdown = 65536

// The markers by which a recipe finds its own comment.
const (
	planMarker     = "<!-- secretsync-plan -->"
	driftMarker    = "<!-- secretsync-drift -->"
	validateMarker = "<!-- secretsync-validate -->"
)

// PlanMarkdown writes a plan as a pull-request comment. The changes have the form of a diff, so
// that they can be read as raw text too. If they do not fit, the last ones, which are the least
// risky, are left out and counted.
func PlanMarkdown(w io.Writer, p *planner.Plan, info PlanInfo) error {
	in, unread := PlanNames(p), textEntries(sentences(unreadInPlan(p), notPlanned))
	changes, others := changesOf(p)
	problems, entries, notes := problemEntries(p.Problems, in), changeEntries(changes), textEntries(noteLines(others, in))
	return fitted(w, func(b *comment) {
		b.head(planMarker, info.Origin)
		if info.ID != "" && len(p.Problems) == 0 {
			b.line("<!-- secretsync-plan-id %s -->", Safe(info.ID)) // for recipes: docs/output.md
		}
		b.line("### secretsync: %s\n", Summary(p))
		b.origin(info.Origin)
		if info.ID != "" {
			b.line("%s · plan id %s\n", code(info.Manifest), span(quotedID(info.ID)))
		}
		b.unread(unread)
		b.list("**This cannot be applied:**", "text", problems, b.limit/4)
		b.changes(entries)
		b.list("Notes:", "text", notes, b.limit/8)
		for _, line := range remarks(p, info) {
			b.line("%s\n", line)
		}
	})
}

// DriftMarkdown writes drift as a comment, as PlanMarkdown does.
func DriftMarkdown(w io.Writer, drift []planner.Drift, checked int, origin Origin) error {
	counted, others := driftEntries(drift)
	_, unread := withoutUnread(drift)
	missing := textEntries(sentences(unread, notChecked))
	return fitted(w, func(b *comment) {
		b.head(driftMarker, origin)
		b.line("### secretsync: %s\n", driftSummary(drift, checked))
		b.origin(origin)
		b.unread(missing)
		b.list("**Cloudflare differs from what was last applied:**", "diff", counted, b.limit)
		b.list("This does not count as drift:", "diff", others, b.limit/8)
	})
}

// fitted writes the longest form of a comment that GitHub takes. A form has lists that are limited
// by the comment's limit.
func fitted(w io.Writer, form func(b *comment)) error {
	text := func(limit int) string {
		b := &comment{limit: limit}
		form(b)
		return b.text.String()
	}
	tooLong := func(limit int) bool { return utf8.RuneCountInString(text(limit)) > MaxMarkdown }
	limit := math.MaxInt
	if tooLong(limit) {
		limit = max(sort.Search(MaxMarkdown, tooLong)-1, 0)
	}
	_, err := io.WriteString(w, text(limit))
	return err
}

// comment gathers Markdown.
type comment struct {
	text strings.Builder
	// limit is how much of the changes there is room for, in characters. Other lists get a share
	// of it.
	limit int
}

func (b *comment) line(format string, args ...any) { fmt.Fprintf(&b.text, format+"\n", args...) }

// list writes a list under a title, as far as there is room for it.
func (b *comment) list(title, language string, entries []entry, limit int) {
	if len(entries) == 0 {
		return
	}
	b.line("%s\n", title)
	shown := fitting(entries, limit)
	b.block(language, entries[:shown])
	if more := len(entries) - shown; more > 0 {
		b.line("**Left out for lack of room: %d more.** `secretsync plan` prints everything.\n", more)
	}
}

// maxOpen is up to how many changes without risk are shown unfolded.
const maxOpen = 50

// changes writes the changes, as far as there is room for them. What is left out is said first.
func (b *comment) changes(entries []entry) {
	n := fitting(entries, b.limit)
	shown, left := entries[:n], entries[n:]
	var breaking, risky, tooLong int
	for _, e := range entries { // also of those that are left out
		if e.risk == riskBreaks {
			breaking++
		}
	}
	for i, e := range shown {
		if e.risk <= riskSends {
			risky = i + 1
		}
		if e.tooLong {
			tooLong++
		}
	}
	if breaking > 0 {
		b.line("**%s a Worker.**\n", does(breaking, "change breaks", "changes break"))
	}
	if len(left) > 0 {
		b.line("**Left out for lack of room: %s.** `secretsync plan` prints everything.\n", ofEach(left))
	}
	if tooLong > 0 {
		b.line("**%s too long for a comment, and shown without their sources.**\n", does(tooLong, "change is", "changes are"))
	}
	if len(shown)-risky <= maxOpen {
		risky = len(shown)
	}
	b.block("diff", shown[:risky])
	if folded := shown[risky:]; len(folded) > 0 {
		b.line("<details><summary>%s</summary>\n", ofEach(folded))
		b.block("diff", folded)
		b.line("</details>\n")
	}
}

func does(n int, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, more)
}

// ofEach counts entries by what they do: "3 to create, 1 to update".
func ofEach(entries []entry) string {
	counts := map[planner.Op]int{}
	for _, e := range entries {
		counts[e.op]++
	}
	var parts []string
	for _, w := range opWords {
		if n := counts[w.op]; n > 0 {
			parts = append(parts, w.counted(n, "to "+w.verb))
		}
	}
	return strings.Join(parts, ", ")
}
