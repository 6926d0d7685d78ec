package reconcile

import (
	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/planner/planfile"
)

// Review is what was reviewed before an apply: a plan file, a plan id, or nothing.
type Review struct {
	File *planfile.File
	ID   string
}

// Given reports whether anything was reviewed.
func (r Review) Given() bool { return r.File != nil || r.ID != "" }

// SkipReason says why a reviewed action is not in the current plan.
type SkipReason int

// The reasons.
const (
	// SkipNotNeeded means that the action is no longer necessary.
	SkipNotNeeded SkipReason = iota
	// SkipNotDesired means that the manifest no longer asks for the value.
	SkipNotDesired
	// SkipUnread means that the account could not be read.
	SkipUnread
)

// Skipped is a reviewed action that is not in the current plan.
type Skipped struct {
	Action planner.Action
	Reason SkipReason
}

// Check compares the plan with the reviewed one. It returns the reviewed actions that are
// not in the plan, and a [StaleError] if the plan does more than was reviewed.
func (p *Proposal) Check(r Review) ([]Skipped, error) {
	stale := &StaleError{PlanID: planfile.ID(p.Plan)}
	if r.File == nil {
		if r.ID == "" || len(p.Plan.Actions)+len(p.Plan.Problems) == 0 || p.hasID(r.ID) {
			return nil, nil
		}
		return nil, stale
	}
	reviewed := r.File.Plan()
	p.project.cfg.Guard.Public(planText(reviewed)...)
	d := planfile.Compare(reviewed, p.Plan)
	var skipped []Skipped
	for _, gone := range d.Gone {
		skipped = append(skipped, Skipped{gone, p.whyNot(gone)})
	}
	if d.Holds() {
		return skipped, nil
	}
	stale.Difference = &d
	return skipped, stale
}

// hasID reports whether id is that of the plan, or of a keyless plan that covers it. New
// problems are reported next, and block it.
func (p *Proposal) hasID(id string) bool {
	if id == planfile.ID(p.Plan) {
		return true
	}
	good, keyless := *p.Plan, *p.keyless()
	good.Problems, keyless.Problems = nil, nil
	return id == planfile.ID(&good) || id == planfile.ID(&keyless) && planfile.Compare(&keyless, &good).Holds()
}

// keyless is the plan for the same state without a key.
func (p *Proposal) keyless() *planner.Plan {
	in := p.input
	in.Desired = p.desired.keyless(p.lock, in.Desired)
	in.Forged = planner.Forgery{}
	return planner.Build(in)
}

func (p *Proposal) whyNot(a planner.Action) SkipReason {
	_, wanted := p.desired.secrets[a.Store.Secret(a.Secret)]
	switch {
	case p.unread[a.Store.Account] != nil:
		return SkipUnread
	case a.SetValue && !wanted:
		return SkipNotDesired
	}
	return SkipNotNeeded
}
