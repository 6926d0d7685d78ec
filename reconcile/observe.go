package reconcile

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
)

// place is a store to read, with what the lockfile knows about it.
type place struct {
	key      planner.StoreKey
	id       planner.StoreID // empty if it was never applied
	recorded []planner.RecordedSecret
}

// places are the stores of the manifest and the lockfile, without duplicates.
func places(desired []planner.DesiredStore, recorded []planner.RecordedStore) []place {
	var all []place
	index := map[planner.StoreKey]int{}
	at := func(k planner.StoreKey) *place {
		i, ok := index[k]
		if !ok {
			i, index[k] = len(all), len(all)
			all = append(all, place{key: k})
		}
		return &all[i]
	}
	for _, d := range desired {
		at(d.Key)
	}
	for _, r := range recorded {
		p := at(r.Key)
		p.id, p.recorded = r.ID, r.Secrets
	}
	return all
}

// observed is the live state of some stores.
type observed struct {
	live []planner.LiveStore
	// unread are the errors of the accounts that could not be read.
	unread map[planner.AccountID]error
}

// err joins the errors of all accounts that could not be read, in order; it may be nil.
func (o observed) err() error {
	var failed []error
	for _, id := range slices.Sorted(maps.Keys(o.unread)) {
		failed = append(failed, fmt.Errorf("account %s: %w", id, o.unread[id]))
	}
	return errors.Join(failed...)
}

// incomplete is an error that names the stores whose lists are incomplete; nil for none.
func (o observed) incomplete() error {
	var failed []error
	for _, st := range o.live {
		if st.Incomplete {
			failed = append(failed, fmt.Errorf("listing the secrets of store %q in account %s: %w", st.Key.Name, st.Key.Account, applier.ErrIncomplete))
		}
	}
	return errors.Join(failed...)
}

// observer reads live state.
type observer struct {
	account     func(planner.AccountID) (Account, error)
	now         func() time.Time
	parallelism int
}

func (p *Project) observer() observer {
	return observer{account: p.account, parallelism: p.cfg.Parallelism, now: p.now}
}

// observe reads the stores at the places, with the accounts in parallel. An account that
// cannot be read does not stop the others.
func (o observer) observe(ctx context.Context, all []place) observed {
	looks := map[planner.AccountID]*look{}
	for _, p := range all {
		id := p.key.Account
		if looks[id] == nil {
			looks[id] = &look{now: o.now, parallelism: o.parallelism}
		}
		looks[id].places = append(looks[id].places, p)
	}
	var wg sync.WaitGroup
	for id, l := range looks {
		if l.account, l.err = o.account(id); l.err == nil {
			wg.Go(func() { l.err = l.read(ctx) })
		}
	}
	wg.Wait()
	seen := observed{unread: map[planner.AccountID]error{}}
	for _, id := range slices.Sorted(maps.Keys(looks)) {
		if l := looks[id]; l.err != nil {
			seen.unread[id] = l.err
		} else {
			seen.live = append(seen.live, l.live...)
		}
	}
	return seen
}

// look reads one account with as few requests as possible. The secrets of a store with a
// recorded id are listed at once; the account's stores are listed only if an id is missing
// or no longer valid.
type look struct {
	account     Account
	places      []place
	now         func() time.Time
	parallelism int

	stores []planner.LiveStore // of the account, once listed
	// storesErr is not nil if the list of stores is incomplete.
	storesErr error
	live      []planner.LiveStore
	err       error
}

func (l *look) read(ctx context.Context) error {
	for _, p := range l.places {
		store, err := l.store(ctx, p)
		if err != nil {
			return err
		}
		if store == nil {
			continue
		}
		hidden, err := l.hidden(ctx, p, *store)
		if err != nil {
			return err
		}
		store.Secrets = append(store.Secrets, hidden...)
		l.live = append(l.live, *store)
	}
	for _, st := range l.stores { // seen in addition to the requested ones
		if !slices.ContainsFunc(l.places, func(p place) bool { return p.key == st.Key }) {
			l.live = append(l.live, st)
		}
	}
	return nil
}

// store returns nil if there is no such store.
func (l *look) store(ctx context.Context, p place) (*planner.LiveStore, error) {
	if p.id != "" {
		secrets, err := l.list(ctx, p)
		if !errors.Is(err, applier.ErrNotFound) {
			return liveStore(p.key, p.id, secrets, err)
		}
	}
	if l.stores == nil {
		stores, err := l.account.ListStores(ctx)
		if err != nil && !errors.Is(err, applier.ErrIncomplete) {
			return nil, err
		}
		l.stores, l.storesErr = append([]planner.LiveStore{}, stores...), err
	}
	for _, st := range l.stores {
		if st.Key == p.key {
			secrets, err := l.account.ListSecrets(ctx, st.ID)
			return liveStore(p.key, st.ID, secrets, err)
		}
	}
	return nil, l.storesErr // an incomplete list does not prove that there is no such store
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
func (l *look) list(ctx context.Context, p place) ([]planner.LiveSecret, error) {
	fresh := func(r planner.RecordedSecret) bool { return r.Fresh(l.now()) }
	for n := 0; ; n++ {
		secrets, err := l.account.ListSecrets(ctx, p.id)
		if !errors.Is(err, applier.ErrNotFound) || !readAgain(ctx, n, slices.ContainsFunc(p.recorded, fresh)) {
			return secrets, err
		}
	}
}

// hidden reads the secrets that are missing from a list although they exist. Lists may lag
// behind writes (docs/cloudflare-api.md §3), so what was written moments ago is read by its
// id. An incomplete list proves nothing about any secret, so all recorded ones are.
func (l *look) hidden(ctx context.Context, p place, st planner.LiveStore) ([]planner.LiveSecret, error) {
	listed, names := map[planner.SecretID]bool{}, map[string]bool{}
	for _, sec := range st.Secrets {
		listed[sec.ID], names[sec.Name] = true, true
	}
	var missing []planner.RecordedSecret
	for _, r := range p.recorded {
		if !listed[r.ID] && (r.MayLag(l.now()) || st.Incomplete && r.ID != "") {
			missing = append(missing, r)
		}
	}
	found, errs := make([]*planner.LiveSecret, len(missing)), make([]error, len(missing))
	var wg sync.WaitGroup
	slots := make(chan struct{}, max(1, l.parallelism))
	for i, r := range missing {
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
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
		switch sec, err := l.account.GetSecret(ctx, store, r.ID); {
		case err == nil && sec.ID == r.ID:
			return &sec, nil
		case !errors.Is(err, applier.ErrNotFound):
			return nil, err
		case !readAgain(ctx, n, r.Fresh(l.now())):
			return nil, ctx.Err()
		}
	}
}

// GET by id is eventually consistent too: for what was written moments ago, a 404 is retried
// retries times. The pauses begin with firstPause and double.
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
