package applier

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/secretsync/secretsync/planner"
)

// DefaultParallelism is how many requests are sent at once unless a configuration says
// otherwise: as many as make 50 changes in one round trip. Cloudflare allows 200 requests a
// second for an IP address (docs/cloudflare-api.md §13), and a write takes a good part of a
// second.
const DefaultParallelism = 50

// Config is what an apply needs besides the plan. All fields but Quota, Events,
// Waiting and Wait are required.
type Config struct {
	// Targets are the accounts that the plan's actions name.
	Targets map[planner.AccountID]Target
	// Value returns the desired value of a secret.
	Value func(planner.SecretKey) (Value, bool)
	// Journal outlives a crash of this process.
	Journal Journal
	// Quota reads the quota of an account, after Cloudflare refused creations for lack of room. It
	// may be nil.
	Quota func(context.Context, planner.AccountID) (planner.Quota, error)
	// Events is called with each outcome as soon as it is journaled, and at the end with
	// each action that was not tried. It may be nil. Calls do not overlap.
	Events func(Result)
	// Waiting is called before each pause of an account that waits for written secrets to become
	// active, with the number of pending secrets and the latest end of the wait. When the wait has
	// ended, it is called with 0 secrets. It may be nil. Calls for several accounts may overlap.
	Waiting func(account planner.AccountID, pending int, until time.Time)
	// Wait is how long to wait for written secrets to become active; 0 for not at all.
	Wait time.Duration
	// Parallelism is how many requests of an account run at once: creations, then updates, and
	// later deletes.
	Parallelism int
	// Now is the clock; time.Now outside tests.
	Now func() time.Time
}

var (
	errInterrupted = errors.New("not tried: interrupted")
	errNoStore     = errors.New("not tried: its store does not exist")
	errHeldBack    = errors.New("not tried: nothing is deleted, because something new could not be created")
)

// Apply executes the plan in all accounts in parallel. A failure in one account does not
// stop the others. After ctx ends, no further request is sent.
//
// The report has every action of the plan, and is never nil. The error says why the apply
// ended early: it is ctx's error, or one of the journal. Failed actions are only in the report.
//
// The caller must not pass a plan with problems: Apply does not check for them.
func Apply(ctx context.Context, plan *planner.Plan, cfg Config) (*Report, error) {
	report := &Report{Results: make([]Result, len(plan.Actions))}
	journal := &recorder{journal: cfg.Journal, events: cfg.Events}
	runs := newRuns(report, plan, cfg, journal)
	inEachAccount := func(phase func(*run, context.Context)) {
		var wg sync.WaitGroup
		for _, r := range runs {
			wg.Go(func() { phase(r, ctx) })
		}
		wg.Wait()
	}
	inEachAccount((*run).createAndUpdate)
	// A secret may move from one account to another, so no account deletes before all have created.
	if mustHoldDeletes(report.Results) {
		inEachAccount((*run).holdDeletes)
	} else {
		inEachAccount((*run).deleteObsolete)
	}
	inEachAccount((*run).finish)
	interrupted := false
	for _, r := range runs {
		interrupted = r.explainSkipped(ctx) && ctx.Err() != nil || interrupted
	}
	for _, res := range report.Results {
		if cfg.Events != nil && res.Outcome == Skipped {
			cfg.Events(res)
		}
	}
	if err := journal.failed(); err != nil || !interrupted {
		return report, err
	}
	return report, ctx.Err()
}

// newRuns splits the plan by account, and fills in the report's results.
func newRuns(report *Report, plan *planner.Plan, cfg Config, journal *recorder) map[planner.AccountID]*run {
	runs := map[planner.AccountID]*run{}
	for i, a := range plan.Actions {
		res := &report.Results[i]
		*res = Result{Action: a, Outcome: Skipped}
		r := runs[a.Store.Account]
		if r == nil {
			r = &run{cfg: cfg, journal: journal, stores: map[planner.StoreKey]planner.StoreID{}}
			runs[a.Store.Account] = r
		}
		r.results = append(r.results, res)
		if a.StoreID != "" {
			r.stores[a.Store] = a.StoreID
		}
	}
	return runs
}

func (r *run) createAndUpdate(ctx context.Context) {
	r.forEach(ctx, r.untried(func(a planner.Action) bool { return a.BeforeCreates }), r.deleteSecret)
	r.createStores(ctx)
	r.createSecrets(ctx)
	r.makeRoom(ctx)
	r.renameAll(ctx)
	r.prepare(ctx)
	r.forEach(ctx, r.updates(), r.update)
	r.duplicateAll(ctx)
}

func (r *run) deleteObsolete(ctx context.Context) {
	r.forEach(ctx, r.pendingWrites(planner.OpDelete), r.deleteSecret)
	r.deleteStores(ctx)
}

func (r *run) finish(ctx context.Context) {
	r.recordOnly(ctx)
	r.awaitActive(ctx)
}

// makeRoom runs when secrets could not be created because the quota was used up, which a plan
// without the quota does not foresee. It deletes as many secrets of the plan as that takes, and
// tries to create the others again. If the plan does not delete as many, it does nothing.
func (r *run) makeRoom(ctx context.Context) {
	full := r.where(func(res *Result) bool {
		return res.Action.Op == planner.OpCreate && res.Outcome == Failed && errors.Is(res.Err, ErrQuota)
	})
	old := r.pendingWrites(planner.OpDelete)
	if len(full) == 0 || len(old) == 0 {
		return
	}
	n := r.slotsLacking(ctx, full)
	if n > len(old) {
		return
	}
	r.forEach(ctx, old[:n], r.deleteSecret)
	for _, res := range full {
		res.Outcome, res.Err = Skipped, nil
	}
	r.createSecrets(ctx)
}

// slotsLacking returns how many slots the account lacks for secrets that could not be created. If
// the quota cannot be read, that may be all of them.
func (r *run) slotsLacking(ctx context.Context, full []*Result) int {
	if r.cfg.Quota != nil {
		if q, err := r.cfg.Quota(ctx, full[0].Action.Store.Account); err == nil {
			return max(0, q.Usage+len(full)-q.Limit)
		}
	}
	return len(full)
}

// mustHoldDeletes reports whether something could not be created or adopted. A secret that
// the plan deletes may be the secret that the new one was meant to replace, under another name
// or in another store or account, and may hold the only copy of the value.
func mustHoldDeletes(results []Result) bool {
	creates := []planner.Op{planner.OpCreateStore, planner.OpCreate, planner.OpRename, planner.OpAdopt}
	return slices.ContainsFunc(results, func(res Result) bool {
		return res.Action.Writes() && slices.Contains(creates, res.Action.Op) && res.Outcome != Done
	})
}

// holdDeletes sets the reason for not trying the deletions, unless there is a stronger one:
// nothing more may be sent.
func (r *run) holdDeletes(ctx context.Context) {
	if r.stopped(ctx) != nil {
		return
	}
	for _, res := range r.pendingWrites(planner.OpDelete, planner.OpDeleteStore) {
		res.Err = errHeldBack
	}
}

// recordOnly executes the actions that change nothing in Cloudflare, only the records.
func (r *run) recordOnly(ctx context.Context) {
	results := r.untried(func(a planner.Action) bool { return !a.Writes() })
	if len(results) == 0 || r.stopped(ctx) != nil {
		return
	}
	for _, res := range results {
		a := res.Action
		res.Outcome = Done
		res.Live = planner.LiveSecret{
			ID: a.ID, Name: a.Secret, Scopes: a.Current.Scopes, Comment: a.Current.Comment, Modified: a.Current.Modified,
		}
		if a.Op == planner.OpAdopt || a.Proven { // recorded from now on
			res.Live.Status = a.Current.Status
		}
	}
	r.settle(results...)
}

// explainSkipped sets the reason for each action that was not tried, and reports whether
// there is one.
func (r *run) explainSkipped(ctx context.Context) bool {
	skipped := r.untried(func(planner.Action) bool { return true })
	for _, res := range skipped {
		if res.Err == nil {
			res.Err = r.stopped(ctx)
		}
	}
	return len(skipped) > 0
}
