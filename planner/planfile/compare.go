package planfile

import (
	"encoding/json"
	"slices"

	"github.com/secretsync/secretsync/planner"
)

// Difference is how a plan made now differs from the reviewed one.
type Difference struct {
	// Added are actions that nobody reviewed.
	Added []planner.Action
	// Changed are actions that were reviewed with other details.
	Changed []Pair
	// Gone are reviewed actions that have become unnecessary.
	Gone []planner.Action
}

// Pair is an action as it was reviewed, and as it would be done now.
type Pair struct{ Reviewed, Now planner.Action }

// Holds reports whether the reviewed plan covers all that would be done now.
func (d Difference) Holds() bool { return len(d.Added)+len(d.Changed) == 0 }

// Compare looks for every action of a plan made now in the reviewed one. Reasons don't
// count, since what an action was decided on is in its precondition.
func Compare(reviewed, now *planner.Plan) Difference {
	var d Difference
	used := make([]bool, len(reviewed.Actions))
	for _, a := range now.Actions {
		i := slices.IndexFunc(reviewed.Actions, func(r planner.Action) bool { return r.Store == a.Store && r.Secret == a.Secret })
		switch {
		case completesRename(reviewed, now, a):
			continue
		case i < 0:
			d.Added = append(d.Added, a)
			continue
		case !covers(reviewed.Actions[i], a) && !completes(reviewed.Actions[i], a):
			d.Changed = append(d.Changed, Pair{reviewed.Actions[i], a})
		}
		used[i] = true
	}
	for i, r := range reviewed.Actions {
		if !used[i] {
			d.Gone = append(d.Gone, r)
		}
	}
	return d
}

// covers reports whether an action does what was reviewed, or the same without sending
// a value. A reviewed value that nothing stood for is whatever its source gives.
func covers(reviewed, now planner.Action) bool {
	r, n := essence(reviewed), essence(now)
	if n.Value == "" || r.Value == Unverified && reviewed.Source == now.Source {
		r.Value, r.Source, n.Value, n.Source = "", "", "", ""
	}
	return same(r, n) && (reviewed.Early || !now.Early)
}

// completes reports whether an action does again what was reviewed, and was cut short
// when it was applied: to the same secret, with the same value, and the metadata that
// was reviewed or what of it is missing.
func completes(reviewed, now planner.Action) bool {
	r, n := fromAction(reviewed), fromAction(now)
	var known bool // that it is the same secret
	switch reviewed.Op {
	case planner.OpCreate:
		known = now.Op == planner.OpCreate || now.Op == planner.OpUpdate
	case planner.OpRename: // a value that is drawn anew is another
		known = now.Op == planner.OpAdopt || now.Op == planner.OpUpdate && n.Value != Unverified
	case planner.OpAdopt, planner.OpUpdate, planner.OpRotate:
		known = now.Op == planner.OpUpdate && now.ID == reviewed.ID
	}
	return known && slices.Contains(now.Reasons, planner.ReasonInterrupted) &&
		(n.Value == "" || r.Value == n.Value || r.Value == Unverified && r.Source == n.Source) &&
		(n.Scopes == nil || r.Scopes != nil && slices.Equal(n.Scopes.After, r.Scopes.After)) &&
		(n.Comment == nil || r.Comment != nil && n.Comment.After == r.Comment.After)
}

// completesRename reports whether an action finishes a reviewed rename that was cut
// short: it takes the old name away, while the same plan sees to the new one.
func completesRename(reviewed, plan *planner.Plan, now planner.Action) bool {
	if now.Op != planner.OpDelete && now.Op != planner.OpForget || !slices.Contains(now.Reasons, planner.ReasonInterrupted) {
		return false
	}
	return slices.ContainsFunc(reviewed.Actions, func(r planner.Action) bool {
		return r.Op == planner.OpRename && r.Store == now.Store && r.From == now.Secret && (now.ID == "" || r.ID == now.ID) &&
			slices.ContainsFunc(plan.Actions, func(a planner.Action) bool {
				return a.Store == r.Store && a.Secret == r.Secret && completes(r, a)
			})
	})
}

func same(x, y Action) bool {
	a, _ := json.Marshal(x) // as in Format
	b, _ := json.Marshal(y)
	return string(a) == string(b)
}

// Blind is the plan as one without a fingerprint key would have it: nothing stands for
// values whose source has no ciphertext. So a keyless plan's id can be held against it.
func Blind(p *planner.Plan) *planner.Plan {
	b := *p
	b.Actions = slices.Clone(p.Actions)
	for i := range b.Actions {
		if a := &b.Actions[i]; a.SetValue && !isCiphertextDigest(a.ValueID) {
			a.ValueID = Unverified
		}
	}
	return &b
}
