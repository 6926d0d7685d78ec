// Package survey reads quotas, audit logs and what is deployed, for any number of accounts side by
// side.
package survey

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/planner/outside"
)

// ErrNotSupported is the error of accounts whose client is neither an [AuditLogReader] nor a
// [ReaderLister], whichever was needed.
var ErrNotSupported = errors.New("this API client cannot do that")

// AuditLogReader is a client that reads the audit log of its account.
type AuditLogReader interface {
	// AuditLog returns the changes of secrets and stores between two times, the latest first. It
	// may return some of them together with an error.
	AuditLog(ctx context.Context, since, before time.Time) ([]outside.Entry, error)
}

// ReaderLister is a client that lists what is deployed in its account.
type ReaderLister interface {
	// Readers returns the Workers, AI Gateways and container registries of the account. Workers in
	// before that were not deployed since need not be read again. It may return some of them
	// together with an error.
	Readers(ctx context.Context, before []outside.Reader) ([]outside.Reader, error)
}

// ReaderCache keeps what was deployed in an account for the next run. It may be called from several
// goroutines at once, for different accounts.
type ReaderCache interface {
	Load(planner.AccountID) []outside.Reader
	Save(planner.AccountID, []outside.Reader)
}

// Surveyor reads audit logs and what is deployed.
type Surveyor struct {
	// Account returns the client of an account.
	Account func(planner.AccountID) (any, error)
	// Cache may be nil.
	Cache ReaderCache
	// Progress returns a function that reports how many accounts were read, and one that ends the
	// reports. It is not called if there is no account to read.
	Progress func() (report func(done, total int), end func())
	// Public receives foreign text, such as names, from what was read.
	Public func(...string)
}

// Attribute adds who caused drift, according to the audit logs: it costs one request for each account
// that has drift. If a log shows that no value was set, the live value is known. It returns the errors
// of accounts whose logs could not be read, or not completely.
func (s Surveyor) Attribute(ctx context.Context, in *planner.Input, before time.Time) (unread map[planner.AccountID]error) {
	found := planner.FindDrift(*in)
	since := outside.Since(found, *in)
	logs := readEach(s, slices.Collect(maps.Keys(since)), func(id planner.AccountID) ([]outside.Entry, error) {
		account, err := s.Account(id)
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
	unread = map[planner.AccountID]error{}
	for id, read := range logs {
		if read.err != nil {
			unread[id] = read.err
		}
		if read.err == nil || len(read.got) > 0 {
			entries[id] = read.got
		}
		for _, e := range read.got {
			s.Public(e.Actor, e.Channel)
		}
	}
	in.Outside = outside.Attribute(found, *in, entries)
	in.Live = outside.Settled(*in)
	return unread
}

// Deployed returns what is deployed in some accounts, and the errors of those that could not be
// read completely.
func (s Surveyor) Deployed(
	ctx context.Context, accounts []planner.AccountID,
) (found map[planner.AccountID][]outside.Reader, failed map[planner.AccountID]error) {
	found, failed = map[planner.AccountID][]outside.Reader{}, map[planner.AccountID]error{}
	all := readEach(s, accounts, func(id planner.AccountID) ([]outside.Reader, error) {
		account, err := s.Account(id)
		if err != nil {
			return nil, err
		}
		lister, ok := account.(ReaderLister)
		if !ok {
			return nil, ErrNotSupported
		}
		var before []outside.Reader
		if s.Cache != nil {
			before = s.Cache.Load(id)
		}
		readers, err := lister.Readers(ctx, before)
		if s.Cache != nil && ctx.Err() == nil {
			s.Cache.Save(id, readers)
		}
		return readers, err
	})
	for id, read := range all {
		found[id] = read.got
		if read.err != nil {
			failed[id] = read.err
		}
		for _, r := range read.got {
			s.Public(r.FullName(), r.Name, r.Namespace)
			for _, u := range r.Uses {
				s.Public(u.Binding, string(u.Store), u.Secret, string(u.ID))
			}
		}
	}
	return found, failed
}

// reading is what was read of an account.
type reading[T any] struct {
	got T
	err error
}

// readEach is perAccount, and reports how many accounts were read.
func readEach[T any](s Surveyor, accounts []planner.AccountID, read func(planner.AccountID) (T, error)) map[planner.AccountID]reading[T] {
	if len(accounts) == 0 {
		return nil
	}
	report, ended := s.Progress()
	defer ended()
	report(0, len(accounts))
	var mu sync.Mutex
	done := 0
	return perAccount(accounts, func(id planner.AccountID) (T, error) {
		got, err := read(id)
		mu.Lock()
		defer mu.Unlock()
		done++
		report(done, len(accounts))
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
