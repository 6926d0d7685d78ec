package applier

import (
	"context"
	"slices"
	"time"

	"github.com/secretsync/secretsync/planner"
)

// The pauses between looks at secrets that are pending: Cloudflare doesn't say how
// long they are (docs/cloudflare-api.md §3).
const (
	activeFirst = 250 * time.Millisecond
	activeMost  = 5 * time.Second
)

// awaitActive waits until what was written is active, for Config.Wait at most.
func (r *run) awaitActive() {
	ctx, cancel := context.WithTimeout(r.ctx, r.cfg.Wait)
	defer cancel()
	for pause := activeFirst; ; pause = min(2*pause, activeMost) {
		pending := r.pending()
		if len(pending) == 0 || r.stopped() != nil || !sleep(ctx, pause) {
			return
		}
		for store, is := range pending {
			r.look(ctx, store, is)
		}
	}
}

// pending groups the secrets that were written and cannot be used yet by store.
func (r *run) pending() map[planner.StoreID][]int {
	pending := map[planner.StoreID][]int{}
	for _, i := range r.mine {
		if res := r.results[i]; res.Outcome == Done && res.Live.Status == planner.StatusPending {
			id := r.stores[res.Action.Store]
			pending[id] = append(pending[id], i)
		}
	}
	return pending
}

// look notes what became of pending secrets. A modified that moves as one becomes
// active is our own doing, and recorded as such; anything else that is different by
// then is not, and is left for the next plan to find.
func (r *run) look(ctx context.Context, store planner.StoreID, is []int) {
	t, err := r.target(r.results[is[0]].Action)
	if err != nil {
		return
	}
	live, err := t.ListSecrets(ctx, store)
	if err != nil {
		return
	}
	var moved []Result
	for _, i := range is {
		was := &r.results[i].Live
		n := slices.IndexFunc(live, func(l planner.LiveSecret) bool { return l.ID == was.ID })
		if n < 0 || live[n].Status == planner.StatusPending || live[n].Modified.Compare(was.Modified) < 0 {
			continue // not there, or as it was before our write: a list that lags
		}
		was.Status = live[n].Status
		if was.Modified != live[n].Modified && live[n].Comment == was.Comment && sameScopes(live[n].Scopes, was.Scopes) {
			was.Modified = live[n].Modified
			moved = append(moved, r.results[i])
		}
	}
	if len(moved) > 0 {
		r.note(r.cfg.Journal.Activated(moved))
	}
}

// sameScopes compares scopes in any order; what isn't told is no difference.
func sameScopes(x, y []string) bool {
	return x == nil || y == nil || slices.Equal(slices.Sorted(slices.Values(x)), slices.Sorted(slices.Values(y)))
}

// sleep reports whether ctx lasted for d.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}
