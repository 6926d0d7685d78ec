package applier

import (
	"context"
	"slices"
	"time"

	"github.com/secretsync/secretsync/internal/pause"
	"github.com/secretsync/secretsync/planner"
)

// The pauses between looks at secrets that are pending: Cloudflare doesn't say how
// long they are (docs/cloudflare-api.md §3).
const (
	activeFirst = 250 * time.Millisecond
	activeMost  = 5 * time.Second
)

// awaitActive waits until what was written is active, for Config.Wait at most.
func (r *run) awaitActive(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, r.cfg.Wait)
	defer cancel()
	for wait := activeFirst; ; wait = min(2*wait, activeMost) {
		pending := r.pendingByStore()
		if len(pending) == 0 || r.stopped(ctx) != nil || pause.For(ctx, wait) != nil {
			return
		}
		for store, results := range pending {
			r.checkActive(ctx, store, results)
		}
	}
}

// pendingByStore groups the secrets that were written and cannot be used yet.
func (r *run) pendingByStore() map[planner.StoreID][]*Result {
	pending := map[planner.StoreID][]*Result{}
	for _, res := range r.where((*Result).pending) {
		id := r.stores[res.Action.Store]
		pending[id] = append(pending[id], res)
	}
	return pending
}

// checkActive notes what became of pending secrets. A modified that moves as one becomes
// active is our own doing, and recorded as such; anything else that is different by
// then is not, and is left for the next plan to find.
func (r *run) checkActive(ctx context.Context, store planner.StoreID, results []*Result) {
	t, err := r.target(results[0].Action)
	if err != nil {
		return
	}
	live, err := t.ListSecrets(ctx, store)
	if err != nil {
		return
	}
	var moved []Result
	for _, res := range results {
		n := slices.IndexFunc(live, func(l planner.LiveSecret) bool { return l.ID == res.Live.ID })
		if n >= 0 && res.becameActive(live[n]) {
			moved = append(moved, *res)
		}
	}
	if len(moved) > 0 {
		_ = r.journal.record(Entry{Kind: EntryActive, Results: moved}) // stopped returns the error
	}
}

// becameActive takes over what a list says of a pending secret, and reports whether that
// changed when it was modified.
func (r *Result) becameActive(listed planner.LiveSecret) bool {
	if listed.Status == planner.StatusPending || listed.Modified.Compare(r.Live.Modified) < 0 {
		return false // as it was, or as it was before our write: a list that lags
	}
	r.Live.Status = listed.Status
	if listed.Modified == r.Live.Modified || listed.Comment != r.Live.Comment || !sameScopes(listed.Scopes, r.Live.Scopes) {
		return false
	}
	r.Live.Modified = listed.Modified
	return true
}

// sameScopes compares scopes in any order; what isn't told is no difference.
func sameScopes(x, y []string) bool {
	return x == nil || y == nil || slices.Equal(slices.Sorted(slices.Values(x)), slices.Sorted(slices.Values(y)))
}
