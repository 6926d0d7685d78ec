package render

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/secretsync/secretsync/internal/render/foreign"
	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/planner/planfile"
)

// opWord is how an operation is shown.
type opWord struct {
	op          planner.Op
	sign, color string
	verb        string // in the row: "create"
	unit        string // what is counted, where it isn't secrets
	past        string // "created"
}

// counted is "2 to create" or "1 store to create".
func (w opWord) counted(n int, what string) string {
	if w.unit == "" {
		return fmt.Sprintf("%d %s", n, what)
	}
	return count(n, w.unit) + " " + what
}

// opWords are the operations in the order in which the summary counts them.
var opWords = []opWord{
	{planner.OpCreateStore, "+", colorAdd, "create", "store", "created"},
	{planner.OpCreate, "+", colorAdd, "create", "", "created"},
	{planner.OpRename, ">", colorChange, "rename", "", "renamed"},
	{planner.OpPrepare, "+", colorAdd, "prepare", "", "prepared"},
	{planner.OpRetire, "-", colorRemove, "retire", "", "retired"},
	{planner.OpAdopt, "&", colorChange, "adopt", "", "adopted"},
	{planner.OpUpdate, "~", colorChange, "update", "", "updated"},
	{planner.OpRotate, "~", colorChange, "rotate", "", "rotated"},
	{planner.OpDelete, "-", colorRemove, "delete", "", "deleted"},
	{planner.OpDeleteStore, "-", colorRemove, "delete", "store", "deleted"},
	{planner.OpForget, "o", colorQuiet, "forget", "", "forgotten"},
	{planner.OpRecord, "o", colorQuiet, "record", "", "recorded"},
}

func wordsFor(op planner.Op) opWord {
	for _, w := range opWords {
		if w.op == op {
			return w
		}
	}
	return opWord{op: op, sign: "?", verb: Safe(string(op)), past: Safe(string(op))}
}

// reasonWords are the reasons, worded for the reader of a pull request.
var reasonWords = map[planner.Reason]string{
	planner.ReasonDeletedOutside:      "deleted outside",
	planner.ReasonValue:               "value changed",
	planner.ReasonChangedOutside:      "changed outside: value sent again",
	planner.ReasonReplaced:            "deleted and recreated outside",
	planner.ReasonValueChangedOutside: "value known to have changed outside: sent again",
	planner.ReasonProven:              "value known to be the desired one: not sent",
	planner.ReasonUnproven:            "created by an interrupted apply or another client (cannot tell which): stays in Cloudflare",
	planner.ReasonInterrupted:         "the last apply was interrupted, outcome unknown: sent again",
	planner.ReasonNotDesired:          "no longer in the manifest",
	planner.ReasonDestroy:             "destroy requested",
	planner.ReasonKeepPolicy:          "delete: false, stays in Cloudflare",
	planner.ReasonGone:                "already gone from Cloudflare",
	planner.ReasonPolicy:              "delete policy changed",
	planner.ReasonAdopted:             "adopted, value overwritten",
	planner.ReasonAdoptedKept:         "adopted, value kept",
	planner.ReasonAdoptedProven:       "adopted, value known to be the desired one",
	planner.ReasonAdoptedIfProven:     "adopted if its value is verified to be the desired one",
	planner.ReasonRotationDue:         "rotation due",
	planner.ReasonRotationAsked:       "rotation requested",
	planner.ReasonExternal:            "now external, stays in Cloudflare",
	planner.ReasonReencrypted:         "re-encrypted: without a key it is unknown whether the value changed",
	planner.ReasonEdited:              "value changed or re-encrypted (a key is needed to tell)",
	planner.ReasonOverlapOver:         "the overlap is over: the earlier value is deleted",
	planner.ReasonReplacedAgain:       "replaced again before the overlap is over: the earlier value is deleted",
	planner.ReasonUnmanaged:           "not managed by this manifest (unmanaged: delete)",
}

// rotationWords say why a value is rotated, where that is for a reason that sends other
// values again.
var rotationWords = map[planner.Reason]string{
	planner.ReasonValue:               "generated in another way from now on",
	planner.ReasonChangedOutside:      "changed outside: the old value cannot be restored, so a new one is generated",
	planner.ReasonReplaced:            "deleted and recreated outside: the old value cannot be restored, so a new one is generated",
	planner.ReasonValueChangedOutside: "value known to have changed outside: the old one cannot be restored, so a new one is generated",
	planner.ReasonInterrupted:         "the last apply was interrupted, outcome unknown: a new value is generated",
}

// provenWords are reasons that send other values again, where the live value is known to be the
// desired one.
var provenWords = map[planner.Reason]string{
	planner.ReasonChangedOutside: "changed outside",
	planner.ReasonInterrupted:    "the last apply was interrupted",
}

// duplicateWords say why a secret is duplicated again, where that is for a reason that sends other
// values again.
var duplicateWords = map[planner.Reason]string{
	planner.ReasonChangedOutside: "changed outside",
	planner.ReasonInterrupted:    "the last apply was interrupted, outcome unknown",
}

// reasonWord says why an action is in the plan; empty where its operation says it all.
func reasonWord(a planner.Action, r planner.Reason) string {
	if w := rotationWords[r]; a.Op == planner.OpRotate && w != "" {
		return w
	}
	if w := provenWords[r]; w != "" && slices.Contains(a.Reasons, planner.ReasonProven) {
		return w
	}
	if w := duplicateWords[r]; a.Op.Duplicates() && w != "" {
		return w
	}
	return reasonWords[r]
}

// PlanInfo is what a report says about a plan besides the plan itself.
type PlanInfo struct {
	// ID is the plan's id; empty where it is of no interest.
	ID string
	// Manifest is the manifest's path, as it was given.
	Manifest         string
	Keyless, Offline bool
	Origin           Origin
}

// Plan writes a plan as text, the riskiest changes first, and ends with a line that sums it up.
func Plan(w io.Writer, p *planner.Plan, info PlanInfo, style Style) error {
	out := &printer{w: w}
	changes, notes := changesOf(p)
	printUnread(out, unreadInPlan(p), notPlanned, style)
	printChanges(out, changes, columnsOf(p.Actions), style)
	for _, n := range noteLines(notes, PlanNames(p)) {
		out.line("note: %s", n)
	}
	if len(notes) > 0 {
		out.line("")
	}
	for _, line := range remarks(p, info) {
		out.line("%s", line)
	}
	out.line("%s", Summary(p))
	if info.ID != "" && len(p.Actions) > 0 {
		out.line("%s", style.paint(colorQuiet, "Plan id: "+quotedID(info.ID)))
	}
	return out.err
}

func printChanges(out *printer, changes []change, width columns, style Style) {
	for i, c := range changes {
		if i == 0 || c.Store != changes[i-1].Store {
			if i > 0 {
				out.line("")
			}
			out.line("%s", style.heading(foreign.Word(c.Store.Name), c.Store.Account))
		}
		w := wordsFor(c.Op)
		head, details, below := c.lines(width)
		out.line("%s", strings.TrimRight("  "+style.paint(w.color, w.sign+" "+head)+"  "+details, " "))
		for _, line := range breaksLines(c.breaks) {
			out.line("   %s%s", indent, style.paint(colorRemove, line))
		}
		for _, line := range below {
			out.line("   %s%s", indent, line)
		}
	}
	if len(changes) > 0 {
		out.line("")
	}
}

// lines returns a change without its sign: what is done to which secret, the details, and the lines
// below, which hold the comment. If only the comment changes, it needs no line of its own.
func (c change) lines(width columns) (head, details string, below []string) {
	verb := wordsFor(c.Op).verb
	head, details, below = verb+" store", facts(c.Action), commentLines(c.Action)
	if c.Secret != "" {
		head = fmt.Sprintf("%-*s  %-*s", width.verb, verb, width.name, foreign.Word(c.Secret))
	}
	if details == "" && len(below) == 1 {
		details, below = below[0], nil
	}
	return head, details, below
}

// indent moves the lines below a change to its name, so that none looks like a change.
const indent = "         "

// maxBreaks bounds the Workers that are named below a change.
const maxBreaks = 3

func breaksLines(notes []planner.Note) []string {
	var lines []string
	for _, n := range notes[:min(len(notes), maxBreaks)] {
		lines = append(lines, "breaks "+reader(n.Reader, n.Worker)+at(n.Pos))
	}
	if more := len(notes) - maxBreaks; more > 0 {
		lines = append(lines, fmt.Sprintf("breaks %s more", count(more, "binding")))
	}
	return lines
}

// detail is everything about an action in one line.
func detail(a planner.Action) string {
	return joined(facts(a), strings.Join(commentLines(a), " "))
}

// joined separates the parts that are not empty.
func joined(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(part string) bool { return part == "" }), "; ")
}

// remarks are about the plan as a whole.
func remarks(p *planner.Plan, info PlanInfo) []string {
	var lines []string
	if slices.ContainsFunc(p.Actions, func(a planner.Action) bool { return a.BeforeCreates }) {
		lines = append(lines, "The quota is full: old secrets are deleted before new ones are created.")
	}
	if p.Targeted {
		lines = append(lines, "Limited by --target: other secrets were not considered.")
	}
	if p.RotateOnly {
		lines = append(lines, "Limited to rotations: nothing else was considered.")
	}
	if n := sourceOnly(p); info.ID != "" && n > 0 {
		why := ", because there is no fingerprint key yet."
		if info.Keyless { // no key was looked for
			why = ", because the plan was made without keys."
		}
		lines = append(lines, bySource(n)+why)
	}
	if info.Keyless {
		lines = append(lines, "Planned without keys: values were compared by their ciphertexts.")
	}
	if info.Offline {
		lines = append(lines, "Planned offline: the state of Cloudflare was taken from the lockfile.")
	}
	return lines
}

// maxQuoted is the length of the longest id that is shown: the id of a plan with ten actions.
const maxQuoted = 64 + 10*32

// quotedID is a plan's id as people copy it. If it is very long, only the part that identifies
// the plan as a whole is shown.
func quotedID(id string) string {
	if len(id) > maxQuoted {
		return planfile.WholeID(id)
	}
	return id
}

// sourceOnly counts the values that the plan identifies by their source only, except values that
// are yet to be generated.
func sourceOnly(p *planner.Plan) int {
	n := 0
	for _, a := range p.Actions {
		if a.SetValue && a.ValueID == planfile.Unverified && !strings.HasPrefix(a.Source, "generate ") {
			n++
		}
	}
	return n
}

// bySource is "1 value is identified by its source only".
func bySource(n int) string {
	if n == 1 {
		return "1 value is identified by its source only"
	}
	return fmt.Sprintf("%d values are identified by their sources only", n)
}

// Summary is the plan in one sentence, after another one if it is incomplete.
func Summary(p *planner.Plan) string { return incomplete(p.UnreadAccounts()) + summary(p) }

func summary(p *planner.Plan) string {
	var parts []string
	for _, w := range opWords {
		if n := p.Count(w.op); n > 0 {
			parts = append(parts, w.counted(n, "to "+w.verb))
		}
	}
	switch {
	case len(p.Problems) > 0:
		parts = append(parts, count(len(p.Problems), "problem"))
	case len(parts) == 0 && p.UnreadAccounts() > 0:
		parts = append(parts, "nothing to change")
	case len(parts) == 0 && p.Destroy:
		return "No changes: there is nothing to delete or forget."
	case len(parts) == 0:
		return noChanges(p)
	}
	text := "Plan: " + strings.Join(parts, ", ")
	if !p.RotateOnly && !p.Destroy {
		text += fmt.Sprintf("; %d unchanged", p.Unchanged)
	}
	return text + "."
}

// noChanges is the summary of a plan without actions. A value that is not known is not said to
// match.
func noChanges(p *planner.Plan) string {
	match, known := "match", ""
	if p.Unchanged == 1 {
		match = "matches"
	}
	if slices.ContainsFunc(p.Notes, func(n planner.Note) bool {
		return n.Kind == planner.NoteValueUnknown || n.Kind == planner.NoteAccepted || n.Kind == planner.NoteKeptOther
	}) {
		known = ", as far as is known"
	}
	return fmt.Sprintf("No changes: %s %s the manifest%s.", count(p.Unchanged, "secret"), match, known)
}

// Scopes lists scopes as one word each.
func Scopes(scopes []string) string {
	if len(scopes) == 0 {
		return "none"
	}
	words := make([]string, len(scopes))
	for i, s := range scopes {
		words[i] = foreign.Word(s)
	}
	return strings.Join(words, ",")
}

// maxNameWidth bounds the column of names, so that one long name does not push
// everything else off the screen.
const maxNameWidth = 48

// columns are the widths of the columns of a plan.
type columns struct{ verb, name int }

func columnsOf(actions []planner.Action) columns {
	width := columns{verb: len("create")}
	for _, a := range actions {
		if a.Secret != "" {
			width.verb = max(width.verb, len(wordsFor(a.Op).verb))
		}
	}
	width.name = nameWidth(actions, func(a planner.Action) string { return a.Secret })
	return width
}

// nameWidth is the width of a column of names. What has none is not about a secret.
func nameWidth[T any](rows []T, name func(T) string) int {
	width := 0
	for _, row := range rows {
		if n := name(row); n != "" {
			width = max(width, utf8.RuneCountInString(foreign.Word(n)))
		}
	}
	return min(width, maxNameWidth)
}
