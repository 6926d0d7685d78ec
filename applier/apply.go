package applier

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/secretsync/secretsync/internal/secret"
	"github.com/secretsync/secretsync/planner"
)

// Config is what an apply needs besides the plan. All fields but Events are
// required.
type Config struct {
	// Targets are the accounts that the plan's actions name.
	Targets map[planner.AccountID]Target
	// Value returns the desired value of a secret.
	Value func(store planner.StoreKey, secret string) (secret.Value, bool)
	// Journal outlives a crash of this process.
	Journal Journal
	// Events hears of every outcome as it comes in; it may be nil. It is never
	// called twice at once.
	Events func(Result)
	// Parallelism is how many updates, and then deletes, are under way at once.
	Parallelism int
	// Now is the clock; time.Now outside tests.
	Now func() time.Time
}

// Journal records intents and outcomes where a crash cannot lose them. Its
// methods are called one at a time. An error from it ends the apply: what cannot
// be recorded is not done.
type Journal interface {
	// Intend says that the actions are about to be tried, all in one record.
	Intend(actions []planner.Action) error
	// StoreReady says under which id a store exists.
	StoreReady(store planner.StoreKey, id planner.StoreID) error
	// Settle says what became of actions.
	Settle(results []Result) error
}

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
	// Err is why it is not done.
	Err error
}

// Report is what an apply did, in the order of the plan.
type Report struct {
	Results []Result
	// Err is set where the apply ended early: interrupted, or a journal that
	// cannot be written.
	Err error
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

// Complete reports whether everything was done.
func (r *Report) Complete() bool { return r.Err == nil && r.Count(Done) == len(r.Results) }

var (
	errInterrupted = errors.New("not tried: interrupted")
	errNoStore     = errors.New("not tried: its store does not exist")
)

// Apply executes the plan. The report tells of every action; it never returns
// nil. When ctx ends, no further request is sent.
//
// A plan with problems must not come here: Apply doesn't look at them.
func Apply(ctx context.Context, plan *planner.Plan, cfg Config) *Report {
	r := &run{ctx: ctx, cfg: cfg, results: make([]Result, len(plan.Actions)), stores: map[planner.StoreKey]planner.StoreID{}}
	for i, a := range plan.Actions {
		r.results[i] = Result{Action: a, Outcome: Skipped}
		if a.StoreID != "" {
			r.stores[a.Store] = a.StoreID
		}
	}
	r.createStores()
	r.createSecrets()
	r.each(planner.OpUpdate, r.update)
	r.each(planner.OpDelete, r.remove)
	r.bookkeeping()
	return r.report()
}

// run is one apply under way. Its methods run one after the other; only the
// requests inside each are parallel.
type run struct {
	ctx     context.Context
	cfg     Config
	results []Result // in the plan's order
	stores  map[planner.StoreKey]planner.StoreID
	broken  error // the journal failed: nothing more may be done
}

// stopped says why nothing more may be sent, or nil.
func (r *run) stopped() error {
	if r.broken != nil {
		return r.broken
	}
	if r.ctx.Err() != nil {
		return errInterrupted
	}
	return nil
}

// of lists the actions of one operation, as indexes into r.results.
func (r *run) of(op planner.Op) []int {
	var is []int
	for i := range r.results {
		if r.results[i].Action.Op == op {
			is = append(is, i)
		}
	}
	return is
}

func (r *run) target(a planner.Action) (Target, error) {
	t, ok := r.cfg.Targets[a.Store.Account]
	if !ok {
		return nil, fmt.Errorf("no client for account %s", a.Store.Account)
	}
	return t, nil
}

// intend journals that the actions are about to be tried.
func (r *run) intend(is []int) bool {
	if r.stopped() != nil {
		return false
	}
	actions := make([]planner.Action, len(is))
	for n, i := range is {
		actions[n] = r.results[i].Action
	}
	r.note(r.cfg.Journal.Intend(actions))
	return r.broken == nil
}

// settle journals outcomes that r.results hold already, and tells of them.
func (r *run) settle(is ...int) {
	results := make([]Result, len(is))
	for n, i := range is {
		results[n] = r.results[i]
	}
	r.note(r.cfg.Journal.Settle(results))
	if r.cfg.Events != nil {
		for _, res := range results {
			r.cfg.Events(res)
		}
	}
}

func (r *run) note(journal error) {
	if journal != nil && r.broken == nil {
		r.broken = fmt.Errorf("the lockfile cannot be written, so nothing more is sent: %w", journal)
	}
}

// finish turns an error of a request into an outcome.
func (r *run) finish(i int, live planner.LiveSecret, err error) {
	res := &r.results[i]
	res.Live, res.Err = live, err
	switch {
	case err == nil:
		res.Outcome = Done
	case errors.Is(err, ErrOutcomeUnknown):
		res.Outcome = Unknown
	default:
		res.Outcome = Failed
	}
}

// bookkeeping does the actions that change the lockfile alone.
func (r *run) bookkeeping() {
	is := append(r.of(planner.OpForget), r.of(planner.OpRecord)...)
	if len(is) == 0 || r.stopped() != nil {
		return
	}
	for _, i := range is {
		r.results[i].Outcome = Done
	}
	r.settle(is...)
}

func (r *run) report() *Report {
	why := r.stopped()
	for i := range r.results {
		if res := &r.results[i]; res.Outcome == Skipped && res.Err == nil {
			res.Err = why
		}
	}
	rep := &Report{Results: r.results, Err: r.broken}
	if rep.Err == nil && rep.Count(Skipped) > 0 {
		rep.Err = r.ctx.Err()
	}
	return rep
}
