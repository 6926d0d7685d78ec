package applier

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/secretsync/secretsync/internal/pause"
	"github.com/secretsync/secretsync/planner"
)

// The first and the longest pause between looks at pending secrets. Cloudflare does not say
// how long secrets stay pending (docs/cloudflare-api.md §3).
const (
	activeFirst = 250 * time.Millisecond
	activeMost  = 5 * time.Second
)

// awaitActive waits until the written secrets are active, at most Config.Wait.
func (r *run) awaitActive(ctx context.Context) { r.await(ctx, (*Result).pending) }

// await waits until the secrets of pending results that match are active, at most Config.Wait.
func (r *run) await(ctx context.Context, match func(*Result) bool) {
	ctx, cancel := context.WithTimeout(ctx, r.cfg.Wait)
	defer cancel()
	until := time.Now().Add(r.cfg.Wait)
	report := r.cfg.Waiting
	if report == nil {
		report = func(planner.AccountID, int, time.Time) {}
	}
	waited := false
	defer func() {
		if waited {
			report(r.account(), 0, until)
		}
	}()
	for wait := activeFirst; ; wait = min(2*wait, activeMost) {
		pending := r.pendingByStore(match)
		if len(pending) == 0 || r.stopped(ctx) != nil {
			return
		}
		if wait > activeFirst { // otherwise it may be over at once
			waited = true
			report(r.account(), len(r.where(match)), until)
		}
		if pause.For(ctx, wait) != nil {
			return
		}
		sideBySide(r.cfg.Parallelism, slices.Collect(maps.Keys(pending)), func(store planner.StoreID) {
			r.checkActive(ctx, store, pending[store])
		})
	}
}

// pendingByStore groups the pending secrets by store.
func (r *run) pendingByStore(match func(*Result) bool) map[planner.StoreID][]*Result {
	pending := map[planner.StoreID][]*Result{}
	for _, res := range r.where(match) {
		id := r.stores[res.Action.Store]
		pending[id] = append(pending[id], res)
	}
	return pending
}

// checkActive lists a store to see which of its pending secrets are active now, and journals
// those.
func (r *run) checkActive(ctx context.Context, store planner.StoreID, results []*Result) {
	t, err := r.target(results[0].Action)
	if err != nil {
		return
	}
	live, err := t.ListSecrets(ctx, store)
	if err != nil && !errors.Is(err, ErrIncomplete) {
		return
	}
	listed := make(map[planner.SecretID]*planner.LiveSecret, len(live))
	for i := range live {
		listed[live[i].ID] = &live[i]
	}
	var active []Result
	for _, res := range results {
		if l := listed[res.Live.ID]; l != nil && res.becameActive(*l) {
			active = append(active, *res)
		}
	}
	if len(active) > 0 {
		_ = r.journal.record(Entry{Kind: EntryActive, Results: active}) // stopped returns the error
	}
}

// becameActive updates a pending secret from a list, and reports whether it is active now.
// Activation may move its modification time, which is then recorded as our own write. If the
// metadata changed too, another client wrote to the secret: the recorded time stays, so that
// the next plan finds the change.
func (r *Result) becameActive(listed planner.LiveSecret) bool {
	if listed.Status == planner.StatusPending || listed.Modified.Compare(r.Live.Modified) < 0 {
		return false // still pending, or from a list that lags behind our write
	}
	r.Live.Status = listed.Status
	if listed.Comment == r.Live.Comment && sameScopes(listed.Scopes, r.Live.Scopes) {
		r.Live.Modified = listed.Modified
	}
	return true
}

// sameScopes compares scopes in any order. An answer without scopes does not count as a difference.
func sameScopes(x, y []string) bool {
	return x == nil || y == nil || slices.Equal(slices.Sorted(slices.Values(x)), slices.Sorted(slices.Values(y)))
}
