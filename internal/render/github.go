package render

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/secretsync/secretsync/planner"
)

// maxAnnotations is how many errors, and how many warnings, GitHub keeps of a step
// (docs/findings.md §2).
const maxAnnotations = 10

// PlanGitHub writes a plan as annotations at the manifest's positions, and as text in a
// group.
func PlanGitHub(w io.Writer, p *planner.Plan, info PlanInfo) error {
	in := PlanNames(p)
	errs := unreadAnnotations(unreadInPlan(p), notPlanned)
	for _, q := range p.Problems {
		what, hint := Problem(q, in)
		errs = append(errs, annotation{pos: q.Pos, text: withHint(what, hint)})
	}
	out := &printer{w: w}
	annotate(out, "error", errs)
	annotate(out, "warning", planWarnings(p, in, info.Manifest))
	out.line("::notice title=secretsync::%s", escapeMessage(Summary(p)))
	out.line("::group::secretsync plan")
	if out.err == nil {
		out.err = Plan(w, p, info, Style{})
	}
	out.line("::endgroup::")
	return out.err
}

// planWarnings are the risky changes, the riskiest first, and the notes after them: few
// annotations are kept.
func planWarnings(p *planner.Plan, in Names, manifest string) []annotation {
	var risky, breaks, notes []annotation
	changes, others := changesOf(p)
	for _, c := range changes {
		if c.risk > riskSends {
			continue
		}
		if c.Pos.File == "" { // it left the manifest
			c.Pos.File = manifest
		}
		risky = append(risky, annotation{c.Pos, c.sentence(in), c.Op})
		for _, n := range c.breaks {
			breaks = append(breaks, annotation{pos: n.Pos, text: noteLines([]planner.Note{n}, in)[0]})
		}
	}
	for _, n := range others {
		notes = append(notes, annotation{pos: n.Pos, text: noteLines([]planner.Note{n}, in)[0]})
	}
	if len(risky)+len(breaks)+len(notes) > maxAnnotations {
		notes = nil
		for _, n := range noteLines(others, in) { // several notes of a kind together
			notes = append(notes, annotation{text: n})
		}
	}
	return slices.Concat(risky, breaks, notes)
}

// sentence is a change in one line, with what it breaks.
func (c change) sentence(in Names) string {
	why := joined(facts(c.Action), joined(breaksLines(c.breaks)...), strings.Join(commentLines(c.Action), " "))
	return strings.TrimSuffix(actionName(c.Action, in)+": "+why, ": ")
}

// DriftGitHub writes drift as annotations, and as text in a group.
func DriftGitHub(w io.Writer, drift []planner.Drift, checked int) error {
	var warnings []annotation
	in := DriftNames(drift)
	for _, d := range DriftByRisk(drift) {
		if d.Counts {
			warnings = append(warnings, annotation{text: in.Secret(d.Store, d.Secret) + ": " + driftWords(d)})
		}
	}
	out := &printer{w: w}
	_, unread := withoutUnread(drift)
	annotate(out, "error", unreadAnnotations(unread, notChecked))
	annotate(out, "warning", warnings)
	out.line("::notice title=secretsync::%s", escapeMessage(driftSummary(drift, checked)))
	out.line("::group::secretsync drift")
	if out.err == nil {
		out.err = Drift(w, drift, checked, Style{})
	}
	out.line("::endgroup::")
	return out.err
}

type annotation struct {
	pos  planner.Position
	text string
	op   planner.Op // of a change
}

// annotate writes annotations of one level, the last of which sums up what GitHub would
// drop.
func annotate(out *printer, level string, list []annotation) {
	for i, a := range list {
		if i == maxAnnotations-1 && len(list) > maxAnnotations {
			out.line("::%s title=secretsync::and %d more, see the log%s", level, len(list)-i, changesAmong(list[i:]))
			return
		}
		where := ""
		if a.pos.File != "" {
			where = "file=" + escapeProperty(a.pos.File)
			if a.pos.Line > 0 {
				where += fmt.Sprintf(",line=%d,col=%d", a.pos.Line, max(a.pos.Column, 1))
			}
			where += ","
		}
		out.line("::%s %stitle=secretsync::%s", level, where, escapeMessage(a.text))
	}
}

// changesAmong counts the changes among annotations: ": 2 to delete, 1 to update".
func changesAmong(list []annotation) string {
	var entries []entry
	for _, a := range list {
		entries = append(entries, entry{op: a.op})
	}
	if each := ofEach(entries); each != "" {
		return ": " + each
	}
	return ""
}

func withHint(what, hint string) string {
	if hint == "" {
		return what
	}
	return what + " (" + hint + ")"
}

// escapeMessage keeps a text inside its workflow command.
func escapeMessage(text string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace(Safe(text))
}

func escapeProperty(text string) string {
	return strings.NewReplacer(":", "%3A", ",", "%2C").Replace(escapeMessage(text))
}
