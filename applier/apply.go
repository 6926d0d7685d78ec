package applier

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/secretsync/secretsync/internal/secret"
	"github.com/secretsync/secretsync/planner"
)

// Config is what an apply needs besides the plan. All fields but Events and Wait
// are required.
type Config struct {
	// Targets are the accounts that the plan's actions name.
	Targets map[planner.AccountID]Target
	// Value returns the desired value of a secret.
	Value func(store planner.StoreKey, secret string) (secret.Value, bool)
	// Journal outlives a crash of this process.
	Journal Journal
	// Events hears of every outcome as it comes in, and at the end of what was not
	// tried; it may be nil. It is never called twice at once.
	Events func(Result)
	// Wait is how long to wait for what was written to become active; 0 for not at all.
	Wait time.Duration
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
	// Resend says that actions that were intended are tried only now.
	Resend(actions []planner.Action) error
	// StoreReady says under which id a store exists.
	StoreReady(store planner.StoreKey, id planner.StoreID) error
	// Settle says what became of actions.
	Settle(results []Result) error
	// Activated says that secrets turned active, which moved their Modified.
	Activated(results []Result) error
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

// Pending lists the results whose secrets cannot be used yet.
func (r *Report) Pending() []Result {
	var pending []Result
	for _, res := range r.Results {
		if res.Outcome == Done && res.Live.Status == planner.StatusPending {
			pending = append(pending, res)
		}
	}
	return pending
}

// Complete reports whether everything was done.
func (r *Report) Complete() bool { return r.Err == nil && r.Count(Done) == len(r.Results) }

var (
	errInterrupted = errors.New("not tried: interrupted")
	errNoStore     = errors.New("not tried: its store does not exist")
	errHeldBack    = errors.New("not tried: nothing is deleted while new secrets could not be created")
)

// Apply executes the plan, the accounts side by side: a failure in one doesn't
// stop the others. The report tells of every action; it is never nil. When ctx
// ends, no further request is sent.
//
// A plan with problems must not come here: Apply doesn't look at them.
func Apply(ctx context.Context, plan *planner.Plan, cfg Config) *Report {
	results := make([]Result, len(plan.Actions))
	runs := map[planner.AccountID]*run{}
	cfg.Journal = &oneAtATime{Journal: cfg.Journal, events: cfg.Events}
	for i, a := range plan.Actions {
		results[i] = Result{Action: a, Outcome: Skipped}
		r := runs[a.Store.Account]
		if r == nil {
			r = &run{ctx: ctx, cfg: cfg, results: results, stores: map[planner.StoreKey]planner.StoreID{}}
			runs[a.Store.Account] = r
		}
		r.mine = append(r.mine, i)
		if a.StoreID != "" {
			r.stores[a.Store] = a.StoreID
		}
	}
	all := func(phase func(*run)) {
		var wg sync.WaitGroup
		for _, r := range runs {
			wg.Go(func() { phase(r) })
		}
		wg.Wait()
	}
	all((*run).makeAndChange)
	// A secret may go from one account to another, so all wait for all.
	if mustHoldDeletes(results) {
		all((*run).holdDeletes)
	} else {
		all((*run).takeAway)
	}
	all((*run).finish)
	rep := &Report{Results: results}
	for _, r := range runs {
		rep.Err = errors.Join(rep.Err, r.finished())
	}
	for _, res := range results {
		if cfg.Events != nil && res.Outcome == Skipped {
			cfg.Events(res)
		}
	}
	return rep
}

// oneAtATime keeps the accounts' runs from journaling at once.
type oneAtATime struct {
	Journal
	mu     sync.Mutex
	events func(Result)
}

func (j *oneAtATime) Intend(actions []planner.Action) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.Journal.Intend(actions)
}

func (j *oneAtATime) Resend(actions []planner.Action) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.Journal.Resend(actions)
}

func (j *oneAtATime) StoreReady(store planner.StoreKey, id planner.StoreID) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.Journal.StoreReady(store, id)
}

func (j *oneAtATime) Activated(results []Result) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.Journal.Activated(results)
}

func (j *oneAtATime) Settle(results []Result) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	err := j.Journal.Settle(results)
	for _, r := range results {
		if j.events != nil && r.Outcome != Skipped { // those are told at the end, whatever they were skipped for
			j.events(r)
		}
	}
	return err
}

// run is one account's part of an apply. Its methods run one after the other; only
// the requests inside each are parallel.
type run struct {
	ctx     context.Context
	cfg     Config
	results []Result // of all accounts, in the plan's order
	mine    []int    // this account's
	stores  map[planner.StoreKey]planner.StoreID
	broken  error // the journal failed: nothing more may be done
}

func (r *run) makeAndChange() {
	r.each(r.remove, r.untried(func(a planner.Action) bool { return a.BeforeCreates }))
	r.createStores()
	r.createSecrets()
	r.makeRoom()
	r.each(r.rename, r.of(planner.OpRename))
	r.each(r.update, r.of(planner.OpAdopt, planner.OpUpdate, planner.OpRotate))
}

func (r *run) takeAway() {
	r.each(r.remove, r.of(planner.OpDelete))
	r.deleteStores()
}

func (r *run) finish() {
	r.bookkeeping()
	r.awaitActive()
}

// makeRoom deletes as many secrets as could not be created for want of quota, and tries
// those again: the plan does it in that order where it knows the quota.
func (r *run) makeRoom() {
	full := r.which(func(res Result) bool {
		return res.Action.Op == planner.OpCreate && res.Outcome == Failed && errors.Is(res.Err, ErrQuota)
	})
	old := r.of(planner.OpDelete)
	if len(full) == 0 || len(old) < len(full) {
		return
	}
	r.each(r.remove, old[:len(full)])
	for _, i := range full {
		r.results[i].Outcome, r.results[i].Err = Skipped, nil
	}
	r.createSecrets()
}

// mustHoldDeletes reports whether something new could not be made or taken over: what
// would be deleted may be what it was to replace, under another name, in another store
// or account, and its value is nowhere else.
func mustHoldDeletes(results []Result) bool {
	makes := []planner.Op{planner.OpCreateStore, planner.OpCreate, planner.OpRename, planner.OpAdopt}
	return slices.ContainsFunc(results, func(res Result) bool {
		return res.Action.Writes() && slices.Contains(makes, res.Action.Op) && res.Outcome != Done
	})
}

// holdDeletes skips the deletions; where nothing more may be sent at all, that is why.
func (r *run) holdDeletes() {
	if r.stopped() != nil {
		return
	}
	for _, i := range r.of(planner.OpDelete, planner.OpDeleteStore) {
		r.results[i].Err = errHeldBack
	}
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

// of lists this account's untried actions of some operations that write, as
// indexes into r.results.
func (r *run) of(ops ...planner.Op) []int {
	return r.untried(func(a planner.Action) bool { return a.Writes() && slices.Contains(ops, a.Op) })
}

func (r *run) untried(fits func(planner.Action) bool) []int {
	return r.which(func(res Result) bool { return res.Outcome == Skipped && fits(res.Action) })
}

// which lists this account's results that fit.
func (r *run) which(fits func(Result) bool) []int {
	var is []int
	for _, i := range r.mine {
		if fits(r.results[i]) {
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
	r.note(r.cfg.Journal.Intend(r.actions(is)))
	return r.broken == nil
}

func (r *run) actions(is []int) []planner.Action {
	actions := make([]planner.Action, len(is))
	for n, i := range is {
		actions[n] = r.results[i].Action
	}
	return actions
}

// settle journals outcomes that r.results hold already, and tells of them.
func (r *run) settle(is ...int) {
	results := make([]Result, len(is))
	for n, i := range is {
		results[n] = r.results[i]
	}
	r.note(r.cfg.Journal.Settle(results))
}

func (r *run) note(journal error) {
	if journal != nil && r.broken == nil {
		r.broken = fmt.Errorf("the lockfile cannot be written, so nothing more is sent: %w", journal)
	}
}

// conclude turns an error of a request into an outcome.
func (r *run) conclude(i int, live planner.LiveSecret, err error) {
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
	is := r.untried(func(a planner.Action) bool { return !a.Writes() })
	if len(is) == 0 || r.stopped() != nil {
		return
	}
	for _, i := range is {
		a := r.results[i].Action
		r.results[i].Outcome = Done
		r.results[i].Live = planner.LiveSecret{
			ID: a.ID, Name: a.Secret, Scopes: a.Current.Scopes, Comment: a.Current.Comment, Modified: a.Current.Modified,
		}
	}
	r.settle(is...)
}

// finished says why the account's run ended early, or nil.
func (r *run) finished() error {
	why, skipped := r.stopped(), false
	for _, i := range r.mine {
		if res := &r.results[i]; res.Outcome == Skipped {
			skipped = true
			if res.Err == nil {
				res.Err = why
			}
		}
	}
	if r.broken == nil && skipped {
		return r.ctx.Err()
	}
	return r.broken
}
