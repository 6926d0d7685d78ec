package applier

import (
	"errors"
	"slices"
	"time"

	"github.com/secretsync/secretsync/planner"
)

// settleTries bounds the reads after a create whose outcome is unknown, and
// settleWait is the first pause between them: lists may lag behind writes
// (docs/cloudflare-api.md §3).
const (
	settleTries = 4
	settleWait  = 500 * time.Millisecond
)

func (r *run) createStores() {
	for _, i := range r.of(planner.OpCreateStore) {
		if r.stopped() != nil {
			return
		}
		a := r.results[i].Action
		id, err := r.createStore(a)
		r.conclude(i, planner.LiveSecret{}, err)
		if err == nil {
			r.stores[a.Store] = id
			r.note(r.cfg.Journal.StoreReady(a.Store, id))
		}
		r.settle(i)
	}
}

// createStore makes a store; after an unknown outcome it looks whether it is there.
func (r *run) createStore(a planner.Action) (planner.StoreID, error) {
	t, err := r.target(a)
	if err != nil {
		return "", err
	}
	id, err := t.CreateStore(r.ctx, a.Store.Name)
	for try := range settleTries {
		if !errors.Is(err, ErrOutcomeUnknown) || !r.pause(try) {
			break
		}
		stores, listErr := t.ListStores(r.ctx)
		if listErr != nil {
			break
		}
		if s := slices.IndexFunc(stores, func(s planner.LiveStore) bool { return s.Key.Name == a.Store.Name }); s >= 0 {
			return stores[s].ID, nil
		}
	}
	return id, err
}

// createSecrets makes the secrets of each store in batches of one request.
func (r *run) createSecrets() {
	byStore := map[planner.StoreKey][]int{}
	var order []planner.StoreKey
	for _, i := range r.of(planner.OpCreate) {
		k := r.results[i].Action.Store
		if byStore[k] == nil {
			order = append(order, k)
		}
		byStore[k] = append(byStore[k], i)
	}
	for _, k := range order {
		for batch := range slices.Chunk(byStore[k], BatchSize) {
			r.createBatch(batch)
		}
	}
}

// createBatch makes up to BatchSize secrets of one store: one intent, one request,
// one outcome, where all goes well.
func (r *run) createBatch(is []int) {
	first := r.results[is[0]].Action
	store, ok := r.stores[first.Store]
	if !ok {
		for _, i := range is {
			r.results[i].Err = errNoStore
		}
		return
	}
	if !r.intend(is) {
		return
	}
	c := &creation{run: r, store: store, since: r.cfg.Now(), unsure: map[int]bool{}, partly: map[int]planner.Window{}}
	var err error
	if c.target, err = r.target(first); err != nil {
		c.fail(is, err)
	} else {
		c.create(is, settleTries)
	}
	for _, i := range is {
		if c.unsure[i] && r.results[i].Outcome == Skipped { // interrupted before it was settled
			c.conclude(i, planner.LiveSecret{}, ErrOutcomeUnknown)
		}
	}
	r.settle(is...)
}

// pause waits before the n-th look, and reports whether it may still happen.
func (r *run) pause(n int) bool {
	return sleep(r.ctx, settleWait<<n) && r.stopped() == nil
}
