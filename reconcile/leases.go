package reconcile

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/secretsync/secretsync/applier"
	"github.com/secretsync/secretsync/internal/hint"
	"github.com/secretsync/secretsync/internal/lease"
	"github.com/secretsync/secretsync/lockfile"
	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/reconcile/internal/machines"
	"github.com/secretsync/secretsync/reconcile/internal/scope"
)

// DefaultLeaseDuration is how long others wait for a run that does not renew its leases any more.
const DefaultLeaseDuration = lease.DefaultDuration

// LeaseHeldError means that another run holds a lease that this one needs.
type LeaseHeldError struct{ Err error }

func (e *LeaseHeldError) Error() string { return e.Err.Error() }

// Unwrap returns the error that names the holder.
func (e *LeaseHeldError) Unwrap() error { return e.Err }

// LeaseLostError means that a lease was lost, so that nothing more was sent.
type LeaseLostError struct{ Err error }

func (e *LeaseLostError) Error() string { return e.Err.Error() }

// Unwrap returns the error that says why.
func (e *LeaseLostError) Unwrap() error { return e.Err }

// sharedRun is what a run holds against other machines; nil for nothing.
type sharedRun struct {
	leases *lease.Set
	opened lockfile.Shared // as the lockfile was
}

// acquire acquires the leases of all stores that the manifest describes or a lockfile records.
func (p *Project) acquire(ctx context.Context, locks ...*lockfile.File) (*lease.Set, error) {
	var keys []string
	for _, lock := range locks {
		stores, err := p.leased(lock)
		if err != nil {
			return nil, err
		}
		for k := range stores {
			keys = append(keys, leaseKey(k))
		}
	}
	c := p.cfg
	store, err := c.objects(ctx, c.leaseStore)
	if err != nil {
		return nil, err
	}
	host, _ := os.Hostname()
	waiting, ended := p.leaseWaits()
	defer ended()
	set, err := lease.Acquire(ctx, store, keys, lease.Options{
		Duration: c.LeaseDuration, Timeout: c.LockTimeout, Host: host, RunURL: c.RunURL,
		Waiting: waiting,
	})
	if errors.As(err, new(*lease.HeldError)) {
		err = &LeaseHeldError{err}
	}
	return set, machines.Located(c.leaseStore, err)
}

// leaseWaits returns what reports that a lease is waited for, and the end of that.
func (p *Project) leaseWaits() (waiting func(*lease.HeldError), end func()) {
	until, waited := time.Now().Add(p.cfg.LockTimeout), false
	return func(held *lease.HeldError) {
			waited = true
			holder := *held
			holder.Waited = 0 // true only now, and shown for as long as the wait lasts
			p.cfg.Notify(Waiting{For: WaitLease, Held: &holder, Until: until})
		}, func() {
			if waited {
				p.cfg.Notify(WaitEnded{For: WaitLease})
			}
		}
}

// leased returns the stores that the manifest describes or lock records. The error says why the
// accounts of some are not known; those stores are left out.
func (p *Project) leased(lock *lockfile.File) (stores map[planner.StoreKey]bool, unknown error) {
	stores = map[planner.StoreKey]bool{}
	for _, st := range p.manifest.Stores {
		account, err := p.accountID(st, lock, false)
		if err != nil {
			unknown = cmp.Or(unknown, err)
			continue
		}
		stores[planner.StoreKey{Account: account, Name: st.Name}] = true
	}
	for k := range lock.Stores {
		stores[planner.StoreKey{Account: planner.AccountID(k.Account), Name: k.Name}] = true
	}
	return stores, unknown
}

func leaseKey(k planner.StoreKey) string { return lease.Key(string(k.Account), k.Name) }

// check returns a [LeaseLostError] if a lease was lost. It sends no request.
func (r *sharedRun) check() error {
	if r == nil {
		return nil
	}
	return checkHeld(r.leases)()
}

// checkHeld returns the check of a [sharedRun] with these leases.
func checkHeld(leases *lease.Set) func() error {
	return func() error {
		if err := leases.Check(); err != nil {
			return &LeaseLostError{err}
		}
		return nil
	}
}

// while returns a context that ends when a lease is lost.
func (r *sharedRun) while(ctx context.Context) (context.Context, context.CancelFunc) {
	if r == nil {
		return context.WithCancel(ctx)
	}
	return r.leases.Context(ctx)
}

// guard returns a client that checks the leases before each write.
func (r *sharedRun) guard(a Account) applier.Target {
	if r == nil {
		return a
	}
	if c, ok := a.(WriteChecker); ok {
		return c.CheckWrites(r.check)
	}
	return machines.Checked(a, r.check)
}

// publish says in the leases which lockfile is the newest, if this run changed it.
func (r *sharedRun) publish(lock *lockfile.File, runURL string, now time.Time) {
	if lock.Shared.Generation == r.opened.Generation {
		return
	}
	host, _ := os.Hostname()
	r.leases.Publish(lock.Shared.Lineage, lease.Publication{
		Generation: int64(lock.Shared.Generation), Digest: fmt.Sprintf("sha256:%x", sha256.Sum256(lock.Format())),
		Host: host, RunURL: runURL, Time: now,
	})
}

// release releases the leases, even after an interrupt.
func (r *sharedRun) release(ctx context.Context) error {
	if r == nil || r.leases == nil {
		return nil
	}
	err := r.leases.Release(context.WithoutCancel(ctx))
	if err != nil {
		err = hint.With(err, "the lease is free once its duration has passed")
	}
	return err
}

// Lease is what an object store says about the runs that write one store of Cloudflare's.
type Lease struct {
	Store   planner.StoreKey
	Address string // of the lease's object
	// Held reports whether a run holds the lease, or was killed and left it behind.
	Held bool
	// Holder is who holds the lease, or held it last; zero if it was never held.
	Holder LeaseHolder
	// BrokenBy is the host on which the lease was broken, if it was.
	BrokenBy string
	// Applied is the newest version of the project's lockfile that was applied under the lease; nil
	// if none was.
	Applied *AppliedLockfile

	status lease.Status
}

// LeaseHolder is a run that holds a lease, or held it. All of it is what that run wrote.
type LeaseHolder struct {
	Host, RunURL string
	// Since is when the lease was acquired, by the holder's clock.
	Since      time.Time
	Generation int64
	// Duration is how long others wait if the lease is not renewed.
	Duration time.Duration
}

// AppliedLockfile says which version of a lockfile was applied, where and when.
type AppliedLockfile struct {
	Generation   int64
	Host, RunURL string
	Time         time.Time
}

// Leases reads the leases of the stores that the manifest describes and lock records: 1 request
// each. Stores whose account is not known are left out.
func (p *Project) Leases(ctx context.Context, lock *lockfile.File) ([]Lease, error) {
	leases := p.leasesOf(lock)
	store, err := p.cfg.objects(ctx, p.cfg.leaseStore)
	if err != nil || len(leases) == 0 {
		return nil, err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(p.cfg.Parallelism)
	for i := range leases {
		g.Go(func() error {
			l := &leases[i]
			st, err := lease.ReadStatus(ctx, store, leaseKey(l.Store))
			l.read(st, lock.Shared.Lineage)
			return err
		})
	}
	return leases, machines.Located(p.cfg.leaseStore, g.Wait())
}

// leasesOf returns the leases by their stores, sorted.
func (p *Project) leasesOf(lock *lockfile.File) []Lease {
	stores, _ := p.leased(lock)
	var leases []Lease
	for _, k := range slices.SortedFunc(maps.Keys(stores), scope.CompareStores) {
		leases = append(leases, Lease{Store: k})
	}
	return leases
}

func (l *Lease) read(st lease.Status, lineage string) {
	h := st.Holder
	l.status, l.Address, l.Held, l.BrokenBy = st, st.Address, st.Held, st.BrokenBy
	l.Holder = LeaseHolder{Host: h.Host, RunURL: h.RunURL, Since: h.Since, Generation: h.Generation, Duration: h.Duration}
	if a, ok := st.Published[lineage]; ok && lineage != "" {
		l.Applied = &AppliedLockfile{Generation: a.Generation, Host: a.Host, RunURL: a.RunURL, Time: a.Time}
	}
}

// ErrLeaseChanged means that another run acquired or released a lease that was to be broken.
var ErrLeaseChanged = lease.ErrChanged

// BreakLease releases a lease that still has the holder in l; the error is [ErrLeaseChanged] if
// another run holds it now. If the run that held it is alive, it notices that when it renews the
// lease, at the latest two thirds of the lease's duration later, and sends nothing after that.
func (p *Project) BreakLease(ctx context.Context, l Lease) error {
	store, err := p.cfg.objects(ctx, p.cfg.leaseStore)
	if err != nil {
		return err
	}
	host, _ := os.Hostname()
	return machines.Located(p.cfg.leaseStore, lease.Break(ctx, store, l.status, host))
}

// ForgetApplied removes from the leases which version of the lockfile was applied last, so that an
// older one can be used instead of a lost one. It holds the leases meanwhile.
func (p *Project) ForgetApplied(ctx context.Context, lock *lockfile.File) error {
	leases, err := p.acquire(ctx, lock)
	if err != nil {
		return err
	}
	leases.Forget(lock.Shared.Lineage)
	return leases.Release(context.WithoutCancel(ctx))
}
