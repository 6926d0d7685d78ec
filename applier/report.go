package applier

import "github.com/secretsync/secretsync/planner"

// Outcome is how an action ended.
type Outcome string

// The outcomes.
const (
	// Done means that the action took effect.
	Done Outcome = "done"
	// Failed means that the action was refused and changed nothing.
	Failed Outcome = "failed"
	// Unknown means that the action may have taken effect. The next plan settles it.
	Unknown Outcome = "unknown"
	// Skipped means that the action was not tried.
	Skipped Outcome = "skipped"
)

// Result is an action with its outcome.
type Result struct {
	Action  planner.Action
	Outcome Outcome
	// Live is the secret in Cloudflare's answer, for a create or update that is Done.
	Live planner.LiveSecret
	// StoreID is the id of the new store, for an OpCreateStore that is Done.
	StoreID planner.StoreID
	// Err is why the action is not Done.
	Err error
}

// conclude sets the outcome from the answer to the action's request, or from its error.
func (r *Result) conclude(live planner.LiveSecret, err error) {
	r.Live, r.Err = live, err
	r.Outcome = outcomeOf(err)
}

// Report lists what an apply did, in the order of the plan.
type Report struct {
	Results []Result
}

// Count returns how many results have the outcome.
func (r *Report) Count(o Outcome) int {
	n := 0
	for _, res := range r.Results {
		if res.Outcome == o {
			n++
		}
	}
	return n
}

// Pending lists the results whose secrets are written and cannot be used yet.
func (r *Report) Pending() []Result {
	var pending []Result
	for _, res := range r.Results {
		if res.pending() {
			pending = append(pending, res)
		}
	}
	return pending
}

func (r *Result) pending() bool {
	return r.Outcome == Done && r.Live.Status == planner.StatusPending
}

// Complete reports whether every action is Done.
func (r *Report) Complete() bool { return r.Count(Done) == len(r.Results) }
