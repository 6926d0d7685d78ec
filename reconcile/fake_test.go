package reconcile

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/secretsync/secretsync/applier"
	"github.com/secretsync/secretsync/planner"
)

// The accounts of the tests.
const (
	account = planner.AccountID("0123456789abcdef0123456789abcdef")
	other   = planner.AccountID("fedcba9876543210fedcba9876543210")
)

// fakeAPI is Cloudflare's API in memory.
type fakeAPI struct {
	usual    planner.AccountID
	loopback bool
	clock    func() time.Time
	// tokens are the variables of the requested clients.
	tokens map[planner.AccountID]string

	accounts map[planner.AccountID]*fakeAccount
}

// newFakeAPI has an account that is used if nothing names one.
func newFakeAPI() *fakeAPI {
	f := &fakeAPI{usual: account, clock: time.Now, tokens: map[planner.AccountID]string{}, accounts: map[planner.AccountID]*fakeAccount{}}
	f.add(account)
	return f
}

func (f *fakeAPI) add(id planner.AccountID) *fakeAccount {
	f.accounts[id] = &fakeAccount{id: id, clock: func() time.Time { return f.clock() }, limit: 100}
	return f.accounts[id]
}

var errNoClient = errors.New("no token")

func (f *fakeAPI) Account(id planner.AccountID, tokenEnv string) (Account, error) {
	f.tokens[id] = tokenEnv
	a := f.accounts[id]
	if a == nil {
		return nil, errNoClient
	}
	return a, nil
}

func (f *fakeAPI) DefaultAccount() planner.AccountID { return f.usual }
func (f *fakeAPI) Now() time.Time                    { return f.clock() }
func (f *fakeAPI) Loopback() bool                    { return f.loopback }

// fakeAccount is one account. Its methods may be called from several goroutines.
type fakeAccount struct {
	id    planner.AccountID
	clock func() time.Time

	mu     sync.Mutex
	log    []string
	stores []*fakeStore
	limit  int
	short  int // lists of stores are known to lack the first ones
	ids    int
	// before is called before a call takes effect: an error refuses it. after is called
	// after it: an error is a lost answer. Both may be nil.
	before, after func(call string) error
	// slow is how long a read of one secret takes.
	slow            time.Duration
	reading, atOnce int // concurrent reads of one secret, now and at most
}

type fakeStore struct {
	name    string
	id      planner.StoreID
	secrets map[string]planner.LiveSecret
	values  map[string]string
	hidden  map[string]bool // names that are missing from lists
	short   bool            // lists are known to lack the hidden names
}

// put adds a store, or returns the existing one of that name.
func (a *fakeAccount) put(name string) *fakeStore {
	for _, st := range a.stores {
		if st.name == name {
			return st
		}
	}
	st := &fakeStore{
		name: name, id: planner.StoreID(fmt.Sprintf("st%d", len(a.stores)+1)),
		secrets: map[string]planner.LiveSecret{}, values: map[string]string{}, hidden: map[string]bool{},
	}
	a.stores = append(a.stores, st)
	return st
}

// create adds a secret to a store.
func (a *fakeAccount) create(st *fakeStore, name, value string, scopes []string, comment string) planner.LiveSecret {
	a.ids++
	now := planner.Modified(a.clock().UTC().Format(time.RFC3339Nano))
	st.secrets[name] = planner.LiveSecret{
		ID: planner.SecretID(fmt.Sprintf("id%d", a.ids)), Name: name, Scopes: scopes, Comment: comment,
		Status: planner.StatusActive, Created: now, Modified: now,
	}
	st.values[name] = value
	return st.secrets[name]
}

// values are the values of an account's secrets, by STORE/SECRET.
func (a *fakeAccount) values() map[string]string {
	all := map[string]string{}
	for _, st := range a.stores {
		for name, v := range st.values {
			all[st.name+"/"+name] = v
		}
	}
	return all
}

// clone is a copy that shares only the clock, and has no log and no hooks.
func (a *fakeAccount) clone() *fakeAccount {
	c := &fakeAccount{id: a.id, clock: a.clock, limit: a.limit, ids: a.ids}
	for _, st := range a.stores {
		x := *st
		x.secrets, x.values, x.hidden = maps.Clone(st.secrets), maps.Clone(st.values), maps.Clone(st.hidden)
		c.stores = append(c.stores, &x)
	}
	return c
}

// transcript returns the calls since the last transcript.
func (a *fakeAccount) transcript() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	log := a.log
	a.log = nil
	return log
}

// call logs a call and executes it, unless a hook refuses. The hooks may read the account.
func (a *fakeAccount) call(ctx context.Context, name string, do func() error) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.log = append(a.log, name)
	if err := ctx.Err(); err != nil {
		return err
	}
	if a.before != nil {
		if err := a.before(name); err != nil {
			return err
		}
	}
	if err := do(); err != nil || a.after == nil {
		return err
	}
	return a.after(name)
}

func (a *fakeAccount) store(id planner.StoreID) (*fakeStore, error) {
	for _, st := range a.stores {
		if st.id == id {
			return st, nil
		}
	}
	return nil, applier.ErrNotFound
}

// secret finds a secret by its id.
func (a *fakeAccount) secret(store planner.StoreID, id planner.SecretID) (*fakeStore, planner.LiveSecret, error) {
	st, err := a.store(store)
	if err != nil {
		return nil, planner.LiveSecret{}, err
	}
	for _, sec := range st.secrets {
		if sec.ID == id {
			return st, sec, nil
		}
	}
	return nil, planner.LiveSecret{}, applier.ErrNotFound
}

func (a *fakeAccount) ListStores(ctx context.Context) (all []planner.LiveStore, err error) {
	err = a.call(ctx, "list stores", func() error {
		for _, st := range a.stores[a.short:] {
			all = append(all, planner.LiveStore{Key: planner.StoreKey{Account: a.id, Name: st.name}, ID: st.id})
		}
		if a.short > 0 {
			return applier.ErrIncomplete
		}
		return nil
	})
	return all, err
}

func (a *fakeAccount) ListSecrets(ctx context.Context, store planner.StoreID) (all []planner.LiveSecret, err error) {
	err = a.call(ctx, fmt.Sprintf("list secrets %s", store), func() error {
		st, err := a.store(store)
		if err != nil {
			return err
		}
		for _, name := range slices.Sorted(maps.Keys(st.secrets)) {
			if !st.hidden[name] {
				all = append(all, st.secrets[name])
			}
		}
		if st.short {
			return applier.ErrIncomplete
		}
		return nil
	})
	return all, err
}

func (a *fakeAccount) GetSecret(ctx context.Context, store planner.StoreID, id planner.SecretID) (sec planner.LiveSecret, err error) {
	a.count(1)
	defer a.count(-1)
	time.Sleep(a.slow)
	err = a.call(ctx, fmt.Sprintf("get %s/%s", store, id), func() (err error) {
		_, sec, err = a.secret(store, id)
		return err
	})
	return sec, err
}

func (a *fakeAccount) count(n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.reading += n
	a.atOnce = max(a.atOnce, a.reading)
}

func (a *fakeAccount) GetQuota(ctx context.Context) (usage, limit int, err error) {
	err = a.call(ctx, "quota", func() error {
		for _, st := range a.stores {
			usage += len(st.secrets)
		}
		return nil
	})
	return usage, a.limit, err
}

func (a *fakeAccount) CreateStore(ctx context.Context, name string) (id planner.StoreID, err error) {
	err = a.call(ctx, "create store "+name, func() error {
		id = a.put(name).id
		return nil
	})
	return id, err
}

func (a *fakeAccount) CreateSecrets(ctx context.Context, store planner.StoreID, items []applier.NewSecret, _ applier.BeforeSend) (created []planner.LiveSecret, err error) {
	var names []string
	for _, n := range items {
		names = append(names, n.Name)
	}
	err = a.call(ctx, fmt.Sprintf("create %s/%s", store, strings.Join(names, ",")), func() error {
		st, err := a.store(store)
		if err != nil {
			return err
		}
		for _, n := range items {
			if _, taken := st.secrets[n.Name]; taken {
				return applier.ErrNameTaken
			}
		}
		for _, n := range items {
			created = append(created, a.create(st, n.Name, string(n.Value.Reveal()), n.Scopes, text(n.Comment)))
		}
		return nil
	})
	return created, err
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func (a *fakeAccount) UpdateSecret(ctx context.Context, store planner.StoreID, id planner.SecretID, p applier.Patch) (sec planner.LiveSecret, err error) {
	var parts []string
	for _, part := range []struct {
		name string
		sent bool
	}{{"value", p.Value.IsSet()}, {"scopes", p.Scopes != nil}, {"comment", p.Comment != nil}} {
		if part.sent {
			parts = append(parts, part.name)
		}
	}
	err = a.call(ctx, fmt.Sprintf("update %s/%s %s", store, id, strings.Join(parts, "+")), func() error {
		st, found, err := a.secret(store, id)
		if err != nil {
			return err
		}
		sec = found
		sec.Modified = planner.Modified(a.clock().UTC().Format(time.RFC3339Nano))
		if p.Scopes != nil {
			sec.Scopes = p.Scopes
		}
		if p.Comment != nil {
			sec.Comment = *p.Comment
		}
		if p.Value.IsSet() {
			st.values[sec.Name] = string(p.Value.Reveal())
		}
		st.secrets[sec.Name] = sec
		return nil
	})
	return sec, err
}

func (a *fakeAccount) DuplicateSecret(ctx context.Context, store planner.StoreID, id planner.SecretID, d applier.Duplicate, _ applier.BeforeSend) (sec planner.LiveSecret, err error) {
	err = a.call(ctx, fmt.Sprintf("duplicate %s/%s as %s", store, id, d.Name), func() error {
		st, from, err := a.secret(store, id)
		if err != nil {
			return err
		}
		sec = a.create(st, d.Name, st.values[from.Name], d.Scopes, text(d.Comment))
		return nil
	})
	return sec, err
}

func (a *fakeAccount) DeleteStore(ctx context.Context, store planner.StoreID) error {
	return a.call(ctx, fmt.Sprintf("delete store %s", store), func() error {
		a.stores = slices.DeleteFunc(a.stores, func(st *fakeStore) bool { return st.id == store })
		return nil
	})
}

func (a *fakeAccount) DeleteSecret(ctx context.Context, store planner.StoreID, id planner.SecretID) error {
	return a.call(ctx, fmt.Sprintf("delete %s/%s", store, id), func() error {
		st, sec, err := a.secret(store, id)
		if err != nil {
			return nil //nolint:nilerr // gone already
		}
		delete(st.secrets, sec.Name)
		delete(st.values, sec.Name)
		return nil
	})
}
