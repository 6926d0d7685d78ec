package applier

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/secretsync/secretsync/internal/pause"
	"github.com/secretsync/secretsync/planner"
)

// settleTries bounds how often a create with an unknown outcome is looked for, and
// settleWait is the first pause before doing so. Lists may lag behind writes
// (docs/cloudflare-api.md §3).
const (
	settleTries = 4
	settleWait  = 500 * time.Millisecond
)

func (r *run) createStores(ctx context.Context) {
	stores := r.pendingWrites(planner.OpCreateStore)
	sideBySide(r.cfg.Parallelism, stores, func(res *Result) {
		if r.stopped(ctx) != nil {
			return
		}
		id, err := r.createStore(ctx, res.Action)
		res.conclude(planner.LiveSecret{}, err)
		if err == nil {
			res.StoreID = id
		}
		r.settle(res)
	})
	for _, res := range stores {
		if res.Outcome == Done {
			r.stores[res.Action.Store] = res.StoreID
		}
	}
}

// createStore creates a store. After an unknown outcome it looks for the store in the list.
func (r *run) createStore(ctx context.Context, a planner.Action) (planner.StoreID, error) {
	t, err := r.target(a)
	if err != nil {
		return "", err
	}
	id, err := t.CreateStore(ctx, a.Store.Name)
	for try := range settleTries {
		if !errors.Is(err, ErrOutcomeUnknown) || !r.pause(ctx, try) {
			break
		}
		stores, listErr := t.ListStores(ctx)
		if listErr != nil && !errors.Is(listErr, ErrIncomplete) {
			break
		}
		if s := slices.IndexFunc(stores, func(s planner.LiveStore) bool { return s.Key.Name == a.Store.Name }); s >= 0 {
			return stores[s].ID, nil
		}
	}
	return id, err
}

// createSecrets creates the secrets of each store in batches of one request, side by side.
func (r *run) createSecrets(ctx context.Context) {
	byStore := map[planner.StoreKey][]*Result{}
	var order []planner.StoreKey
	for _, res := range r.pendingWrites(planner.OpCreate) {
		k := res.Action.Store
		if byStore[k] == nil {
			order = append(order, k)
		}
		byStore[k] = append(byStore[k], res)
	}
	var batches [][]*Result
	for _, k := range order {
		batches = slices.AppendSeq(batches, slices.Chunk(byStore[k], BatchSize))
	}
	sideBySide(r.cfg.Parallelism, batches, func(batch []*Result) { r.createBatch(ctx, batch) })
}

// createBatch creates up to BatchSize secrets of one store. If all goes well, that is one
// intent, one request and one outcome.
func (r *run) createBatch(ctx context.Context, results []*Result) {
	first := results[0].Action
	store, ok := r.stores[first.Store]
	if !ok {
		for _, res := range results {
			res.Err = errNoStore
		}
		return
	}
	if !r.intend(ctx, results) {
		return
	}
	if target, err := r.target(first); err != nil {
		for _, res := range results {
			res.conclude(planner.LiveSecret{}, err)
		}
	} else {
		newCreation(r, target, store).createAll(ctx, results)
	}
	r.settle(results...)
}

// pause waits before the n-th look at the account, and reports whether to go on.
func (r *run) pause(ctx context.Context, n int) bool {
	return pause.For(ctx, settleWait<<n) == nil && r.stopped(ctx) == nil
}
