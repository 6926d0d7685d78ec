package render

import (
	"io"
	"slices"
	"strings"

	"github.com/secretsync/secretsync/internal/render/annotation"
	"github.com/secretsync/secretsync/planner"
)

// PlanGitHub writes a plan as annotations at the manifest's positions, and as text in a
// group.
func PlanGitHub(w io.Writer, p *planner.Plan, info PlanInfo) error {
	in := PlanNames(p)
	errs := unreadAnnotations(unreadInPlan(p), notPlanned)
	for _, q := range p.Problems {
		what, hint := Problem(q, in)
		errs = append(errs, annotation.Message{Pos: q.Pos, Text: withHint(what, hint)})
	}
	out := &printer{w: w}
	annotate(out, "error", errs)
	annotate(out, "warning", planWarnings(p, in, info.Manifest))
	out.line("::notice title=secretsync::%s", annotation.Escape(Summary(p)))
	out.line("::group::secretsync plan")
	if out.err == nil {
		out.err = Plan(w, p, info, Style{})
	}
	out.line("::endgroup::")
	return out.err
}

// planWarnings are the risky changes, the riskiest first, and the notes after them: few
// annotations are kept.
func planWarnings(p *planner.Plan, in Names, manifest string) []annotation.Message {
	var risky, breaks, notes []annotation.Message
	changes, others := changesOf(p)
	for _, c := range changes {
		if c.risk > riskSends {
			continue
		}
		if c.Pos.File == "" { // it left the manifest
			c.Pos.File = manifest
		}
		risky = append(risky, annotation.Message{Pos: c.Pos, Text: c.sentence(in), Op: c.Op})
		for _, n := range c.breaks {
			breaks = append(breaks, annotation.Message{Pos: n.Pos, Text: noteLines([]planner.Note{n}, in)[0]})
		}
	}
	for _, n := range others {
		notes = append(notes, annotation.Message{Pos: n.Pos, Text: noteLines([]planner.Note{n}, in)[0]})
	}
	if len(risky)+len(breaks)+len(notes) > annotation.MaxMessages {
		notes = nil
		for _, n := range noteLines(others, in) { // several notes of a kind together
			notes = append(notes, annotation.Message{Text: n})
		}
	}
	return slices.Concat(risky, breaks, notes)
}

// sentence is a change in one line, with what it breaks.
func (c change) sentence(in Names) string {
	why := joined(facts(c.Action), joined(breaksLines(c.breaks)...), strings.Join(commentLines(c.Action), " "))
	return strings.TrimSuffix(actionName(c.Action, in)+": "+why, ": ")
}

// PlanCodeQuality writes a plan as GitLab's code quality report: what it leaves out, problems,
// risky changes, and remarks.
func PlanCodeQuality(w io.Writer, p *planner.Plan, info PlanInfo) error {
	list, in := unreadFindings(unreadInPlan(p), notPlanned, string(planner.NoteAccountUnread), info.Manifest), PlanNames(p)
	for _, q := range p.Problems {
		what, hint := Problem(q, in)
		list = append(list, annotation.NewFinding(info.Manifest, string(q.Kind), "blocker", withHint(what, hint), q.Pos))
	}
	changes, others := changesOf(p)
	var notes []annotation.Finding
	for _, c := range changes {
		if severity := severities[c.risk]; severity != "" {
			list = append(list, annotation.NewFinding(info.Manifest, string(c.Op), severity, c.sentence(in), c.Pos))
		}
		for _, n := range c.breaks {
			notes = append(notes, noteFinding(n, in, info.Manifest))
		}
	}
	for _, n := range others {
		notes = append(notes, noteFinding(n, in, info.Manifest))
	}
	return writeFindings(w, append(list, notes...))
}

// severities has the severity of changes that a reviewer has to see, by risk.
var severities = map[risk]string{riskBreaks: "critical", riskLoses: "major", riskSends: "minor"}

func noteFinding(n planner.Note, in Names, manifest string) annotation.Finding {
	severity := "minor"
	if n.Kind == planner.NoteBreaksWorker {
		severity = "critical"
	}
	return annotation.NewFinding(manifest, string(n.Kind), severity, noteLines([]planner.Note{n}, in)[0], n.Pos)
}

// PlanReport writes a plan as the counts that GitLab's widget for Terraform plans reads.
func PlanReport(w io.Writer, p *planner.Plan) error {
	count := func(ops ...planner.Op) int {
		n := 0
		for _, op := range ops {
			n += p.Count(op)
		}
		return n
	}
	return WriteJSON(w, map[string]int{
		"create": count(planner.OpCreateStore, planner.OpCreate, planner.OpPrepare),
		"update": count(planner.OpRename, planner.OpRetire, planner.OpAdopt, planner.OpUpdate, planner.OpRotate, planner.OpForget, planner.OpRecord),
		"delete": count(planner.OpDelete, planner.OpDeleteStore),
	})
}

// annotate writes annotations of one level. The last one summarises those that GitHub would drop.
func annotate(out *printer, level string, list []annotation.Message) {
	for _, command := range annotation.Commands(level, list, changesAmong) {
		out.line("%s", command)
	}
}

// changesAmong counts the changes among annotations: ": 2 to delete, 1 to update".
func changesAmong(list []annotation.Message) string {
	var entries []entry
	for _, a := range list {
		entries = append(entries, entry{op: a.Op})
	}
	if each := ofEach(entries); each != "" {
		return ": " + each
	}
	return ""
}

// writeFindings writes GitLab's code quality report.
func writeFindings(w io.Writer, list []annotation.Finding) error {
	return WriteJSON(w, annotation.Numbered(list))
}
