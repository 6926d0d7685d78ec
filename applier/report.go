package applier

import "github.com/secretsync/secretsync/planner"

// Outcome is what became of an action.
type Outcome string

// The outcomes.
const (
	// Done means that it took effect.
	Done Outcome = "done"
	// Failed means that it was refused and changed nothing.
	Failed Outcome = "failed"
	// Unknown means that it may have taken effect. The next plan settles it.
	Unknown Outcome = "unknown"
	// Skipped means that it was not tried.
	Skipped Outcome = "skipped"
)

// Result is an action with its outcome.
type Result struct {
	Action  planner.Action
	Outcome Outcome
	// Live is the secret as Cloudflare answered, for a create or update that is done.
	Live planner.LiveSecret
	// StoreID is the id of the store that was created, for an OpCreateStore that is done.
	StoreID planner.StoreID
	// Err is why it is not done.
	Err error
}

// conclude turns the answer to a request, or its error, into the outcome.
func (r *Result) conclude(live planner.LiveSecret, err error) {
	r.Live, r.Err = live, err
	r.Outcome = outcomeOf(err)
}

// Report is what an apply did, in the order of the plan.
type Report struct {
	Results []Result
}

// Count counts the results of one outcome.
func (r *Report) Count(o Outcome) int {
	n := 0
	for _, res := range r.Results {
		if res.Outcome == o {
			n++
		}
	}
	return n
}

// Pending lists the results whose secrets cannot be used yet.
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

// Complete reports whether everything was done.
func (r *Report) Complete() bool { return r.Count(Done) == len(r.Results) }
