// Package observe reads live state with as few requests as possible.
package observe

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/secretsync/secretsync/applier"
	"github.com/secretsync/secretsync/internal/pause"
	"github.com/secretsync/secretsync/planner"
	"golang.org/x/sync/errgroup"
)

// Account is the client of one account.
type Account interface {
	// ListStores and ListSecrets return what exists. If a list is known to lack something, they
	// return [applier.ErrIncomplete] with it.
	ListStores(context.Context) ([]planner.LiveStore, error)
	// ListSecrets returns [applier.ErrNotFound] if there is no such store.
	ListSecrets(context.Context, planner.StoreID) ([]planner.LiveSecret, error)
	// GetSecret returns [applier.ErrNotFound] if there is no such secret.
	GetSecret(context.Context, planner.StoreID, planner.SecretID) (planner.LiveSecret, error)
}

// Place is a store to read, with what the lockfile knows about it.
type Place struct {
	Key      planner.StoreKey
	ID       planner.StoreID // empty if it was never applied
	Recorded []planner.RecordedSecret
}

// Places are the stores of the manifest and the lockfile, without duplicates.
func Places(desired []planner.DesiredStore, recorded []planner.RecordedStore) []Place {
	var all []Place
	index := map[planner.StoreKey]int{}
	at := func(k planner.StoreKey) *Place {
		i, ok := index[k]
		if !ok {
			i, index[k] = len(all), len(all)
			all = append(all, Place{Key: k})
		}
		return &all[i]
	}
	for _, d := range desired {
		at(d.Key)
	}
	for _, r := range recorded {
		p := at(r.Key)
		p.ID, p.Recorded = r.ID, r.Secrets
	}
	return all
}

// Observed is the live state of some stores.
type Observed struct {
	Live []planner.LiveStore
	// Unread are the errors of the accounts that could not be read.
	Unread map[planner.AccountID]error
}

// Err joins the errors of all accounts that could not be read, in order; it may be nil.
func (o Observed) Err() error {
	var failed []error
	for _, id := range slices.Sorted(maps.Keys(o.Unread)) {
		failed = append(failed, fmt.Errorf("account %s: %w", id, o.Unread[id]))
	}
	return errors.Join(failed...)
}

// Incomplete is an error that names the stores whose lists are incomplete; nil for none.
func (o Observed) Incomplete() error {
	var failed []error
	for _, st := range o.Live {
		if st.Incomplete {
			failed = append(failed, fmt.Errorf("listing the secrets of store %q in account %s: %w", st.Key.Name, st.Key.Account, applier.ErrIncomplete))
		}
	}
	return errors.Join(failed...)
}

// Observer reads live state.
type Observer struct {
	Account func(planner.AccountID) (Account, error)
	Now     func() time.Time
	// Parallelism is how many calls of an account are under way at once.
	Parallelism int
	// Progress is called with how many places of an account were read, out of all of them; first
	// with none. It may be nil. Calls may overlap.
	Progress func(account planner.AccountID, done, total int)
}

// Observe reads the stores at the places, all side by side. An account that cannot be read
// does not stop the others.
func (o Observer) Observe(ctx context.Context, all []Place) Observed {
	looks := map[planner.AccountID]*look{}
	for _, p := range all {
		id := p.Key.Account
		if looks[id] == nil {
			looks[id] = &look{now: o.Now, slots: make(chan struct{}, max(1, o.Parallelism)), listed: make(chan struct{})}
		}
		looks[id].places = append(looks[id].places, p)
	}
	var wg sync.WaitGroup
	for id, l := range looks {
		if l.account, l.err = o.Account(id); l.err == nil {
			l.progress = o.counter(id, len(l.places))
			wg.Go(func() { l.err = l.read(ctx) })
		}
	}
	wg.Wait()
	seen := Observed{Unread: map[planner.AccountID]error{}}
	for _, id := range slices.Sorted(maps.Keys(looks)) {
		if l := looks[id]; l.err != nil {
			seen.Unread[id] = l.err
		} else {
			seen.Live = append(seen.Live, l.live...)
		}
	}
	return seen
}

// counter reports progress 0 of total, and returns a function that counts one and reports again.
func (o Observer) counter(id planner.AccountID, total int) func() {
	if o.Progress == nil {
		return func() {}
	}
	var mu sync.Mutex
	done := 0
	o.Progress(id, done, total)
	return func() {
		mu.Lock()
		defer mu.Unlock()
		done++
		o.Progress(id, done, total)
	}
}

// look reads one account with as few requests as possible. The secrets of a store with a
// recorded id are listed at once; the account's stores are listed only if an id is missing
// or no longer valid.
type look struct {
	account Account
	places  []Place
	now     func() time.Time
	slots   chan struct{} // one for each call under way
	// progress counts a place that was read.
	progress func()

	listing sync.Once
	listed  chan struct{}       // closed once they are listed
	stores  []planner.LiveStore // of the account, once listed
	// storesErr is not nil if the stores could not be listed, or not all of them.
	storesErr error
	live      []planner.LiveStore
	err       error
}

// read reads all places side by side. After the first error it sends no further request.
func (l *look) read(ctx context.Context) error {
	found := make([]*planner.LiveStore, len(l.places))
	g, ctx := errgroup.WithContext(ctx)
	for i, p := range l.places {
		g.Go(func() (err error) {
			if found[i], err = l.place(ctx, p); err == nil {
				l.progress()
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for _, st := range found {
		if st != nil {
			l.live = append(l.live, *st)
		}
	}
	for _, st := range l.stores { // seen in addition to the requested ones
		if !slices.ContainsFunc(l.places, func(p Place) bool { return p.Key == st.Key }) {
			l.live = append(l.live, st)
		}
	}
	return nil
}

// place reads the store at a place. It returns nil if there is no such store.
func (l *look) place(ctx context.Context, p Place) (*planner.LiveStore, error) {
	store, err := l.store(ctx, p)
	if store == nil || err != nil {
		return nil, err
	}
	hidden, err := l.hidden(ctx, p, *store)
	store.Secrets = append(store.Secrets, hidden...)
	return store, err
}

// call calls the account, when a slot is free. It does not after ctx has ended.
func (l *look) call(ctx context.Context, do func() error) error {
	l.slots <- struct{}{}
	defer func() { <-l.slots }()
	if err := ctx.Err(); err != nil {
		return err
	}
	return do()
}

// store returns nil if there is no such store.
func (l *look) store(ctx context.Context, p Place) (*planner.LiveStore, error) {
	if p.ID != "" {
		secrets, err := l.list(ctx, p)
		if !errors.Is(err, applier.ErrNotFound) {
			return liveStore(p.Key, p.ID, secrets, err)
		}
	}
	l.listing.Do(func() { go l.listStores(ctx) })
	<-l.listed
	for _, st := range l.stores {
		if st.Key == p.Key {
			secrets, err := l.listSecrets(ctx, st.ID)
			return liveStore(p.Key, st.ID, secrets, err)
		}
	}
	return nil, l.storesErr // an incomplete list does not prove that there is no such store
}

// listStores lists the account's stores for all places that need them.
func (l *look) listStores(ctx context.Context) {
	defer close(l.listed)
	l.storesErr = l.call(ctx, func() (err error) {
		if l.stores, err = l.account.ListStores(ctx); err != nil && !errors.Is(err, applier.ErrIncomplete) {
			l.stores = nil
		}
		return err
	})
}

func (l *look) listSecrets(ctx context.Context, id planner.StoreID) (secrets []planner.LiveSecret, err error) {
	err = l.call(ctx, func() error {
		secrets, err = l.account.ListSecrets(ctx, id)
		return err
	})
	return secrets, err
}

func (l *look) getSecret(ctx context.Context, store planner.StoreID, id planner.SecretID) (sec planner.LiveSecret, err error) {
	err = l.call(ctx, func() error {
		sec, err = l.account.GetSecret(ctx, store, id)
		return err
	})
	return sec, err
}

// liveStore is a store with its list of secrets, which may be incomplete.
func liveStore(k planner.StoreKey, id planner.StoreID, secrets []planner.LiveSecret, err error) (*planner.LiveStore, error) {
	incomplete := errors.Is(err, applier.ErrIncomplete)
	if err != nil && !incomplete {
		return nil, err
	}
	return &planner.LiveStore{Key: k, ID: id, Secrets: secrets, Incomplete: incomplete}, nil
}

// list lists the secrets of a store that the lockfile knows. If the store was written to
// moments ago, a 404 may come from a lagging replica.
func (l *look) list(ctx context.Context, p Place) ([]planner.LiveSecret, error) {
	fresh := func(r planner.RecordedSecret) bool { return r.Fresh(l.now()) }
	for n := 0; ; n++ {
		secrets, err := l.listSecrets(ctx, p.ID)
		if !errors.Is(err, applier.ErrNotFound) || !readAgain(ctx, n, slices.ContainsFunc(p.Recorded, fresh)) {
			return secrets, err
		}
	}
}

// hidden reads the secrets that are missing from a list although they exist. Lists may lag
// behind writes (docs/cloudflare-api.md §3), so secrets that were written moments ago are read
// by their ids. An incomplete list proves nothing about any secret, so all recorded ones are
// read that way.
func (l *look) hidden(ctx context.Context, p Place, st planner.LiveStore) ([]planner.LiveSecret, error) {
	listed, names := map[planner.SecretID]bool{}, map[string]bool{}
	for _, sec := range st.Secrets {
		listed[sec.ID], names[sec.Name] = true, true
	}
	var missing []planner.RecordedSecret
	for _, r := range p.Recorded {
		if !listed[r.ID] && (r.MayLag(l.now()) || st.Incomplete && r.ID != "") {
			missing = append(missing, r)
		}
	}
	found, errs := make([]*planner.LiveSecret, len(missing)), make([]error, len(missing))
	var wg sync.WaitGroup
	for i, r := range missing {
		wg.Go(func() {
			found[i], errs[i] = l.get(ctx, st.ID, r)
		})
	}
	wg.Wait()
	var hidden []planner.LiveSecret
	for _, sec := range found {
		if sec != nil && !names[sec.Name] { // otherwise another secret of that name replaced it
			hidden = append(hidden, *sec)
		}
	}
	return hidden, errors.Join(errs...)
}

// get returns nil if there is no such secret.
func (l *look) get(ctx context.Context, store planner.StoreID, r planner.RecordedSecret) (*planner.LiveSecret, error) {
	for n := 0; ; n++ {
		switch sec, err := l.getSecret(ctx, store, r.ID); {
		case err == nil && sec.ID == r.ID:
			return &sec, nil
		case !errors.Is(err, applier.ErrNotFound):
			return nil, err
		case !readAgain(ctx, n, r.Fresh(l.now())):
			return nil, ctx.Err()
		}
	}
}

// GET by id is eventually consistent too: for secrets that were written moments ago, a 404 is
// retried this many times. The pauses begin with firstPause and double.
const (
	retries    = 2
	firstPause = 500 * time.Millisecond
)

// readAgain waits before the n-th retry of such a read, and reports whether there is one.
func readAgain(ctx context.Context, n int, fresh bool) bool {
	if !fresh || n >= retries {
		return false
	}
	return pause.For(ctx, firstPause<<n) == nil
}
