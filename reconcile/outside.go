package reconcile

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/planner/outside"
	"github.com/secretsync/secretsync/reconcile/internal/observe"
	"github.com/secretsync/secretsync/reconcile/internal/scope"
)

// AuditLogReader may be implemented by an [Account] whose audit log can be read.
type AuditLogReader interface {
	// AuditLog returns the changes of secrets and stores between two times, the latest first. It
	// may return some of them together with an error.
	AuditLog(ctx context.Context, since, before time.Time) ([]outside.Entry, error)
}

// ReaderLister may be implemented by an [Account] that can list what is deployed.
type ReaderLister interface {
	// Readers returns the Workers and AI Gateways of the account. Those in before that were not
	// deployed since need not be read again. It may return some of them together with an error.
	Readers(ctx context.Context, before []outside.Reader) ([]outside.Reader, error)
}

// ReaderCache keeps what was deployed in an account for the next run. It may be called from several
// goroutines at once, for different accounts.
type ReaderCache interface {
	Load(planner.AccountID) []outside.Reader
	Save(planner.AccountID, []outside.Reader)
}

// ErrNotSupported means that an [Account] implements neither [AuditLogReader] nor [ReaderLister],
// whichever was needed.
var ErrNotSupported = errors.New("this API client cannot do that")

// attribute adds who changed what is drifted, by the audit logs: one request for each account that
// has drift. Where a log shows that no value was set, the live one is known.
func (p *Project) attribute(ctx context.Context, in *planner.Input) {
	if !p.cfg.Who {
		return
	}
	found := planner.FindDrift(*in)
	before := p.now()
	since := outside.Since(found, *in)
	logs := readEach(p, PhaseAuditLogs, slices.Collect(maps.Keys(since)), func(id planner.AccountID) ([]outside.Entry, error) {
		account, err := p.account(id)
		if err != nil {
			return nil, err
		}
		log, ok := account.(AuditLogReader)
		if !ok {
			return nil, ErrNotSupported
		}
		return log.AuditLog(ctx, since[id], before)
	})
	entries := map[planner.AccountID][]outside.Entry{}
	for _, id := range slices.Sorted(maps.Keys(logs)) {
		read := logs[id]
		if read.err != nil {
			p.cfg.Notify(AuditLogUnread{Account: id, Err: read.err})
		}
		if read.err == nil || len(read.got) > 0 {
			entries[id] = read.got
		}
		for _, e := range read.got {
			p.cfg.Guard.Public(e.Actor, e.Channel)
		}
	}
	in.Outside = outside.Attribute(found, *in, entries)
	in.Live = outside.Settled(*in)
}

// reading is what was read of an account.
type reading[T any] struct {
	got T
	err error
}

// readEach is perAccount, and reports how many accounts were read.
func readEach[T any](p *Project, phase Phase, accounts []planner.AccountID, read func(planner.AccountID) (T, error)) map[planner.AccountID]reading[T] {
	if len(accounts) == 0 {
		return nil
	}
	report, ended := p.progress(phase)
	defer ended()
	report("", 0, len(accounts))
	var mu sync.Mutex
	done := 0
	return perAccount(accounts, func(id planner.AccountID) (T, error) {
		got, err := read(id)
		mu.Lock()
		defer mu.Unlock()
		done++
		report("", done, len(accounts))
		return got, err
	})
}

// perAccount reads accounts, each of which is named once, side by side.
func perAccount[T any](accounts []planner.AccountID, read func(planner.AccountID) (T, error)) map[planner.AccountID]reading[T] {
	all := map[planner.AccountID]reading[T]{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for _, id := range accounts {
		wg.Go(func() {
			got, err := read(id)
			mu.Lock()
			defer mu.Unlock()
			all[id] = reading[T]{got, err}
		})
	}
	wg.Wait()
	return all
}

// deployed returns what is deployed in some accounts, and the errors of those that could not be
// read completely.
func (p *Project) deployed(
	ctx context.Context, accounts []planner.AccountID,
) (found map[planner.AccountID][]outside.Reader, failed map[planner.AccountID]error) {
	found, failed = map[planner.AccountID][]outside.Reader{}, map[planner.AccountID]error{}
	all := readEach(p, PhaseReaders, accounts, func(id planner.AccountID) ([]outside.Reader, error) {
		account, err := p.account(id)
		if err != nil {
			return nil, err
		}
		lister, ok := account.(ReaderLister)
		if !ok {
			return nil, ErrNotSupported
		}
		var before []outside.Reader
		if p.cfg.ReaderCache != nil {
			before = p.cfg.ReaderCache.Load(id)
		}
		readers, err := lister.Readers(ctx, before)
		if p.cfg.ReaderCache != nil && ctx.Err() == nil {
			p.cfg.ReaderCache.Save(id, readers)
		}
		return readers, err
	})
	for _, id := range slices.Sorted(maps.Keys(all)) {
		found[id] = all[id].got
		if err := all[id].err; err != nil {
			failed[id] = err
		}
		for _, r := range all[id].got {
			p.cfg.Guard.Public(r.FullName(), r.Name, r.Namespace)
			for _, u := range r.Uses {
				p.cfg.Guard.Public(u.Binding, string(u.Store), u.Secret, string(u.ID))
			}
		}
	}
	return found, failed
}

// liveBindings adds to an input what is deployed in its accounts.
func (p *Project) liveBindings(ctx context.Context, in *planner.Input) {
	if !p.cfg.LiveBindings {
		return
	}
	found, failed := p.deployed(ctx, scope.Accounts(*in))
	names := outside.NamesOf(in.Recorded, in.Live)
	for _, id := range slices.Sorted(maps.Keys(found)) {
		in.References = append(slices.Clip(in.References), outside.Unknown(outside.References(found[id], names), in.References)...)
	}
	for _, id := range slices.Sorted(maps.Keys(failed)) {
		p.cfg.Notify(ReadersUnread{Account: id, Err: failed[id]})
		in.UnreadReaders = append(in.UnreadReaders, id)
	}
}

// SecretReaders is a secret and what reads it.
type SecretReaders struct {
	Key planner.SecretKey
	// StoreID is the store's id, which is all that is known of a store that is not in the lockfile.
	StoreID planner.StoreID
	// Managed says that the manifest or the lockfile has the secret.
	Managed bool
	// Readers are in order.
	Readers []planner.Reference
}

// Deployment is which deployed Workers and AI Gateways read which secrets.
type Deployment struct {
	// Secrets are those of the manifest and the lockfile, and all others that something reads.
	Secrets []SecretReaders
	// Workers and Gateways count what is deployed, whether it reads secrets or not.
	Workers, Gateways int
	// Unread are the errors of accounts that could not be read completely.
	Unread map[planner.AccountID]error
}

// Err joins the errors of Unread, in order; it may be nil.
func (d *Deployment) Err() error {
	return observe.Observed{Unread: d.Unread}.Err()
}

// Deployment reads what is deployed in the accounts of the project. It needs no values and no key.
func (p *Project) Deployment(ctx context.Context) (*Deployment, error) {
	lock, err := p.ReadLockfile(ctx)
	if err != nil {
		return nil, err
	}
	if err := p.checkAPI(lock); err != nil {
		return nil, err
	}
	in, err := p.withoutValues(lock)
	if err != nil {
		return nil, err
	}
	accounts := scope.Accounts(in)
	for _, id := range accounts {
		if _, err := p.account(id); err != nil { // such as a missing token
			return nil, err
		}
	}
	found, failed := p.deployed(ctx, accounts)
	d := &Deployment{Unread: failed}
	names := outside.NamesOf(in.Recorded, nil)
	var refs []planner.Reference
	account := map[planner.StoreID]planner.AccountID{}
	for _, id := range accounts {
		for _, r := range found[id] {
			if r.Kind == planner.ReaderGateway {
				d.Gateways++
			} else {
				d.Workers++
			}
		}
		of := outside.References(found[id], names)
		for _, ref := range of {
			account[ref.StoreID] = id
		}
		refs = append(refs, of...)
	}
	d.Secrets = readersOf(in, refs, account)
	return d, nil
}

// readersOf joins the secrets of an input with what reads them.
func readersOf(in planner.Input, refs []planner.Reference, accounts map[planner.StoreID]planner.AccountID) []SecretReaders {
	stores := map[planner.StoreID]planner.StoreKey{}
	ids := map[planner.StoreKey]planner.StoreID{}
	for _, st := range in.Recorded {
		stores[st.ID], ids[st.Key] = st.Key, st.ID
	}
	all := map[planner.SecretKey]*SecretReaders{}
	byID := map[planner.StoreID]map[string]*SecretReaders{}
	add := func(key planner.SecretKey, id planner.StoreID, managed bool) *SecretReaders {
		s := &SecretReaders{Key: key, StoreID: id, Managed: managed}
		if managed {
			if all[key] != nil {
				return all[key]
			}
			all[key] = s
		}
		if byID[id] == nil {
			byID[id] = map[string]*SecretReaders{}
		}
		byID[id][key.Name] = s
		return s
	}
	for k := range scope.Known(in.Desired, in.Recorded) {
		add(k, ids[k.Store], true)
	}
	for _, ref := range refs {
		s := byID[ref.StoreID][ref.Secret]
		if s == nil {
			store, ok := stores[ref.StoreID]
			if !ok {
				store = planner.StoreKey{Account: accounts[ref.StoreID]}
			}
			s = add(store.Secret(ref.Secret), ref.StoreID, false)
		}
		s.Readers = append(s.Readers, ref)
	}
	var list []SecretReaders
	for _, s := range all {
		list = append(list, *s)
	}
	for _, secrets := range byID {
		for _, s := range secrets {
			if !s.Managed {
				list = append(list, *s)
			}
		}
	}
	slices.SortFunc(list, func(x, y SecretReaders) int {
		return cmp.Or(cmp.Compare(x.Key.Store.Account, y.Key.Store.Account), cmp.Compare(x.Key.Store.Name, y.Key.Store.Name),
			cmp.Compare(x.StoreID, y.StoreID), cmp.Compare(x.Key.Name, y.Key.Name))
	})
	return list
}
