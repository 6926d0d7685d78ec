package applier

import (
	"context"

	"golang.org/x/sync/errgroup"

	"github.com/secretsync/secretsync/planner"
)

// sender sends the requests of one action.
type sender func(context.Context, *Result) (planner.LiveSecret, error)

// answer is what a sender returned.
type answer struct {
	result *Result
	live   planner.LiveSecret
	err    error
}

// forEach executes actions in parallel. It journals all intents in one entry first. It
// journals outcomes as they arrive; those that arrive while the journal is writing share
// the next entry.
func (r *run) forEach(ctx context.Context, results []*Result, send sender) {
	if len(results) == 0 || !r.intend(ctx, results) {
		return
	}
	intended := r.cfg.Now()
	starting, stop := context.WithCancel(ctx) // its end does not affect requests in flight
	defer stop()
	answers := inParallel(starting, r.cfg.Parallelism, results, func(res *Result) answer {
		if res.Action.Op.CreatesSecret() {
			if err := r.resendLate(res, intended); err != nil {
				return answer{res, planner.LiveSecret{}, err}
			}
		}
		live, err := send(ctx, res)
		return answer{res, live, err}
	})
	for first := range answers {
		var settled []*Result
		for _, a := range append([]answer{first}, waiting(answers)...) {
			a.result.conclude(a.live, a.err)
			settled = append(settled, a.result)
		}
		r.settle(settled...)
		if r.journal.failed() != nil {
			stop()
		}
	}
	r.settleUntried(ctx, results)
}

// inParallel calls do for each of results, at most limit at once, and starts no more of them
// after ctx ends. It returns a channel of the answers, which is closed after the last one.
func inParallel(ctx context.Context, limit int, results []*Result, do func(*Result) answer) <-chan answer {
	answers := make(chan answer, len(results)) // has room for all, so that the journal does not hold up requests
	go func() {
		defer close(answers)
		sideBySide(limit, results, func(res *Result) {
			if ctx.Err() == nil {
				answers <- do(res)
			}
		})
	}()
	return answers
}

// sideBySide calls do for each item, at most limit at once, and returns when all have ended.
func sideBySide[T any](limit int, items []T, do func(T)) {
	var g errgroup.Group
	g.SetLimit(max(1, limit))
	for _, item := range items {
		g.Go(func() error {
			do(item)
			return nil
		})
	}
	_ = g.Wait() // none of them fails
}

// waiting returns the answers that have arrived already.
func waiting(answers <-chan answer) []answer {
	var arrived []answer
	for range len(answers) {
		arrived = append(arrived, <-answers)
	}
	return arrived
}

// settleUntried cancels the intents of the actions that were not tried after all.
func (r *run) settleUntried(ctx context.Context, results []*Result) {
	var untried []*Result
	for _, res := range results {
		if res.Outcome == Skipped {
			untried = append(untried, res)
			res.Err = r.stopped(ctx)
		}
	}
	if len(untried) > 0 {
		r.settle(untried...)
	}
}
