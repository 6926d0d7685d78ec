// Package enginetest helps to test the engine: it has Cloudflare's API in memory, and describes
// lockfiles in a line per secret.
package enginetest

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
	DefaultAccount = planner.AccountID("0123456789abcdef0123456789abcdef")
	OtherAccount   = planner.AccountID("fedcba9876543210fedcba9876543210")
)

// API is Cloudflare's API in memory.
type API struct {
	// Default is the account that is used if nothing names one.
	Default    planner.AccountID
	OnLoopback bool
	Clock      func() time.Time
	mu         sync.Mutex
	// Tokens are the variables of the requested clients.
	Tokens   map[planner.AccountID]string
	Accounts map[planner.AccountID]*Account
}

// NewAPI has DefaultAccount.
func NewAPI() *API {
	f := &API{Default: DefaultAccount, Clock: time.Now, Tokens: map[planner.AccountID]string{}, Accounts: map[planner.AccountID]*Account{}}
	f.Add(DefaultAccount)
	return f
}

// Add adds an account without stores.
func (f *API) Add(id planner.AccountID) *Account {
	f.Accounts[id] = &Account{ID: id, Clock: func() time.Time { return f.Clock() }, Limit: 100}
	return f.Accounts[id]
}

// ErrNoClient is the error for an account that the API does not have.
var ErrNoClient = errors.New("no token")

// Account is the client of an account.
func (f *API) Account(id planner.AccountID, tokenEnv string) (*Account, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.Tokens[id] = tokenEnv
	a := f.Accounts[id]
	if a == nil {
		return nil, ErrNoClient
	}
	return a, nil
}

// DefaultAccount is f.Default.
func (f *API) DefaultAccount() planner.AccountID { return f.Default }

// Now is the time of f.Clock.
func (f *API) Now() time.Time { return f.Clock() }

// Loopback is f.OnLoopback.
func (f *API) Loopback() bool { return f.OnLoopback }

// Account is one account. Its methods may be called from several goroutines.
type Account struct {
	ID    planner.AccountID
	Clock func() time.Time

	mu     sync.Mutex
	log    []string
	Stores []*Store
	Limit  int
	Short  int // lists of stores are known to lack the first ones
	ids    int
	// Before is called before a call takes effect: an error refuses it. After is called
	// after it: an error is a lost answer. Both may be nil.
	Before, After func(call string) error
	// Slow is how long each call takes.
	Slow             time.Duration
	underWay, AtOnce int // concurrent calls, now and at most
}

// Store is a store with its secrets and their values, by name.
type Store struct {
	Name    string
	ID      planner.StoreID
	Secrets map[string]planner.LiveSecret
	Values  map[string]string
	Hidden  map[string]bool // names that are missing from lists
	Short   bool            // lists are known to lack the hidden names

	names map[planner.SecretID]string // of the secrets that Create added, as they were then
}

// Put adds a store, or returns the existing one of that name.
func (a *Account) Put(name string) *Store {
	for _, st := range a.Stores {
		if st.Name == name {
			return st
		}
	}
	st := &Store{
		Name: name, ID: planner.StoreID(fmt.Sprintf("st%d", len(a.Stores)+1)),
		Secrets: map[string]planner.LiveSecret{}, Values: map[string]string{}, Hidden: map[string]bool{}, names: map[planner.SecretID]string{},
	}
	a.Stores = append(a.Stores, st)
	return st
}

// Create adds a secret to a store.
func (a *Account) Create(st *Store, name, value string, scopes []string, comment string) planner.LiveSecret {
	a.ids++
	now := planner.Modified(a.Clock().UTC().Format(time.RFC3339Nano))
	st.Secrets[name] = planner.LiveSecret{
		ID: planner.SecretID(fmt.Sprintf("id%d", a.ids)), Name: name, Scopes: scopes, Comment: comment,
		Status: planner.StatusActive, Created: now, Modified: now,
	}
	st.Values[name], st.names[st.Secrets[name].ID] = value, name
	return st.Secrets[name]
}

// Values are the values of an account's secrets, by STORE/SECRET.
func (a *Account) Values() map[string]string {
	all := map[string]string{}
	for _, st := range a.Stores {
		for name, v := range st.Values {
			all[st.Name+"/"+name] = v
		}
	}
	return all
}

// Clone is a copy that shares only the clock, and has no log and no hooks.
func (a *Account) Clone() *Account {
	c := &Account{ID: a.ID, Clock: a.Clock, Limit: a.Limit, ids: a.ids}
	for _, st := range a.Stores {
		x := *st
		x.Secrets, x.Values, x.Hidden, x.names = maps.Clone(st.Secrets), maps.Clone(st.Values), maps.Clone(st.Hidden), maps.Clone(st.names)
		c.Stores = append(c.Stores, &x)
	}
	return c
}

// Transcript returns the calls since the last transcript.
func (a *Account) Transcript() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	log := a.log
	a.log = nil
	return log
}

// call logs a call and executes it, unless a hook refuses. The hooks may read the account.
func (a *Account) call(ctx context.Context, name string, do func() error) error {
	a.count(1)
	defer a.count(-1)
	time.Sleep(a.Slow)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.log = append(a.log, name)
	if err := ctx.Err(); err != nil {
		return err
	}
	if a.Before != nil {
		if err := a.Before(name); err != nil {
			return err
		}
	}
	if err := do(); err != nil || a.After == nil {
		return err
	}
	return a.After(name)
}

// ErrDown is the error of the calls that [Account.Down] refuses.
var ErrDown = errors.New("down")

// Down refuses every call with that prefix.
func (a *Account) Down(prefix string) {
	a.Before = func(call string) error {
		if strings.HasPrefix(call, prefix) {
			return ErrDown
		}
		return nil
	}
}

// Store finds a store by its id.
func (a *Account) Store(id planner.StoreID) (*Store, error) {
	for _, st := range a.Stores {
		if st.ID == id {
			return st, nil
		}
	}
	return nil, applier.ErrNotFound
}

// Secret finds a secret by its id.
func (a *Account) Secret(store planner.StoreID, id planner.SecretID) (*Store, planner.LiveSecret, error) {
	st, err := a.Store(store)
	if err != nil {
		return nil, planner.LiveSecret{}, err
	}
	if sec, ok := st.Secrets[st.names[id]]; ok && sec.ID == id {
		return st, sec, nil
	}
	for _, sec := range st.Secrets {
		if sec.ID == id {
			return st, sec, nil
		}
	}
	return nil, planner.LiveSecret{}, applier.ErrNotFound
}

// ListStores implements [applier.Target].
func (a *Account) ListStores(ctx context.Context) (all []planner.LiveStore, err error) {
	err = a.call(ctx, "list stores", func() error {
		for _, st := range a.Stores[a.Short:] {
			all = append(all, planner.LiveStore{Key: planner.StoreKey{Account: a.ID, Name: st.Name}, ID: st.ID})
		}
		if a.Short > 0 {
			return applier.ErrIncomplete
		}
		return nil
	})
	return all, err
}

// ListSecrets implements [applier.Target].
func (a *Account) ListSecrets(ctx context.Context, store planner.StoreID) (all []planner.LiveSecret, err error) {
	err = a.call(ctx, fmt.Sprintf("list secrets %s", store), func() error {
		st, err := a.Store(store)
		if err != nil {
			return err
		}
		for _, name := range slices.Sorted(maps.Keys(st.Secrets)) {
			if !st.Hidden[name] {
				all = append(all, st.Secrets[name])
			}
		}
		if st.Short {
			return applier.ErrIncomplete
		}
		return nil
	})
	return all, err
}

// GetSecret finds a secret by its id.
func (a *Account) GetSecret(ctx context.Context, store planner.StoreID, id planner.SecretID) (sec planner.LiveSecret, err error) {
	err = a.call(ctx, fmt.Sprintf("get %s/%s", store, id), func() (err error) {
		_, sec, err = a.Secret(store, id)
		return err
	})
	return sec, err
}

func (a *Account) count(n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.underWay += n
	a.AtOnce = max(a.AtOnce, a.underWay)
}

// GetQuota counts the secrets.
func (a *Account) GetQuota(ctx context.Context) (usage, limit int, err error) {
	err = a.call(ctx, "quota", func() error {
		for _, st := range a.Stores {
			usage += len(st.Secrets)
		}
		return nil
	})
	return usage, a.Limit, err
}

// CreateStore implements [applier.Target].
func (a *Account) CreateStore(ctx context.Context, name string) (id planner.StoreID, err error) {
	err = a.call(ctx, "create store "+name, func() error {
		id = a.Put(name).ID
		return nil
	})
	return id, err
}

// CreateSecrets implements [applier.Target].
func (a *Account) CreateSecrets(
	ctx context.Context, store planner.StoreID, items []applier.NewSecret, _ applier.BeforeSend,
) (created []planner.LiveSecret, err error) {
	var names []string
	for _, n := range items {
		names = append(names, n.Name)
	}
	err = a.call(ctx, fmt.Sprintf("create %s/%s", store, strings.Join(names, ",")), func() error {
		st, err := a.Store(store)
		if err != nil {
			return err
		}
		for _, n := range items {
			if _, taken := st.Secrets[n.Name]; taken {
				return applier.ErrNameTaken
			}
		}
		for _, n := range items {
			created = append(created, a.Create(st, n.Name, string(n.Value.Reveal()), n.Scopes, text(n.Comment)))
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

// UpdateSecret implements [applier.Target].
func (a *Account) UpdateSecret(
	ctx context.Context, store planner.StoreID, id planner.SecretID, p applier.Patch,
) (sec planner.LiveSecret, err error) {
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
		st, found, err := a.Secret(store, id)
		if err != nil {
			return err
		}
		sec = found
		sec.Modified = planner.Modified(a.Clock().UTC().Format(time.RFC3339Nano))
		if p.Scopes != nil {
			sec.Scopes = p.Scopes
		}
		if p.Comment != nil {
			sec.Comment = *p.Comment
		}
		if p.Value.IsSet() {
			st.Values[sec.Name] = string(p.Value.Reveal())
		}
		st.Secrets[sec.Name] = sec
		return nil
	})
	return sec, err
}

// DuplicateSecret implements [applier.Target].
func (a *Account) DuplicateSecret(
	ctx context.Context, store planner.StoreID, id planner.SecretID, d applier.Duplicate, _ applier.BeforeSend,
) (sec planner.LiveSecret, err error) {
	err = a.call(ctx, fmt.Sprintf("duplicate %s/%s as %s", store, id, d.Name), func() error {
		st, from, err := a.Secret(store, id)
		if err != nil {
			return err
		}
		sec = a.Create(st, d.Name, st.Values[from.Name], d.Scopes, text(d.Comment))
		return nil
	})
	return sec, err
}

// DeleteStore implements [applier.Target].
func (a *Account) DeleteStore(ctx context.Context, store planner.StoreID) error {
	return a.call(ctx, fmt.Sprintf("delete store %s", store), func() error {
		a.Stores = slices.DeleteFunc(a.Stores, func(st *Store) bool { return st.ID == store })
		return nil
	})
}

// DeleteSecret implements [applier.Target].
func (a *Account) DeleteSecret(ctx context.Context, store planner.StoreID, id planner.SecretID) error {
	return a.call(ctx, fmt.Sprintf("delete %s/%s", store, id), func() error {
		st, sec, err := a.Secret(store, id)
		if err != nil {
			return nil //nolint:nilerr // gone already
		}
		delete(st.Secrets, sec.Name)
		delete(st.Values, sec.Name)
		return nil
	})
}
