package applier_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/secretsync/secretsync/applier"
	"github.com/secretsync/secretsync/internal/secret"
	"github.com/secretsync/secretsync/planner"
)

// fakeTarget is an account in memory. before and after, if set, may make a call fail
// before or after it takes effect.
type fakeTarget struct {
	mu            sync.Mutex
	stores        map[string]planner.StoreID
	secrets       map[string]planner.LiveSecret
	values        map[string]string
	log           []string  // every call, in order
	began         time.Time // if set, every entry of log begins with the time since then
	ids           int
	before, after func(call string) error
	atomic        bool // a bulk create creates all or nothing
	maxItems      int  // a bulk create of more is too large
	lag           int  // this many lists show nothing
	short         int  // this many lists show nothing, and say that they are incomplete
	stopAfter     int  // a bulk create of more creates this many, and is refused
	refusal       error
	created       *planner.Modified // the creation time of new secrets, if not now
	delay         time.Duration     // before requests that create secrets
	waits         []int             // for how many secrets to become active, as reported
	pending       int               // this many lists show secrets as pending; then they become active, which changes modified
}

func newFake() *fakeTarget {
	return &fakeTarget{
		stores: map[string]planner.StoreID{"prod": "st1"}, secrets: map[string]planner.LiveSecret{}, values: map[string]string{},
		atomic: true, maxItems: applier.BatchSize,
	}
}

var serverTime = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func (f *fakeTarget) call(format string, args ...any) (done func(error) error, err error) {
	f.mu.Lock()
	name := fmt.Sprintf(format, args...)
	f.note(name)
	if f.before != nil {
		err = f.before(name)
	}
	return func(err error) error {
		defer f.mu.Unlock()
		if err == nil && f.after != nil {
			return f.after(name)
		}
		return err
	}, err
}

func (f *fakeTarget) note(entry string) {
	if !f.began.IsZero() {
		entry = time.Since(f.began).String() + " " + entry
	}
	f.log = append(f.log, entry)
}

func (f *fakeTarget) ListStores(context.Context) ([]planner.LiveStore, error) {
	done, err := f.call("list stores")
	if f.short--; f.short >= 0 {
		return nil, done(errors.Join(err, applier.ErrIncomplete))
	}
	var stores []planner.LiveStore
	for name, id := range f.stores {
		stores = append(stores, planner.LiveStore{Key: planner.StoreKey{Account: account, Name: name}, ID: id})
	}
	return stores, done(err)
}

func (f *fakeTarget) ListSecrets(context.Context, planner.StoreID) ([]planner.LiveSecret, error) {
	done, err := f.call("list secrets")
	var all []planner.LiveSecret
	if f.lag--; f.lag >= 0 {
		return nil, done(err)
	}
	if f.short--; f.short >= 0 {
		return nil, done(errors.Join(err, applier.ErrIncomplete))
	}
	f.pending--
	for name, s := range f.secrets {
		if s.Status == planner.StatusPending && f.pending < 0 {
			s.Status, s.Modified = planner.StatusActive, "2026-11-23T12:00:09Z"
			f.secrets[name] = s
		}
		all = append(all, s)
	}
	return all, done(err)
}

func (f *fakeTarget) CreateStore(_ context.Context, name string) (planner.StoreID, error) {
	done, err := f.call("create store %s", name)
	if err == nil {
		f.stores[name] = "st-new"
	}
	return "st-new", done(err)
}

// wait delays a request that creates secrets, as a rate limit does.
func (f *fakeTarget) wait(beforeSend applier.BeforeSend) error {
	time.Sleep(f.delay)
	if f.delay < applier.ResendAfter || beforeSend == nil {
		return nil
	}
	return beforeSend()
}

func (f *fakeTarget) CreateSecrets(_ context.Context, _ planner.StoreID, items []applier.NewSecret, beforeSend applier.BeforeSend) ([]planner.LiveSecret, error) {
	if err := f.wait(beforeSend); err != nil {
		return nil, err
	}
	done, err := f.call("create %d", len(items))
	if err != nil {
		return nil, done(err)
	}
	if len(items) > f.maxItems {
		return nil, done(applier.ErrTooLarge)
	}
	if f.atomic {
		for _, n := range items {
			if _, taken := f.secrets[n.Name]; taken {
				return nil, done(takenError(n.Name))
			}
		}
	}
	var created []planner.LiveSecret
	for _, n := range items {
		if _, taken := f.secrets[n.Name]; taken {
			return nil, done(takenError(n.Name))
		}
		if len(created) == f.stopAfter && f.refusal != nil && len(items) > 1 {
			return nil, done(f.refusal)
		}
		f.put(n)
		created = append(created, f.secrets[n.Name])
	}
	return created, done(nil)
}

// takenError is an ErrNameTaken that says which name is in conflict.
type takenError string

func (takenError) Error() string                { return "taken" }
func (takenError) Is(target error) bool         { return target == applier.ErrNameTaken }
func (e takenError) NameTaken(name string) bool { return name == string(e) }

func (f *fakeTarget) put(n applier.NewSecret) {
	f.ids++
	l := planner.LiveSecret{
		ID: planner.SecretID(fmt.Sprintf("id%d", f.ids)), Name: n.Name, Scopes: n.Scopes, Status: "active",
		Created: planner.Modified(serverTime.Format(time.RFC3339Nano)), Modified: planner.Modified(serverTime.Format(time.RFC3339Nano)),
	}
	if n.Comment != nil {
		l.Comment = *n.Comment
	}
	if f.created != nil {
		l.Created = *f.created
	}
	if f.pending > 0 {
		l.Status = planner.StatusPending
	}
	f.secrets[n.Name], f.values[n.Name] = l, string(n.Value.Reveal())
}

func (f *fakeTarget) find(id planner.SecretID) (planner.LiveSecret, error) {
	for _, l := range f.secrets {
		if l.ID == id {
			return l, nil
		}
	}
	return planner.LiveSecret{}, applier.ErrNotFound
}

func (f *fakeTarget) UpdateSecret(_ context.Context, _ planner.StoreID, id planner.SecretID, p applier.Patch) (planner.LiveSecret, error) {
	l, notFound := f.locked(id)
	done, err := f.call("update %s value=%v scopes=%v comment=%v", l.Name, p.Value.IsSet(), p.Scopes != nil, p.Comment != nil)
	if err = errors.Join(err, notFound); err != nil {
		return planner.LiveSecret{}, done(err)
	}
	if p.Value.IsSet() {
		f.values[l.Name] = string(p.Value.Reveal())
	}
	if p.Scopes != nil {
		l.Scopes = p.Scopes
	}
	if p.Comment != nil {
		l.Comment = *p.Comment
	}
	f.secrets[l.Name] = l
	return l, done(nil)
}

func (f *fakeTarget) locked(id planner.SecretID) (planner.LiveSecret, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.find(id)
}

func (f *fakeTarget) DeleteSecret(_ context.Context, _ planner.StoreID, id planner.SecretID) error {
	l, _ := f.locked(id)
	done, err := f.call("delete %s", l.Name)
	if err == nil {
		delete(f.secrets, l.Name)
	}
	return done(err)
}

// fakeJournal writes its entries to the target's log, which so shows the order of journal
// and requests.
type fakeJournal struct {
	target *fakeTarget
	fail   func(entry string) error
}

func (j *fakeJournal) note(format string, args ...any) error {
	entry := fmt.Sprintf(format, args...)
	j.target.mu.Lock()
	defer j.target.mu.Unlock()
	j.target.note(entry)
	if j.fail != nil {
		return j.fail(entry)
	}
	return nil
}

// Record logs each entry in few words.
func (j *fakeJournal) Record(entries ...applier.Entry) error {
	var errs []error
	for _, e := range entries {
		errs = append(errs, j.record(e))
	}
	return errors.Join(errs...)
}

func (j *fakeJournal) record(e applier.Entry) error {
	counts := map[applier.Outcome]int{}
	for _, r := range e.Results {
		counts[r.Outcome]++
		if r.StoreID != "" {
			return j.note("store %s is %s", r.Action.Store.Name, r.StoreID)
		}
	}
	switch e.Kind {
	case applier.EntryIntent, applier.EntryResend:
		return j.note("%s %d", e.Kind, len(e.Actions))
	case applier.EntryOutcome:
		return j.note("outcome %v", counts)
	default:
		return j.note("%s %d", e.Kind, len(e.Results))
	}
}

func value(name string) secret.Value { return secret.New([]byte("value of " + name)) }

func (f *fakeTarget) DuplicateSecret(_ context.Context, _ planner.StoreID, id planner.SecretID, d applier.Duplicate, beforeSend applier.BeforeSend) (planner.LiveSecret, error) {
	if err := f.wait(beforeSend); err != nil {
		return planner.LiveSecret{}, err
	}
	l, notFound := f.locked(id)
	done, err := f.call("duplicate %s as %s", l.Name, d.Name)
	if err = errors.Join(err, notFound); err != nil {
		return planner.LiveSecret{}, done(err)
	}
	f.put(applier.NewSecret{Name: d.Name, Value: secret.New([]byte(f.values[l.Name])), Scopes: d.Scopes, Comment: d.Comment})
	return f.secrets[d.Name], done(nil)
}

func (f *fakeTarget) DeleteStore(context.Context, planner.StoreID) error {
	done, err := f.call("delete store")
	return done(err)
}
