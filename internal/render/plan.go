package render

import (
	"fmt"
	"io"
	"slices"
	"strings"

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
	planner.ReasonDeletedOutside: "deleted outside",
	planner.ReasonValue:          "value changed",
	planner.ReasonChangedOutside: "changed outside: value sent again",
	planner.ReasonReplaced:       "deleted and recreated outside",
	planner.ReasonInterrupted:    "the last apply was interrupted, outcome unknown: sent again",
	planner.ReasonNotDesired:     "no longer in the manifest",
	planner.ReasonKeepPolicy:     "delete: false, stays in Cloudflare",
	planner.ReasonGone:           "already gone from Cloudflare",
	planner.ReasonPolicy:         "delete policy changed",
	planner.ReasonAdopted:        "adopted, value overwritten",
	planner.ReasonAdoptedKept:    "adopted, value kept",
	planner.ReasonRotationDue:    "rotation due",
	planner.ReasonRotationAsked:  "rotation requested",
	planner.ReasonExternal:       "now external, stays in Cloudflare",
	planner.ReasonReencrypted:    "re-encrypted: without a key it is unknown whether the value changed",
	planner.ReasonEdited:         "value changed or re-encrypted: without a key it is unknown which",
	planner.ReasonUnmanaged:      "not managed by this manifest (unmanaged: delete)",
}

// rotationWords tell why a value is rotated, where that is for a reason that sends other
// values again.
var rotationWords = map[planner.Reason]string{
	planner.ReasonValue:          "generated in another way from now on",
	planner.ReasonChangedOutside: "changed outside: the old value cannot be restored, so a new one is generated",
	planner.ReasonReplaced:       "deleted and recreated outside: the old value cannot be restored, so a new one is generated",
	planner.ReasonInterrupted:    "the last apply was interrupted, outcome unknown: a new value is generated",
}

// reasonWord tells why an action is in the plan; empty where its operation says it all.
func reasonWord(op planner.Op, r planner.Reason) string {
	if w := rotationWords[r]; op == planner.OpRotate && w != "" {
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

// Plan writes a plan as text, and ends with a line that sums it up.
func Plan(w io.Writer, p *planner.Plan, info PlanInfo, style Style) error {
	out := &printer{w: w}
	width := nameWidth(p.Actions)
	for _, store := range storesOf(p.Actions) {
		out.line("%s  %s", style.paint(colorStrong, Safe(store.Name)), style.paint(colorQuiet, "account "+Safe(string(store.Account))))
		for _, a := range p.Actions {
			if a.Store == store {
				out.line("%s", row(a, width, style))
			}
		}
		out.line("")
	}
	for _, n := range noteLines(p.Notes) {
		out.line("note: %s", n)
	}
	if len(p.Notes) > 0 {
		out.line("")
	}
	if slices.ContainsFunc(p.Actions, func(a planner.Action) bool { return a.BeforeCreates }) {
		out.line("The quota is full: old secrets are deleted before new ones are created.")
	}
	if p.Targeted {
		out.line("Limited by --target: other secrets were not considered.")
	}
	if n := sourceOnly(p); info.ID != "" && n > 0 {
		out.line("%s, because there is no fingerprint key yet.", bySource(n))
	}
	if info.Keyless {
		out.line("Planned without keys: values were compared by their ciphertexts.")
	}
	if info.Offline {
		out.line("Planned offline: the state of Cloudflare was taken from the lockfile.")
	}
	out.line("%s", Summary(p))
	if info.ID != "" && len(p.Actions) > 0 {
		out.line("%s", style.paint(colorQuiet, "Plan id: "+quotedID(info.ID)))
	}
	return out.err
}

// maxQuoted is the length of the longest id that is shown: that of a plan with ten actions.
const maxQuoted = 64 + 10*32

// quotedID is a plan's id as people copy it. If it is very long, only the part that identifies
// the plan as a whole is shown.
func quotedID(id string) string {
	if len(id) > maxQuoted {
		return planfile.WholeID(id)
	}
	return id
}

// sourceOnly counts the values that nothing in the plan stands for, but for those that
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

// Summary is the plan in one sentence.
func Summary(p *planner.Plan) string {
	var parts []string
	for _, w := range opWords {
		if n := p.Count(w.op); n > 0 {
			parts = append(parts, w.counted(n, "to "+w.verb))
		}
	}
	switch {
	case len(p.Problems) > 0:
		parts = append(parts, count(len(p.Problems), "problem"))
	case len(parts) == 0:
		match := "match"
		if p.Unchanged == 1 {
			match = "matches"
		}
		return fmt.Sprintf("No changes: %s %s the manifest.", count(p.Unchanged, "secret"), match)
	}
	return fmt.Sprintf("Plan: %s; %d unchanged.", strings.Join(parts, ", "), p.Unchanged)
}

func row(a planner.Action, width int, style Style) string {
	w := wordsFor(a.Op)
	if a.Secret == "" {
		return strings.TrimRight("  "+style.paint(w.color, w.sign+" "+w.verb+" store")+"  "+detail(a), " ")
	}
	head := fmt.Sprintf("%s %-6s  %-*s", w.sign, w.verb, width, Safe(a.Secret))
	return strings.TrimRight("  "+style.paint(w.color, head)+"  "+detail(a), " ")
}

// detail says what changes and why.
func detail(a planner.Action) string {
	var parts []string
	for _, r := range a.Reasons {
		if w := reasonWord(a.Op, r); w != "" && r != planner.ReasonPolicy {
			parts = append(parts, w)
		}
	}
	if a.Op == planner.OpRename {
		parts = append(parts, "from "+Safe(a.From)+", its value never leaves Cloudflare")
	}
	parts = append(append(parts, metadata(a)...), policy(a)...)
	if a.SetValue && a.Source != "" {
		parts = append(parts, "from "+Safe(a.Source))
	}
	return strings.Join(parts, "; ")
}

// Scopes lists scopes as one word each.
func Scopes(scopes []string) string {
	if len(scopes) == 0 {
		return "none"
	}
	return Safe(strings.Join(scopes, ","))
}

// maxNameWidth bounds the column of names, so that one long name does not push
// everything else off the screen.
const maxNameWidth = 48

func nameWidth(actions []planner.Action) int {
	width := 0
	for _, a := range actions {
		width = max(width, len([]rune(Safe(a.Secret))))
	}
	return min(width, maxNameWidth)
}

func storesOf(actions []planner.Action) []planner.StoreKey {
	var stores []planner.StoreKey
	seen := map[planner.StoreKey]bool{}
	for _, a := range actions {
		if !seen[a.Store] {
			seen[a.Store] = true
			stores = append(stores, a.Store)
		}
	}
	return stores
}
