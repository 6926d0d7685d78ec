package applier

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/secretsync/secretsync/planner"
)

// run is one account's part of an apply. Its phases run one after the other; only the
// requests within a phase run in parallel.
type run struct {
	cfg     Config
	journal *recorder
	results []*Result // this account's, in the plan's order
	stores  map[planner.StoreKey]planner.StoreID
	// writes are the results of the actions on secrets that are duplicated, and on their
	// duplicates.
	writes map[planner.SecretKey]*Result
}

// stopped returns why nothing more may be sent, or nil.
func (r *run) stopped(ctx context.Context) error {
	if err := r.journal.failed(); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return errInterrupted
	}
	return nil
}

// pendingWrites lists the actions of the given operations that write to Cloudflare and were
// not tried yet.
func (r *run) pendingWrites(ops ...planner.Op) []*Result {
	return r.untried(func(a planner.Action) bool { return a.Writes() && slices.Contains(ops, a.Op) })
}

func (r *run) untried(match func(planner.Action) bool) []*Result {
	return r.where(func(res *Result) bool { return res.Outcome == Skipped && match(res.Action) })
}

func (r *run) where(match func(*Result) bool) []*Result {
	var matching []*Result
	for _, res := range r.results {
		if match(res) {
			matching = append(matching, res)
		}
	}
	return matching
}

// account is the account of this part, which has actions.
func (r *run) account() planner.AccountID { return r.results[0].Action.Store.Account }

func (r *run) target(a planner.Action) (Target, error) {
	t, ok := r.cfg.Targets[a.Store.Account]
	if !ok {
		return nil, fmt.Errorf("no client for account %s", a.Store.Account)
	}
	return t, nil
}

// intend journals that the actions are about to be tried, and reports whether they may be
// tried.
func (r *run) intend(ctx context.Context, results []*Result) bool {
	return r.stopped(ctx) == nil && r.journal.record(Entry{Kind: EntryIntent, Actions: actionsOf(results)}) == nil
}

// resend journals that actions with a recorded intent are sent only now. Several goroutines
// may call it at once.
func (r *run) resend(results ...*Result) error {
	return r.journal.record(Entry{Kind: EntryResend, Actions: actionsOf(results)})
}

// resendLate calls resend if ResendAfter has passed since a time: what a request creates is
// recognised by the time of the request.
func (r *run) resendLate(res *Result, since time.Time) error {
	if r.cfg.Now().Sub(since) < ResendAfter {
		return nil
	}
	return r.resend(res)
}

// duplicated journals the duplicate of a secret that is being renamed. Several goroutines may
// call it at once.
func (r *run) duplicated(res *Result, live planner.LiveSecret) error {
	return r.journal.record(Entry{Kind: EntryDuplicated, Results: []Result{{Action: res.Action, Outcome: res.Outcome, Live: live}}})
}

// settle journals the outcomes that the results hold.
func (r *run) settle(results ...*Result) {
	settled := make([]Result, len(results))
	for i, res := range results {
		settled[i] = *res
	}
	_ = r.journal.record(Entry{Kind: EntryOutcome, Results: settled}) // stopped returns the error
}

func actionsOf(results []*Result) []planner.Action {
	actions := make([]planner.Action, len(results))
	for i, res := range results {
		actions[i] = res.Action
	}
	return actions
}

// outcomeOf turns the error of a request into an outcome.
func outcomeOf(err error) Outcome {
	switch {
	case err == nil:
		return Done
	case errors.Is(err, ErrOutcomeUnknown):
		return Unknown
	default:
		return Failed
	}
}
