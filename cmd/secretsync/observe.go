package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/secretsync/secretsync/applier"
	"github.com/secretsync/secretsync/internal/cloudflare"
	"github.com/secretsync/secretsync/planner"
)

// observe reads the live state of the stores that the input names, the accounts side
// by side. An account that cannot be read is taken out of the input, and the error
// says so: the others go on.
func (s *session) observe(ctx context.Context, in *planner.Input) error {
	accounts := map[planner.AccountID]*observation{}
	at := func(k planner.StoreKey) *observation {
		if accounts[k.Account] == nil {
			accounts[k.Account] = &observation{
				ids: map[planner.StoreKey]planner.StoreID{}, recorded: map[planner.StoreKey][]planner.RecordedSecret{},
				now: s.clock.Now, parallelism: s.flags.parallelism,
			}
		}
		return accounts[k.Account]
	}
	for _, d := range in.Desired {
		at(d.Key).add(d.Key, "")
	}
	for _, r := range in.Recorded {
		at(r.Key).add(r.Key, r.ID)
		at(r.Key).recorded[r.Key] = r.Secrets
	}
	var wg sync.WaitGroup
	for id, o := range accounts {
		client, err := s.client(id)
		if err != nil {
			o.err = err
			continue
		}
		wg.Go(func() { o.err = o.read(ctx, client) })
	}
	wg.Wait()
	var failed []error
	for _, id := range slices.Sorted(maps.Keys(accounts)) {
		o := accounts[id]
		if o.err == nil {
			in.Live = append(in.Live, o.live...)
			s.filter.Public(liveText(o.live)...)
			continue
		}
		failed = append(failed, fmt.Errorf("account %s: %w", id, o.err))
		in.Desired = slices.DeleteFunc(slices.Clone(in.Desired), func(d planner.DesiredStore) bool { return d.Key.Account == id })
		in.Recorded = slices.DeleteFunc(slices.Clone(in.Recorded), func(r planner.RecordedStore) bool { return r.Key.Account == id })
	}
	return errors.Join(failed...)
}

// observation is the look at one account, with as few requests as can be: the
// secrets of a store whose id the lockfile knows are listed at once; the account's
// stores are listed only where an id is missing or no longer holds.
type observation struct {
	keys   []planner.StoreKey
	ids    map[planner.StoreKey]planner.StoreID // from the lockfile
	stores []planner.LiveStore                  // the account's, once listed
	live   []planner.LiveStore
	err    error

	recorded    map[planner.StoreKey][]planner.RecordedSecret
	now         func() time.Time
	parallelism int
}

func (o *observation) add(k planner.StoreKey, id planner.StoreID) {
	if !slices.Contains(o.keys, k) {
		o.keys = append(o.keys, k)
	}
	if id != "" {
		o.ids[k] = id
	}
}

func (o *observation) read(ctx context.Context, c *cloudflare.Client) error {
	for _, k := range o.keys {
		store, err := o.store(ctx, c, k)
		if err != nil {
			return err
		}
		if store != nil {
			hidden, err := o.hidden(ctx, c, *store)
			if err != nil {
				return err
			}
			store.Secrets = append(store.Secrets, hidden...)
			o.live = append(o.live, *store)
		}
	}
	for _, st := range o.stores { // seen besides those asked for
		if !slices.Contains(o.keys, st.Key) {
			o.live = append(o.live, st)
		}
	}
	return nil
}

// hidden are the secrets that a list lacks although they are there: lists may lag behind
// writes (docs/cloudflare-api.md §3), so what we wrote moments ago is asked for by its id.
func (o *observation) hidden(ctx context.Context, c *cloudflare.Client, st planner.LiveStore) ([]planner.LiveSecret, error) {
	listed := map[planner.SecretID]bool{}
	names := map[string]bool{}
	for _, l := range st.Secrets {
		listed[l.ID], names[l.Name] = true, true
	}
	var missing []planner.RecordedSecret
	for _, r := range o.recorded[st.Key] {
		if !listed[r.ID] && r.MayLag(o.now()) {
			missing = append(missing, r)
		}
	}
	found, errs := make([]*planner.LiveSecret, len(missing)), make([]error, len(missing))
	var wg sync.WaitGroup
	slots := make(chan struct{}, max(1, o.parallelism))
	for i, r := range missing {
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			found[i], errs[i] = o.get(ctx, c, st.ID, r)
		})
	}
	wg.Wait()
	var hidden []planner.LiveSecret
	for _, l := range found {
		if l != nil && !names[l.Name] { // or another of its name took its place
			hidden = append(hidden, *l)
		}
	}
	return hidden, errors.Join(errs...)
}

// Reads by ids may lag, too, for some moments after a write: so often they are repeated,
// and so long is the first pause.
const (
	readAgain = 2
	readPause = 500 * time.Millisecond
)

// again waits for the n-th repetition of a read that did not find what was written so
// lately that it may be there, and reports whether it may still happen.
func again(ctx context.Context, n int, fresh bool) bool {
	if !fresh || n >= readAgain {
		return false
	}
	select {
	case <-time.After(readPause << n):
		return true
	case <-ctx.Done():
		return false
	}
}

// get returns nil where there is no such secret.
func (o *observation) get(ctx context.Context, c *cloudflare.Client, store planner.StoreID, r planner.RecordedSecret) (*planner.LiveSecret, error) {
	for n := 0; ; n++ {
		switch live, err := c.GetSecret(ctx, store, r.ID); {
		case err == nil && live.ID == r.ID:
			return &live, nil
		case !errors.Is(err, applier.ErrNotFound):
			return nil, err
		case !again(ctx, n, r.Fresh(o.now())):
			return nil, ctx.Err()
		}
	}
}

// list lists the secrets of a store that the lockfile knows.
func (o *observation) list(ctx context.Context, c *cloudflare.Client, k planner.StoreKey) ([]planner.LiveSecret, error) {
	for n := 0; ; n++ {
		secrets, err := c.ListSecrets(ctx, o.ids[k])
		fresh := func(r planner.RecordedSecret) bool { return r.Fresh(o.now()) }
		if !errors.Is(err, applier.ErrNotFound) || !again(ctx, n, slices.ContainsFunc(o.recorded[k], fresh)) {
			return secrets, err
		}
	}
}

// store returns nil where there is no such store.
func (o *observation) store(ctx context.Context, c *cloudflare.Client, k planner.StoreKey) (*planner.LiveStore, error) {
	if id := o.ids[k]; id != "" {
		secrets, err := o.list(ctx, c, k)
		if err == nil {
			return &planner.LiveStore{Key: k, ID: id, Secrets: secrets}, nil
		}
		if !errors.Is(err, applier.ErrNotFound) {
			return nil, err
		}
	}
	if o.stores == nil {
		stores, err := c.ListStores(ctx)
		if err != nil {
			return nil, err
		}
		o.stores = append([]planner.LiveStore{}, stores...)
	}
	for _, st := range o.stores {
		if st.Key == k {
			secrets, err := c.ListSecrets(ctx, st.ID)
			return &planner.LiveStore{Key: k, ID: st.ID, Secrets: secrets}, err
		}
	}
	return nil, nil
}
