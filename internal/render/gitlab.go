package render

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"

	"github.com/secretsync/secretsync/internal/visible"
	"github.com/secretsync/secretsync/planner"
)

// finding is an entry of GitLab's code quality report (docs/findings.md §3).
type finding struct {
	Description string   `json:"description"`
	CheckName   string   `json:"check_name"`
	Fingerprint string   `json:"fingerprint"` // tells findings apart
	Severity    string   `json:"severity"`
	Location    location `json:"location"`
}

type location struct {
	Path  string `json:"path"`
	Lines lines  `json:"lines"`
}

type lines struct {
	Begin int `json:"begin"`
}

func newFinding(manifest, check, severity, text string, pos planner.Position) finding {
	if pos.File == "" {
		pos.File = manifest
	}
	text = Safe(text)
	sum := sha256.Sum256([]byte(check + "\n" + pos.File + "\n" + text))
	return finding{text, "secretsync/" + check, fmt.Sprintf("%x", sum[:16]), severity, location{Safe(pos.File), lines{max(pos.Line, 1)}}}
}

// writeFindings writes a report. GitLab shows one finding of each fingerprint, so those that say the
// same of one file are numbered: the same mistake on several lines, or names that are cut.
func writeFindings(w io.Writer, list []finding) error {
	seen := map[string]int{}
	for i, f := range list {
		if n := seen[f.Fingerprint]; n > 0 {
			sum := sha256.Sum256(fmt.Appendf(nil, "%s\n%d", f.Fingerprint, n))
			list[i].Fingerprint = fmt.Sprintf("%x", sum[:16])
		}
		seen[f.Fingerprint]++
	}
	return WriteJSON(w, list)
}

// PlanCodeQuality writes a plan as GitLab's code quality report: what it leaves out, problems,
// risky changes, and what is worth knowing.
func PlanCodeQuality(w io.Writer, p *planner.Plan, info PlanInfo) error {
	list, in := unreadFindings(unreadInPlan(p), notPlanned, string(planner.NoteAccountUnread), info.Manifest), PlanNames(p)
	for _, q := range p.Problems {
		what, hint := Problem(q, in)
		list = append(list, newFinding(info.Manifest, string(q.Kind), "blocker", withHint(what, hint), q.Pos))
	}
	changes, others := changesOf(p)
	var notes []finding
	for _, c := range changes {
		if severity := severities[c.risk]; severity != "" {
			list = append(list, newFinding(info.Manifest, string(c.Op), severity, c.sentence(in), c.Pos))
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

// severities are those of changes that a reviewer has to see, by risk.
var severities = map[risk]string{riskBreaks: "critical", riskLoses: "major", riskSends: "minor"}

func noteFinding(n planner.Note, in Names, manifest string) finding {
	severity := "minor"
	if n.Kind == planner.NoteBreaksWorker {
		severity = "critical"
	}
	return newFinding(manifest, string(n.Kind), severity, noteLines([]planner.Note{n}, in)[0], n.Pos)
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

// DriftCodeQuality writes drift as GitLab's code quality report.
func DriftCodeQuality(w io.Writer, drift []planner.Drift, manifest string) error {
	in := DriftNames(drift)
	found, unread := withoutUnread(drift)
	list := unreadFindings(unread, notChecked, "drift-"+string(planner.DriftAccountUnread), manifest)
	for _, d := range DriftByRisk(found) {
		severity := "info"
		if d.Counts {
			severity = "major"
		}
		list = append(list, newFinding(manifest, "drift-"+string(d.Kind), severity,
			in.Secret(d.Store, d.Secret)+": "+driftWords(d), planner.Position{}))
	}
	return writeFindings(w, list)
}

// WriteJSON writes JSON that may be shown on a terminal as it is.
func WriteJSON(w io.Writer, v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	_, err = w.Write(visible.JSON(append(b, '\n')))
	return err
}
