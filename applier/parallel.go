package applier

import (
	"context"
	"sync"

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

// forEach executes actions in parallel. All intents are journaled in one entry, before any
// of the actions; outcomes as they come in, those that come together in one entry.
func (r *run) forEach(ctx context.Context, results []*Result, send sender) {
	if len(results) == 0 || !r.intend(ctx, results) {
		return
	}
	starting, stop := context.WithCancel(ctx) // ends without an effect on what is under way
	defer stop()
	answers := inParallel(starting, r.cfg.Parallelism, results, func(res *Result) answer {
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

// inParallel calls do for each of results, limit at once, and starts no more when ctx ends.
// The channel brings what do returned, in any order, and is closed after the last.
func inParallel(ctx context.Context, limit int, results []*Result, do func(*Result) answer) <-chan answer {
	answers := make(chan answer, len(results)) // with room for all: a request is not held up by the journal
	slots := make(chan struct{}, max(1, limit))
	go func() {
		var wg sync.WaitGroup
		defer close(answers)
		defer wg.Wait()
		for _, res := range results {
			select {
			case slots <- struct{}{}:
			case <-ctx.Done():
			}
			if ctx.Err() != nil { // also where both were ready
				return
			}
			wg.Go(func() {
				answers <- do(res)
				<-slots
			})
		}
	}()
	return answers
}

// waiting takes the answers that are there already.
func waiting(answers <-chan answer) []answer {
	var there []answer
	for range len(answers) {
		there = append(there, <-answers)
	}
	return there
}

// settleUntried takes back the intents of what was not tried after all.
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
