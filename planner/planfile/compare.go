package planfile

import (
	"encoding/json"
	"slices"

	"github.com/secretsync/secretsync/planner"
)

// Difference is how a new plan differs from the reviewed one.
type Difference struct {
	// Added are actions that were not reviewed.
	Added []planner.Action
	// Changed are actions that were reviewed with other details.
	Changed []Pair
	// Blocked are reviewed actions that a problem forbids now.
	Blocked []Blocked
	// Gone are reviewed actions that have become unnecessary.
	Gone []planner.Action
}

// Pair is an action as it was reviewed, and as it would be done now.
type Pair struct{ Reviewed, Now planner.Action }

// Blocked is an action as it was reviewed, and why it cannot be done now.
type Blocked struct {
	Reviewed planner.Action
	Problem  planner.Problem
}

// Holds reports whether the reviewed plan covers everything in the new one.
func (d Difference) Holds() bool { return len(d.Added)+len(d.Changed)+len(d.Blocked) == 0 }

// Union returns the actions of several reviewed plans, for [Compare]. Unlike other plans it can
// have several actions on a secret.
func Union(reviewed ...*planner.Plan) *planner.Plan {
	union := newIndex(&planner.Plan{})
	for _, p := range reviewed {
		for _, a := range p.Actions {
			if !slices.ContainsFunc(union.on(a.Store, a.Secret), func(i int) bool { return same(essence(a), essence(union.Actions[i])) }) {
				union.Actions = append(union.Actions, a)
				union.add(len(union.Actions) - 1)
			}
		}
	}
	return union.Plan
}

// Compare looks for every action of a new plan in the reviewed one. Reasons are ignored: what an
// action was decided on is in its precondition. If there are several reviewed actions on a
// secret, one of them has to cover the new one.
func Compare(reviewed, now *planner.Plan) Difference {
	var d Difference
	old, fresh := newIndex(reviewed), newIndex(now)
	used := make([]bool, len(reviewed.Actions))
	for _, a := range now.Actions {
		if completesRename(old, fresh, a) {
			continue
		}
		candidates := old.on(a.Store, a.Secret)
		covering := coveredBy(old, candidates, a)
		switch {
		case len(candidates) == 0:
			d.Added = append(d.Added, a)
		case covering == nil:
			d.Changed = append(d.Changed, Pair{reviewed.Actions[candidates[0]], a})
			covering = candidates
		}
		for _, i := range covering {
			used[i] = true
		}
	}
	problems := map[planner.SecretKey]planner.Problem{}
	for _, q := range slices.Backward(now.Problems) { // the first one of a secret
		problems[q.Store.Secret(q.Secret)] = q
	}
	for i, r := range reviewed.Actions {
		if used[i] {
			continue
		}
		if q, found := problems[r.Store.Secret(r.Secret)]; found && q.Secret != "" {
			d.Blocked = append(d.Blocked, Blocked{r, q})
		} else {
			d.Gone = append(d.Gone, r)
		}
	}
	return d
}

// index finds a plan's actions by the secrets that they are on.
type index struct {
	*planner.Plan
	byName, byOldName map[planner.SecretKey][]int // the latter has renames only
}

func newIndex(p *planner.Plan) *index {
	x := &index{p, make(map[planner.SecretKey][]int, len(p.Actions)), map[planner.SecretKey][]int{}}
	for i := range p.Actions {
		x.add(i)
	}
	return x
}

// add adds the i-th action of the plan.
func (x *index) add(i int) {
	a := &x.Actions[i]
	k := a.Store.Secret(a.Secret)
	x.byName[k] = append(x.byName[k], i)
	if a.Op == planner.OpRename {
		k = a.Store.Secret(a.From)
		x.byOldName[k] = append(x.byOldName[k], i)
	}
}

// on returns the indices of the actions on a secret, or on a store if the name is empty.
func (x *index) on(store planner.StoreKey, secret string) []int {
	return x.byName[store.Secret(secret)]
}

// coveredBy returns the indices of the reviewed actions that cover a new one, or nil. The
// candidates are the reviewed actions on the same secret.
func coveredBy(reviewed *index, candidates []int, now planner.Action) []int {
	for _, i := range candidates {
		if r := reviewed.Actions[i]; covers(r, now) || completes(r, now) {
			return []int{i}
		}
	}
	if now.Op != planner.OpRename {
		return nil
	}
	for _, i := range candidates {
		for _, from := range reviewed.on(now.Store, now.From) {
			if coverRename(reviewed.Actions[i], reviewed.Actions[from], now) {
				return []int{i, from}
			}
		}
	}
	return nil
}

// covers reports whether an action does what was reviewed, or the same without sending a value.
// If a secret should be deleted and no longer exists, forgetting it is covered too.
func covers(reviewed, now planner.Action) bool {
	if reviewed.Op == planner.OpDelete && now.Op == planner.OpForget {
		return slices.Contains(now.Reasons, planner.ReasonGone)
	}
	if updates(reviewed.Op) && now.Op == planner.OpRecord { // the policy alone is left to do
		r, n := fromAction(reviewed), fromAction(now)
		return same(r.Delete, n.Delete) && same(r.Precondition, n.Precondition)
	}
	if reviewed.Op == planner.OpRetire && now.Op == planner.OpPrepare { // the duplicate alone is left to do
		return coversDuplicate(reviewed, now)
	}
	if !coversValue(reviewed, now) || now.BeforeCreates && !reviewed.BeforeCreates {
		return false
	}
	r, n := besidesValue(reviewed), besidesValue(now)
	if reviewed.Op == planner.OpRotate && now.Op == planner.OpUpdate && !now.SetValue { // the metadata alone is left to do
		r.Op = now.Op
	}
	return same(r, n)
}

// coversDuplicate reports whether an action duplicates the secret that was reviewed, as reviewed.
func coversDuplicate(reviewed, now planner.Action) bool {
	r, n := fromAction(reviewed), fromAction(now)
	if r.Scopes == nil || r.Comment == nil {
		return false
	}
	return r.From == n.From && same(r.Delete, n.Delete) && slices.Equal(r.Scopes.After, n.Scopes.After) && r.Comment.After == n.Comment.After
}

// updates reports whether an operation changes a secret in its place.
func updates(op planner.Op) bool { return op == planner.OpUpdate || op == planner.OpRotate }

// coversValue reports whether an action sends the value that was reviewed, or none. An unverified
// value is whatever its source returns. Adopting a secret with the value that it has is not a
// part of adopting it with another one: it leaves an unreviewed value in place.
func coversValue(reviewed, now planner.Action) bool {
	switch r, n := fromAction(reviewed).Value, fromAction(now).Value; {
	case n == "":
		return r == "" || reviewed.Op != planner.OpAdopt || now.Proven
	case r == Unverified:
		return reviewed.Source == now.Source && reviewed.SourceDigest == now.SourceDigest
	default:
		return r == n
	}
}

// besidesValue is the essence of an action without its value and its order.
func besidesValue(a planner.Action) Action {
	e := essence(a)
	e.Value, e.Source, e.SourceDigest, e.Early = "", "", "", false
	return e
}

// coverRename reports whether a reviewed creation and a reviewed deletion cover a rename. The
// reviewed plan was built without the keys, so that it was unknown whether the value stays.
func coverRename(creation, deletion, now planner.Action) bool {
	c, d, n := besidesValue(creation), besidesValue(deletion), besidesValue(now)
	if creation.Op != planner.OpCreate || deletion.Op != planner.OpDelete || c.Scopes == nil {
		return false
	}
	comment := n.Comment.Before // not managed, so the duplicate gets the same comment
	if c.Comment != nil {
		comment = c.Comment.After
	}
	return coversValue(creation, now) && same(d.Precondition, n.Precondition) && same(c.Delete, n.Delete) &&
		slices.Equal(c.Scopes.After, n.Scopes.After) && n.Comment.After == comment
}

// completes reports whether an action completes a reviewed one that was interrupted while it was
// applied: for the same secret, with the same value, and with the reviewed metadata or the part
// of it that is missing. A later change by another client is not covered: the new plan has
// another reason for it, or it shows in the metadata. If only metadata was reviewed, the last
// applied value may be sent again, because it cannot be seen whether it is still there.
func completes(reviewed, now planner.Action) bool {
	again := reviewed.Op == planner.OpUpdate && !reviewed.SetValue && now.Recovery.ValueUnchanged
	return mayComplete(reviewed, now) && slices.Contains(now.Reasons, planner.ReasonInterrupted) && (again || coversValue(reviewed, now)) &&
		coversMetadata(reviewed, now)
}

// mayComplete reports whether an action, by its operation, completes a reviewed one on what is
// certainly the same secret.
func mayComplete(reviewed, now planner.Action) bool {
	switch reviewed.Op {
	case planner.OpCreate:
		return now.Op == planner.OpCreate || updates(now.Op) || now.Op == planner.OpAdopt && now.Proven
	case planner.OpRename: // which keeps the value, unlike a rotation
		return now.Op == planner.OpAdopt || now.Op == planner.OpUpdate && fromAction(now).Value != Unverified
	case planner.OpPrepare, planner.OpRetire:
		return now.Op.Duplicates() && now.From == reviewed.From
	case planner.OpAdopt:
		return (now.Op == planner.OpAdopt || updates(now.Op)) && now.ID == reviewed.ID
	case planner.OpUpdate, planner.OpRotate: // a value that was accepted, or is proven, is kept
		kept := now.Op == planner.OpAdopt && !now.SetValue && (!reviewed.SetValue || now.Proven)
		return (now.Op == reviewed.Op || kept) && now.ID == reviewed.ID
	}
	return false
}

// coversMetadata reports whether an action sends reviewed metadata only, replaces only metadata
// that was there at the review or was reviewed, and records the reviewed policy.
func coversMetadata(reviewed, now planner.Action) bool {
	r, n := fromAction(reviewed), fromAction(now)
	if r.Precondition != nil && n.Precondition != nil && r.Precondition.ID == n.Precondition.ID {
		before, have := r.Precondition, n.Precondition
		scopes := slices.Equal(have.Scopes, before.Scopes) || r.Scopes != nil && slices.Equal(have.Scopes, r.Scopes.After)
		comment := have.Comment == before.Comment || r.Comment != nil && have.Comment == r.Comment.After
		if !scopes || !comment {
			return false
		}
	}
	return same(r.Delete, n.Delete) &&
		(n.Scopes == nil || r.Scopes != nil && slices.Equal(n.Scopes.After, r.Scopes.After)) &&
		(n.Comment == nil || r.Comment != nil && n.Comment.After == r.Comment.After)
}

// completesRename reports whether an action completes a reviewed rename that was interrupted: it
// removes the old name, while the same plan completes the new one.
func completesRename(reviewed, plan *index, now planner.Action) bool {
	if now.Op != planner.OpDelete && now.Op != planner.OpForget || !slices.Contains(now.Reasons, planner.ReasonInterrupted) {
		return false
	}
	return slices.ContainsFunc(reviewed.byOldName[now.Store.Secret(now.Secret)], func(i int) bool {
		r := reviewed.Actions[i]
		return (now.ID == "" || r.ID == now.ID) &&
			slices.ContainsFunc(plan.on(r.Store, r.Secret), func(i int) bool { return completes(r, plan.Actions[i]) })
	})
}

func same(x, y any) bool {
	a, _ := json.Marshal(x) // as in Format
	b, _ := json.Marshal(y)
	return string(a) == string(b)
}
