package reconcile

import (
	"context"
	"errors"
	"time"

	"github.com/secretsync/secretsync/lockfile"
	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/reconcile/internal/pattern"
	"github.com/secretsync/secretsync/reconcile/internal/records"
	"github.com/secretsync/secretsync/reconcile/internal/scope"
)

// Acceptable are secrets that drifted, among those that were named.
type Acceptable struct {
	// Accept are the secrets whose live state [Run.Accept] records, and Refuse those whose live
	// state cannot be accepted, each with the reason.
	Accept, Refuse []planner.Acceptance
	// Named is how many secrets were named.
	Named int
}

// FindAcceptable finds the recorded secrets that drifted, among those that the patterns name:
// globs of STORE/SECRET or ACCOUNT/STORE/SECRET, or names without a store that only one secret
// has. Like [Project.Drift], it reads no value and needs no key. A pattern that names nothing
// is a [PatternError].
func (r *Run) FindAcceptable(ctx context.Context, patterns ...string) (*Acceptable, error) {
	p, lock := r.project, r.handle.File()
	if err := p.checkRecords(lock); err != nil {
		return nil, err
	}
	chosen, err := pattern.Choose(patterns, p.Lockfile(), records.Keys(lock))
	if err != nil {
		return nil, err
	}
	in, err := p.withoutValues(lock)
	if err != nil {
		return nil, err
	}
	scope.ToSecrets(&in, chosen)
	seen, in, err := p.see(ctx, in)
	if err := errors.Join(err, seen.Err()); err != nil {
		return nil, err
	}
	p.verifyRecorded(ctx, in, lock)
	found := &Acceptable{Named: len(chosen)}
	for _, a := range planner.FindAcceptable(in) {
		if a.Refusal != "" {
			found.Refuse = append(found.Refuse, a)
		} else {
			found.Accept = append(found.Accept, a)
		}
	}
	return found, nil
}

// Accept records the live state of the secrets that can be accepted, as it was found. Nothing is
// sent to Cloudflare, and the fingerprints stay: so a value is sent again only when it changes
// at its source.
func (r *Run) Accept(found *Acceptable) error {
	if len(found.Accept) == 0 {
		return nil
	}
	now := r.project.now()
	return r.handle.Update(func(f *lockfile.File) {
		for _, a := range found.Accept {
			sec := f.PutStore(records.LockKey(a.Key.Store), lockfile.StoreID(a.StoreID)).Secret(a.Key.Name)
			sec.ID, sec.Modified, sec.Status = lockfile.SecretID(a.Live.ID), string(a.Live.Modified), records.StatusOf(a.Live.Status)
			sec.Scopes, sec.Comment = a.Live.Scopes, a.Live.Comment
			switch {
			case a.ValueUnknown:
				sec.Accepted = now
			case a.Live.Value == planner.LiveSame:
				sec.Accepted = time.Time{}
			}
		}
		for _, a := range found.Accept { // once it is known which previous values are accepted too
			if a.ValueUnknown {
				keepPrevious(f.Stores[records.LockKey(a.Key.Store)], a.Key.Name, now)
			}
		}
	})
}

// keepPrevious records that the secret which had the same value as the named one, if there is one,
// keeps an earlier value from now on: so the overlap ends, and the next value that is sent does not
// count that one as the value that it replaces.
func keepPrevious(st *lockfile.Store, name string, now time.Time) {
	for _, p := range st.All() {
		if p.PreviousOf == name && p.KeptSince.IsZero() && p.Accepted.IsZero() {
			p.KeptSince = now
		}
	}
}
