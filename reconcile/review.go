package reconcile

import (
	"slices"

	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/planner/planfile"
	"github.com/secretsync/secretsync/reconcile/internal/proof"
	"github.com/secretsync/secretsync/reconcile/internal/shown"
)

// Review is what was reviewed before an apply: plan files, plan ids, or nothing. Together they
// allow every action that any of them has.
type Review struct {
	Files []*planfile.File
	IDs   []string
}

// Given reports whether anything was reviewed.
func (r Review) Given() bool { return len(r.Files)+len(r.IDs) > 0 }

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

// StaleError means that a plan does more than the reviewed one, or has another id.
type StaleError struct {
	// Difference lists what differs from what was reviewed; nil if only ids were reviewed, and
	// none of them has an action of the plan.
	Difference *planfile.Difference
	// PlanID is the id of the current plan.
	PlanID string
}

func (e *StaleError) Error() string {
	return "the reviewed plan no longer holds: nothing was changed"
}

// Check compares the plan with what was reviewed. It returns the reviewed actions that are not
// in the plan, and a [StaleError] if the plan does more than was reviewed. Actions that are not
// in the plan are known of plan files only, not of ids.
func (p *Proposal) Check(r Review) ([]Skipped, error) {
	stale := &StaleError{PlanID: planfile.ID(p.Plan)}
	nothing := len(p.Plan.Actions)+len(p.Plan.Problems) == 0
	if !r.Given() || len(r.Files) == 0 && (nothing || slices.Contains(r.IDs, stale.PlanID)) {
		return nil, nil
	}
	reviewed := p.reviewed(r)
	p.project.cfg.Guard.Public(shown.Plan(reviewed)...)
	d := planfile.Compare(reviewed, p.Plan)
	var skipped []Skipped
	for _, gone := range d.Gone {
		skipped = append(skipped, Skipped{gone, p.whyNot(gone)})
	}
	// Problems alone are none of the plans whose ids were given.
	problemsAlone := len(r.Files) == 0 && len(p.Plan.Actions) == 0
	if d.Holds() && !problemsAlone {
		return skipped, nil
	}
	if len(reviewed.Actions) > 0 || len(r.Files) > 0 {
		stale.Difference = &d
	}
	return skipped, stale
}

// reviewed returns the reviewed actions: those of the files, and those of the plan, or of one of its
// variants, that an id lists.
func (p *Proposal) reviewed(r Review) *planner.Plan {
	var plans []*planner.Plan
	for _, f := range r.Files {
		plans = append(plans, f.Plan())
	}
	if len(r.IDs) > 0 {
		for _, variant := range p.variants() {
			for _, id := range r.IDs {
				plans = append(plans, &planner.Plan{Actions: planfile.Recognized(id, variant)})
			}
		}
	}
	return planfile.Union(plans...)
}

// variants are the plans for the same state that may have been reviewed: this one, the one without
// a key, and both without what is proven about live values.
func (p *Proposal) variants() []*planner.Plan {
	plans := []*planner.Plan{p.Plan, p.keyless(p.input)}
	if without, proven := proof.Unproven(p.input); proven {
		plans = append(plans, planner.Build(without), p.keyless(without))
	}
	return plans
}

// keyless is the plan for a state without a key.
func (p *Proposal) keyless(in planner.Input) *planner.Plan {
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
