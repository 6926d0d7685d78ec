package render

import (
	"fmt"
	"io"
	"strings"

	"github.com/secretsync/secretsync/planner"
)

// maxAnnotations is how many errors, and how many warnings, GitHub keeps of a step
// (docs/findings.md §2).
const maxAnnotations = 10

// PlanGitHub writes a plan as annotations at the manifest's positions, and as text in a
// group.
func PlanGitHub(w io.Writer, p *planner.Plan, info PlanInfo) error {
	var errs, warnings []annotation
	for _, q := range p.Problems {
		what, hint := Problem(q)
		errs = append(errs, annotation{q.Pos, withHint(what, hint)})
	}
	breaks, notes := byBreaking(p.Notes)
	for _, n := range breaks {
		warnings = append(warnings, annotation{n.Pos, noteLines([]planner.Note{n})[0]})
	}
	risky, _ := byRisk(p.Actions)
	for _, a := range risky {
		if a.Pos.File == "" { // it left the manifest
			a.Pos.File = info.Manifest
		}
		warnings = append(warnings, annotation{a.Pos, strings.TrimRight(ActionName(a)+": "+detail(a), ": ")})
	}
	first := len(warnings)
	for _, n := range notes {
		warnings = append(warnings, annotation{n.Pos, noteLines([]planner.Note{n})[0]})
	}
	out := &printer{w: w}
	annotate(out, "error", errs)
	annotate(out, "warning", aggregated(warnings, noteLines(notes), first))
	out.line("::notice title=secretsync::%s", escapeMessage(Summary(p)))
	out.line("::group::secretsync plan")
	if out.err == nil {
		out.err = Plan(w, p, info, Style{})
	}
	out.line("::endgroup::")
	return out.err
}

// aggregated groups many notes of one kind together, since few annotations are kept,
// and leaves the first ones as they are.
func aggregated(all []annotation, notes []string, first int) []annotation {
	if len(all) <= maxAnnotations {
		return all
	}
	short := all[:first:first]
	for _, n := range notes {
		short = append(short, annotation{text: n})
	}
	return short
}

// DriftGitHub writes drift as annotations, and as text in a group.
func DriftGitHub(w io.Writer, drift []planner.Drift, checked int) error {
	var warnings []annotation
	for _, d := range drift {
		if d.Counts {
			warnings = append(warnings, annotation{text: driftName(d) + ": " + driftWords(d)})
		}
	}
	out := &printer{w: w}
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
}

// annotate writes annotations of one level, the last of which sums up what GitHub would
// drop.
func annotate(out *printer, level string, list []annotation) {
	for i, a := range list {
		if i == maxAnnotations-1 && len(list) > maxAnnotations {
			out.line("::%s title=secretsync::and %d more, see the log", level, len(list)-i)
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
