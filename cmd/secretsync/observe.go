package main

import (
	"context"
	"errors"
	"slices"

	"github.com/secretsync/secretsync/applier"
	"github.com/secretsync/secretsync/planner"
)

// observe reads the live state of the stores, with as few requests as can be: the
// secrets of a store whose id the lockfile knows are listed at once; the account's
// stores are listed only where an id is missing or no longer holds.
func (s *session) observe(ctx context.Context, desired []planner.DesiredStore, recorded []planner.RecordedStore) ([]planner.LiveStore, error) {
	ids := map[planner.StoreKey]planner.StoreID{}
	var keys []planner.StoreKey
	add := func(k planner.StoreKey, id planner.StoreID) {
		if !slices.Contains(keys, k) {
			keys = append(keys, k)
		}
		if id != "" {
			ids[k] = id
		}
	}
	for _, d := range desired {
		add(d.Key, "")
	}
	for _, r := range recorded {
		add(r.Key, r.ID)
	}
	o := &observation{session: s, listed: map[planner.AccountID][]planner.LiveStore{}}
	var live []planner.LiveStore
	for _, k := range keys {
		store, err := o.store(ctx, k, ids[k])
		if err != nil {
			return nil, err
		}
		if store != nil {
			live = append(live, *store)
		}
	}
	return append(live, o.others(keys)...), nil
}

// observation remembers which accounts' stores were listed.
type observation struct {
	*session
	listed map[planner.AccountID][]planner.LiveStore
}

// store returns nil where there is no such store.
func (o *observation) store(ctx context.Context, k planner.StoreKey, id planner.StoreID) (*planner.LiveStore, error) {
	c, err := o.client(k.Account)
	if err != nil {
		return nil, err
	}
	if id != "" {
		secrets, err := c.ListSecrets(ctx, id)
		if err == nil {
			return &planner.LiveStore{Key: k, ID: id, Secrets: secrets}, nil
		}
		if !errors.Is(err, applier.ErrNotFound) {
			return nil, err
		}
	}
	if _, ok := o.listed[k.Account]; !ok {
		if o.listed[k.Account], err = c.ListStores(ctx); err != nil {
			return nil, err
		}
	}
	for _, st := range o.listed[k.Account] {
		if st.Key == k {
			secrets, err := c.ListSecrets(ctx, st.ID)
			return &planner.LiveStore{Key: k, ID: st.ID, Secrets: secrets}, err
		}
	}
	return nil, nil
}

// others are the stores that were seen besides those asked for.
func (o *observation) others(keys []planner.StoreKey) []planner.LiveStore {
	var others []planner.LiveStore
	for _, stores := range o.listed {
		for _, st := range stores {
			if !slices.Contains(keys, st.Key) {
				others = append(others, st)
			}
		}
	}
	return others
}
