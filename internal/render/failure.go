package render

import (
	"fmt"
	"io"
	"strings"

	"github.com/secretsync/secretsync/internal/render/annotation"
	"github.com/secretsync/secretsync/planner"
)

// Failure explains why there is no plan and no drift to report, or what is wrong with a manifest.
type Failure struct {
	// Command is the command that failed: "plan", "drift", "verify" or "validate".
	Command string
	// Manifest is the manifest's path, for mistakes without a position.
	Manifest string
	ExitCode int
	Mistakes []Mistake
	// Hints are about the mistakes as a whole.
	Hints []string
	// Warnings are remarks that forbid nothing.
	Warnings []Mistake
	Origin   Origin
}

// Mistake is one reason of a failure.
type Mistake struct {
	// Pos is zero if it is not about a file.
	Pos planner.Position
	// Rule is the kind of mistake: a word that does not change when its message does.
	Rule string
	What string
	Hint string // may be empty
}

// WithHint is what is wrong, and what to do about it.
func (m Mistake) WithHint() string { return withHint(m.What, m.Hint) }

// The rules of mistakes that are not about a file.
const (
	RuleError       = "error" // such as a token that is missing, or a request that failed
	RuleInterrupted = "interrupted"
)

// failureWords are what a failure of each command means to the reader.
var failureWords = map[string]struct{ marker, title, meaning string }{
	"plan":     {planMarker, "The plan failed", "There is no plan of this commit. An earlier plan is out of date."},
	"drift":    {driftMarker, "The check for drift failed", "It is not known whether Cloudflare differs from what was last applied."},
	"verify":   {verifyMarker, "The verification failed", "It is not known whether the values in Cloudflare are those that were last applied."},
	"validate": {validateMarker, "The manifest is not valid", ""},
}

// Title is the failure in one sentence.
func (f *Failure) Title() string {
	return fmt.Sprintf("%s: %s.", failureWords[f.Command].title, count(len(f.Mistakes), "error"))
}

// FailureMarkdown writes a failure as the comment that replaces the one of an earlier plan.
func FailureMarkdown(w io.Writer, f *Failure) error {
	words := failureWords[f.Command]
	return fitted(w, func(b *comment) {
		b.head(words.marker, f.Origin)
		b.line("### secretsync: %s\n", f.Title())
		b.origin(f.Origin)
		if words.meaning != "" {
			b.line("%s\n", words.meaning)
		}
		b.fenced(f.lines(max(b.limit, 1)))
	})
}

// lines are the first mistakes and all hints as text.
func (f *Failure) lines(limit int) []string {
	var lines []string
	for _, m := range f.Mistakes[:min(limit, len(f.Mistakes))] {
		where := ""
		if !m.Pos.IsZero() {
			where = clipped(m.Pos.String()) + ": "
		}
		lines = append(lines, where+clipped(m.What))
		if m.Hint != "" {
			lines = append(lines, "  hint: "+clipped(m.Hint))
		}
	}
	if more := len(f.Mistakes) - limit; more > 0 {
		lines = append(lines, fmt.Sprintf("… and %d more that do not fit in a comment: see the log", more))
	}
	for _, hint := range f.Hints {
		lines = append(lines, "hint: "+clipped(hint))
	}
	return append(lines, warningLines(f.Warnings, limit)...)
}

// warningLines are the first warnings as text.
func warningLines(warnings []Mistake, limit int) []string {
	var lines []string
	for _, m := range warnings[:min(limit, len(warnings))] {
		lines = append(lines, "warning: "+clipped(m.Pos.String())+": "+withHint(clipped(m.What), clipped(m.Hint)))
	}
	if more := len(warnings) - limit; more > 0 {
		lines = append(lines, fmt.Sprintf("… and %d more warnings that do not fit in a comment: see the log", more))
	}
	return lines
}

// maxPiece bounds one piece of a message, in characters: a file's name can be as long as its
// author likes.
const maxPiece = 1000

// clipped is foreign text as one short piece of a line.
func clipped(text string) string {
	text = Safe(text)
	if runes := []rune(text); len(runes) > maxPiece {
		return string(runes[:maxPiece]) + "…"
	}
	return text
}

// fenced writes lines as a block in which nothing is markup.
func (b *comment) fenced(lines []string) {
	var text strings.Builder
	for _, line := range lines {
		text.WriteString(Safe(line) + "\n")
	}
	fence := fenceFor(text.String(), 3)
	b.line("%stext\n%s%s", fence, text.String(), fence)
}

// FailureGitHub writes a failure as annotations at its mistakes' positions.
func FailureGitHub(w io.Writer, f *Failure) error {
	errs := annotations(f.Mistakes)
	if n := len(f.Hints); n > 0 && len(errs) > 0 { // with the first, since few annotations are kept
		errs[0].Text = withHint(errs[0].Text, strings.Join(f.Hints, "; "))
	}
	out := &printer{w: w}
	annotate(out, "error", errs)
	annotate(out, "warning", annotations(f.Warnings))
	return out.err
}

func annotations(mistakes []Mistake) []annotation.Message {
	var list []annotation.Message
	for _, m := range mistakes {
		list = append(list, annotation.Message{Pos: m.Pos, Text: m.WithHint()})
	}
	return list
}

// FailureCodeQuality writes a failure as GitLab's code quality report.
func FailureCodeQuality(w io.Writer, f *Failure) error {
	return codeQuality(w, f.Manifest, f.Mistakes, f.Warnings)
}

func codeQuality(w io.Writer, manifest string, mistakes, warnings []Mistake) error {
	list := []annotation.Finding{}
	for _, m := range mistakes {
		list = append(list, annotation.NewFinding(manifest, m.Rule, "blocker", m.WithHint(), m.Pos))
	}
	for _, m := range warnings {
		list = append(list, annotation.NewFinding(manifest, m.Rule, "minor", m.WithHint(), m.Pos))
	}
	return writeFindings(w, list)
}

// FailureReport writes what GitLab's widget for Terraform plans shows as a report that could not
// be generated: without counts, which would look like a plan that changes nothing
// (docs/findings.md §3).
func FailureReport(w io.Writer, f *Failure) error {
	return WriteJSON(w, map[string]string{"error": f.Title()})
}

// failure is a failure as JSON (docs/output.md).
type failure struct {
	SchemaVersion int       `json:"schema_version"`
	Failed        string    `json:"failed"`
	ExitCode      int       `json:"exit_code"`
	Errors        []mistake `json:"errors"`
	Hints         []string  `json:"hints,omitempty"`
	Warnings      []mistake `json:"warnings,omitempty"`
	Commit        string    `json:"commit,omitempty"`
	RunURL        string    `json:"run_url,omitempty"`
}

type mistake struct {
	Rule     string           `json:"rule"`
	Message  string           `json:"message"`
	Hint     string           `json:"hint,omitempty"`
	Position planner.Position `json:"position,omitzero"`
}

// FailureJSON writes a failure for programs.
func FailureJSON(w io.Writer, f *Failure) error {
	return WriteJSON(w, failure{1, f.Command, f.ExitCode, listed(f.Mistakes), f.Hints, listed(f.Warnings), f.Origin.commit, f.Origin.runURL})
}

func listed(mistakes []Mistake) []mistake {
	list := make([]mistake, len(mistakes))
	for i, m := range mistakes {
		list[i] = mistake{m.Rule, m.What, m.Hint, m.Pos}
	}
	return list
}
