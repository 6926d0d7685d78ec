package planfile

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	"github.com/secretsync/secretsync/planner"
)

// The parts of an id, in hexadecimal digits.
const (
	wholeDigits = 64
	tagDigits   = 32
	// maxTagged is the largest number of actions that an id lists, so that it always fits in a
	// comment and in an argument.
	maxTagged = 100
)

var idForm = regexp.MustCompile(`^[0-9a-f]{64}([0-9a-f]{32})*$`)

// ID identifies what a plan does. It is the same on every machine and for every order of the
// manifest. It does not cover the actions' positions and reasons, nor the description of the
// source of an identified value.
//
// The first 64 hexadecimal digits are the SHA-256 of all actions. Of a plan with at most 100
// actions, a tag of each action follows, of 32 digits, in ascending order: by them [Recognized]
// finds a part of the plan, also among the actions of others. The tags depend on the first 64
// digits. Otherwise two actions with the same tag could be prepared in 2^64 steps, to have one
// of them reviewed and the other one applied; as it is, that takes over 2^120.
//
// A plan with problems has another id than the same actions without them, and no tags, because
// no part of it may be applied.
func ID(p *planner.Plan) string {
	if len(p.Problems) > 0 {
		return sum("secretsync/plan-id/forbidden/v1", essences(p.Actions))
	}
	whole := wholeID(p.Actions)
	if len(p.Actions) > maxTagged {
		return whole
	}
	tags := make([]string, len(p.Actions))
	for i, a := range p.Actions {
		tags[i] = tag(whole, a)
	}
	slices.Sort(tags)
	return whole + strings.Join(tags, "")
}

// WholeID returns the part of an id that identifies the plan as a whole.
func WholeID(id string) string { return id[:min(len(id), wholeDigits)] }

// IsWhole reports whether an id has no tags, so that it identifies a plan as a whole only.
func IsWhole(id string) bool { return len(id) == wholeDigits && idForm.MatchString(id) }

// Recognized returns the actions of a plan that the plan with the given id has. If the id has no
// tags, they are all actions or none.
func Recognized(id string, p *planner.Plan) []planner.Action {
	if len(id) > wholeDigits+maxTagged*tagDigits || !idForm.MatchString(id) {
		return nil
	}
	whole := WholeID(id)
	if whole == wholeID(p.Actions) {
		return slices.Clone(p.Actions)
	}
	tags := map[string]bool{}
	for rest := id[wholeDigits:]; rest != ""; rest = rest[tagDigits:] {
		tags[rest[:tagDigits]] = true
	}
	if len(tags) == 0 {
		return nil
	}
	var found []planner.Action
	for _, a := range p.Actions {
		if tags[tag(whole, a)] {
			found = append(found, a)
		}
	}
	return found
}

func wholeID(actions []planner.Action) string { return sum("secretsync/plan-id/v1", essences(actions)) }

// tag identifies an action in the plan with the given whole id.
func tag(whole string, a planner.Action) string {
	return sum("secretsync/plan-id/action/v1\n"+whole, essence(a))[:tagDigits]
}

// essences returns the essence of every action, in an order that does not depend on the plan's.
func essences(actions []planner.Action) []Action {
	list := make([]Action, len(actions))
	for i, a := range actions {
		list[i] = essence(a)
	}
	slices.SortFunc(list, func(x, y Action) int {
		return cmp.Or(cmp.Compare(x.AccountID, y.AccountID), cmp.Compare(x.Store, y.Store), cmp.Compare(x.Secret, y.Secret),
			cmp.Compare(x.Op, y.Op))
	})
	return list
}

// essence is the part of an action that [ID] covers: without its position and reasons, and
// without the source of an identified value.
func essence(a planner.Action) Action {
	e := fromAction(a)
	e.Position, e.Reasons = planner.Position{}, nil
	if e.Value != Unverified {
		e.Source = ""
	}
	return e
}
