package reconcile

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/secretsync/secretsync/lockfile"
	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/reconcile/internal/observe"
	"github.com/secretsync/secretsync/reconcile/internal/pattern"
	"github.com/secretsync/secretsync/reconcile/internal/records"
	"github.com/secretsync/secretsync/reconcile/internal/scope"
	"github.com/secretsync/secretsync/reconcile/internal/wanted"
)

// Drift is how the live state differs from the lockfile.
type Drift struct {
	Findings []planner.Drift
	// Unreachable joins the errors of all accounts that could not be read; it may be nil.
	Unreachable error
	// Secrets are the recorded secrets that were checked.
	Secrets []CheckedSecret
	// Time is the API's clock.
	Time time.Time

	project *Project
	lock    *lockfile.File
	input   planner.Input
	unread  map[planner.AccountID]error
}

// CheckedSecret is a recorded secret that was checked for drift.
type CheckedSecret struct {
	Key planner.SecretKey
	// Applied is when its value was last sent. RotateAfter is how long the value may be
	// used; 0 means forever.
	Applied     time.Time
	RotateAfter time.Duration
}

// Drift compares the live state with the lockfile. It reads no values and needs no key. If
// no account could be read, it returns that error, and a Drift that lists what would have
// been checked.
func (p *Project) Drift(ctx context.Context) (*Drift, error) {
	lock, err := p.ReadLockfile(ctx)
	if err != nil {
		return nil, err
	}
	if err := p.checkRecords(lock); err != nil {
		return nil, err
	}
	all, err := p.withoutValues(lock)
	if err != nil {
		return nil, err
	}
	seen, in, err := p.see(ctx, all)
	d := &Drift{Unreachable: seen.Err(), Time: in.Now, project: p, lock: lock, input: in, unread: seen.Unread}
	if err != nil {
		d.Secrets = checked(all)
		return d, err
	}
	in.Live = p.verifyRecorded(ctx, in, lock)
	p.attribute(ctx, &in)
	d.input = in
	d.Secrets, d.Findings = checked(in), planner.FindDrift(in)
	return d, nil
}

// withoutValues is what the lockfile and the manifest describe, without values.
func (p *Project) withoutValues(lock *lockfile.File) (planner.Input, error) {
	in := planner.Input{Recorded: records.Stores(lock)}
	for _, st := range p.manifest.Stores {
		account, err := p.accountID(st, lock, false)
		if err != nil {
			return in, err
		}
		d := wanted.Store(st, planner.StoreKey{Account: account, Name: st.Name})
		for _, sec := range st.Secrets {
			d.Secrets = append(d.Secrets, wanted.Secret(sec))
		}
		in.Desired = append(in.Desired, d)
	}
	return in, nil
}

// readWithoutValues is withoutValues of the lockfile on disk or in its object store.
func (p *Project) readWithoutValues(ctx context.Context) (planner.Input, error) {
	lock, err := p.ReadLockfile(ctx)
	if err != nil {
		return planner.Input{}, err
	}
	if err := p.checkAPI(lock); err != nil {
		return planner.Input{}, err
	}
	return p.withoutValues(lock)
}

// seeRecorded reads the live state of recorded secrets, without values.
func (p *Project) seeRecorded(ctx context.Context, lock *lockfile.File, chosen []planner.SecretKey) (observe.Observed, planner.Input, error) {
	in, err := p.withoutValues(lock)
	if err != nil {
		return observe.Observed{}, in, err
	}
	scope.ToSecrets(&in, chosen)
	return p.see(ctx, in)
}

func checked(in planner.Input) []CheckedSecret {
	rotateAfter := map[planner.SecretKey]time.Duration{}
	for _, st := range in.Desired {
		for _, sec := range st.Secrets {
			rotateAfter[st.Key.Secret(sec.Name)] = sec.RotateAfter
		}
	}
	var all []CheckedSecret
	for _, st := range in.Recorded {
		for _, sec := range st.Secrets {
			k := st.Key.Secret(sec.Name)
			all = append(all, CheckedSecret{Key: k, Applied: sec.Applied, RotateAfter: rotateAfter[k]})
		}
	}
	return all
}

// Counted is the number of findings that count as drift.
func (d *Drift) Counted() int {
	n := 0
	for _, f := range d.Findings {
		if f.Counts {
			n++
		}
	}
	return n
}

// Quotas reads the quotas of the recorded accounts. Those that cannot be read are missing.
func (d *Drift) Quotas(ctx context.Context) map[planner.AccountID]planner.Quota {
	var accounts []planner.AccountID
	for _, st := range d.input.Recorded {
		if !slices.Contains(accounts, st.Key.Account) {
			accounts = append(accounts, st.Key.Account)
		}
	}
	read := d.project.quotas().Of(ctx, accounts)
	d.project.quotas().Report(ctx, read.Failed)
	return read.Quotas
}

// Repair is a keyless plan, based on this reading of the live state, that would undo the
// drift and nothing else. It is nil if no plan could repair anything. unrepairable is the
// number of findings that it leaves, such as unmanaged secrets.
func (d *Drift) Repair(ctx context.Context) (p *Proposal, unrepairable int, err error) {
	targets := scope.Drifted(d.Findings)
	unrepairable = d.Counted() - len(targets)
	if len(targets) == 0 {
		return nil, unrepairable, nil
	}
	desired, err := d.project.desire(ctx, d.lock, Mode{Keyless: true})
	if err != nil {
		return nil, unrepairable, err
	}
	in := d.input
	in.Desired, in.References, in.Unread = scope.Readable(desired.stores, d.unread), desired.references, desired.unread
	in.Options = d.project.options()
	in.Options.Targets, in.Options.VerifyLater = targets, true
	return &Proposal{
		Plan: planner.Build(in), project: d.project, lock: d.lock, desired: desired, input: in, Unreachable: d.Unreachable, unread: d.unread,
	}, unrepairable, nil
}

// Acceptable are the drifted secrets among the named ones.
type Acceptable struct {
	// Accept are the secrets whose live state [Run.Accept] records, and Refuse those whose live
	// state cannot be accepted, each with the reason.
	Accept, Refuse []planner.Acceptance
	// Named is how many secrets were named.
	Named int
}

// FindAcceptable finds the recorded secrets that match the patterns and have drifted. Patterns
// are globs of STORE/SECRET or ACCOUNT/STORE/SECRET, or names without a store that only one
// secret has. Like [Project.Drift], it reads no value and needs no key. A pattern without a
// match is a [PatternError].
func (r *Run) FindAcceptable(ctx context.Context, patterns ...string) (*Acceptable, error) {
	p, lock := r.project, r.handle.File()
	if err := p.checkRecords(lock); err != nil {
		return nil, err
	}
	chosen, err := pattern.Choose(patterns, p.Lockfile(), records.Keys(lock))
	if err != nil {
		return nil, err
	}
	seen, in, err := p.seeRecorded(ctx, lock, chosen)
	if err := errors.Join(err, seen.Err()); err != nil {
		return nil, err
	}
	in.Live = p.verifyRecorded(ctx, in, lock)
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

// Accept records the live state that was found, for the secrets that can be accepted. It sends
// nothing to Cloudflare, and keeps the fingerprints, so a value is sent again only when it changes
// at its source.
func (r *Run) Accept(found *Acceptable) error {
	if len(found.Accept) == 0 {
		return nil
	}
	now := r.project.now()
	return r.handle.Update(func(f *lockfile.File) {
		for _, a := range found.Accept {
			sec := f.PutStore(records.LockKey(a.Key.Store), lockfile.StoreID(a.StoreID)).Secret(a.Key.Name)
			sec.ID, sec.Modified, sec.Status = lockfile.SecretID(a.Live.ID), lockfile.Modified(a.Live.Modified), records.StatusOf(a.Live.Status)
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

// keepPrevious records that the named secret's previous one, if it had the same value, keeps an
// earlier value from now on. So the overlap ends some day, and the next value that is sent does not
// treat the previous one's value as the value that it replaces.
func keepPrevious(st *lockfile.Store, name string, now time.Time) {
	for _, p := range st.All() {
		if p.PreviousOf == name && p.KeptSince.IsZero() && p.Accepted.IsZero() {
			p.KeptSince = now
		}
	}
}
