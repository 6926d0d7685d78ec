package render

import (
	"fmt"
	"io"
	"sort"
	"strings"
	"unicode"

	"github.com/secretsync/secretsync/planner"
)

// MaxMarkdown is the largest comment that GitHub takes, in characters. Bytes are
// counted, of which there are never fewer.
const MaxMarkdown = 65536

// The markers by which a recipe finds its own comment.
const (
	planMarker     = "<!-- secretsync-plan -->"
	driftMarker    = "<!-- secretsync-drift -->"
	validateMarker = "<!-- secretsync-validate -->"
)

// maxRows bounds the rows of a list: more would not fit, however short.
const maxRows = 4096

// openRows is up to how many rows a list is shown unfolded.
const openRows = 20

// PlanMarkdown writes a plan as a pull-request comment. One that would be too long
// leaves out rows, of what can do no harm first, and says how many.
func PlanMarkdown(w io.Writer, p *planner.Plan, info PlanInfo) error {
	return fitted(w, func(b *comment) { planMarkdown(b, p, info) })
}

// fitted writes the longest form that a comment can hold. A form is given how many rows
// its lists and its folded lists may have: the folded ones give way first, then reasons
// do, and last of all rows.
func fitted(w io.Writer, form func(b *comment)) error {
	text := func(rows int, terse bool) string {
		b := &comment{limit: min(rows, maxRows), folded: max(rows-maxRows, 0), terse: terse}
		form(b)
		return b.text.String()
	}
	terse := len(text(maxRows, false)) > MaxMarkdown
	tooMany := sort.Search(2*maxRows, func(rows int) bool { return len(text(rows, terse)) > MaxMarkdown })
	_, err := io.WriteString(w, text(max(tooMany-1, 0), terse))
	return err
}

func planMarkdown(b *comment, p *planner.Plan, info PlanInfo) {
	b.head(planMarker, info.Origin)
	if info.ID != "" && len(p.Problems) == 0 {
		b.line("<!-- secretsync-plan-id %s -->", Safe(info.ID)) // for recipes: docs/output.md
	}
	b.line("### secretsync: %s\n", Summary(p))
	b.origin(info.Origin)
	if info.ID != "" {
		b.line("%s · plan id %s\n", code(info.Manifest), code(quotedID(info.ID)))
	}
	var problems []string
	for _, q := range p.Problems {
		what, hint := Problem(q)
		problems = append(problems, code(what)+inBrackets(hint))
	}
	b.list("**This cannot be applied:**", each(problems))
	risky, others := byRisk(p.Actions)
	breaks, notes := byBreaking(p.Notes)
	b.list("**These break a Worker:**", each(coded(noteLines(breaks))))
	if b.terse {
		b.list("**These remove something:**", terseRows(risky))
	} else {
		b.list("**These remove something:**", each(rows(risky)))
	}
	b.list("Notes:", each(coded(noteLines(notes))))
	if n := sourceOnly(p); n > 0 {
		b.line("%s, because there is no fingerprint key yet.\n", bySource(n))
	}
	if info.Keyless {
		b.line("Planned without keys: values were compared by their ciphertexts.\n")
	}
	if info.Offline {
		b.line("Planned offline: the state of Cloudflare was taken from the lockfile.\n")
	}
	b.fold(count(len(others), "other change"), each(rows(others)))
}

// byRisk separates the actions after which something can no longer be read.
func byRisk(actions []planner.Action) (risky, others []planner.Action) {
	for _, a := range actions {
		switch a.Op {
		case planner.OpDelete, planner.OpDeleteStore, planner.OpRename:
			risky = append(risky, a)
		default:
			others = append(others, a)
		}
	}
	return risky, others
}

func byBreaking(all []planner.Note) (breaks, others []planner.Note) {
	for _, n := range all {
		if n.Kind == planner.NoteBreaksWorker {
			breaks = append(breaks, n)
		} else {
			others = append(others, n)
		}
	}
	return breaks, others
}

func rows(actions []planner.Action) []string {
	var list []string
	for _, a := range actions {
		text := fmt.Sprintf("%s %s", wordsFor(a.Op).verb, code(nameOf(a)))
		if why := detail(a); why != "" {
			text += ": " + code(why)
		}
		list = append(list, text)
	}
	return list
}

// item is a row of a list, and how many things it stands for.
type item struct {
	text   string
	things int
}

// each creates items for one thing each.
func each(rows []string) []item {
	items := make([]item, len(rows))
	for i, r := range rows {
		items[i] = item{r, 1}
	}
	return items
}

// terseRows names what is taken away, ten in a row, with what else a rename changes.
func terseRows(actions []planner.Action) []item {
	var list []item
	for rest := actions; len(rest) > 0; {
		n := 1
		for n < len(rest) && n < 10 && rest[n].Op == rest[0].Op {
			n++
		}
		names := make([]string, n)
		for i, a := range rest[:n] {
			if names[i] = code(nameOf(a)); a.From != "" {
				names[i] += " (" + code(strings.Join(append([]string{"from " + a.From}, metadata(a)...), "; ")) + ")"
			}
		}
		list = append(list, item{wordsFor(rest[0].Op).verb + " " + strings.Join(names, ", "), n})
		rest = rest[n:]
	}
	return list
}

func nameOf(a planner.Action) string {
	if a.Secret == "" {
		return "store " + a.Store.Name
	}
	return a.Store.Name + "/" + a.Secret
}

func coded(lines []string) []string {
	list := make([]string, len(lines))
	for i, l := range lines {
		list[i] = code(l)
	}
	return list
}

func inBrackets(hint string) string {
	if hint == "" {
		return ""
	}
	return " (" + code(hint) + ")"
}

// comment gathers Markdown. The limits are of the rows of each list.
type comment struct {
	text          strings.Builder
	limit, folded int
	terse         bool // names alone, several in a row
}

func (b *comment) line(format string, args ...any) { fmt.Fprintf(&b.text, format+"\n", args...) }

// list is always open.
func (b *comment) list(title string, rows []item) {
	if len(rows) == 0 {
		return
	}
	b.line("%s\n", title)
	b.rows(rows, max(b.limit, 1))
}

// fold is a list that is open only if it is short.
func (b *comment) fold(title string, rows []item) {
	if len(rows) == 0 {
		return
	}
	open := ""
	if len(rows) <= openRows {
		open = " open"
	}
	b.line("<details%s><summary>%s</summary>\n", open, title)
	b.rows(rows, b.folded)
	b.line("</details>")
}

func (b *comment) rows(rows []item, limit int) {
	limit = min(limit, len(rows))
	for _, r := range rows[:limit] {
		b.line("- %s", r.text)
	}
	more := 0
	for _, r := range rows[limit:] {
		more += r.things
	}
	if more > 0 {
		b.line("- … and %d more that do not fit in a comment: `secretsync show` prints all", more)
	}
	b.line("")
}

// code is foreign text in a form that neither Markdown, HTML, mentions nor issue
// references can be made of: a code element, in which everything but letters, digits
// and a few signs is a character reference.
func code(text string) string {
	if runes := []rune(text); len(runes) > maxCode {
		text = string(runes[:maxCode]) + "…"
	}
	return "<code>" + plain(text) + "</code>"
}

// maxCode bounds the characters of one piece of foreign text: a name can be as long as
// its author likes.
const maxCode = 400

func plain(text string) string {
	var b strings.Builder
	for _, r := range Safe(text) {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune(" ,;-/", r) {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, "&#%d;", r)
		}
	}
	return b.String()
}

// DriftMarkdown writes drift as a comment, as PlanMarkdown does.
func DriftMarkdown(w io.Writer, drift []planner.Drift, checked int, origin Origin) error {
	return fitted(w, func(b *comment) {
		b.head(driftMarker, origin)
		b.line("### secretsync: %s\n", driftSummary(drift, checked))
		b.origin(origin)
		var counted, told []string
		for _, d := range drift {
			row := code(driftName(d)) + ": " + code(driftWords(d))
			if d.Counts {
				counted = append(counted, row)
			} else {
				told = append(told, row)
			}
		}
		b.list("**Cloudflare differs from what was last applied:**", each(counted))
		b.fold("Also, "+count(len(told), "remark"), each(told))
	})
}
