package reconcile

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path"
	"strings"
	"time"

	"github.com/secretsync/secretsync/applier"
	"github.com/secretsync/secretsync/internal/hint"
	"github.com/secretsync/secretsync/internal/lease"
	"github.com/secretsync/secretsync/lockfile"
	"github.com/secretsync/secretsync/manifest"
	"github.com/secretsync/secretsync/objectstore"
	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/reconcile/internal/shown"
)

// Several machines can apply one manifest, or several manifests with the same stores, if leases in
// an object store keep them apart. The lockfile is either a file, which each machine gets from git,
// or an object in that store.

// DefaultLeaseDuration is how long others wait for a run that does not renew its leases any more.
const DefaultLeaseDuration = lease.DefaultDuration

// locate decides where the lockfile and the leases are. named is Config.Lockfile as it was given.
func (c *Config) locate(named string, m *manifest.Manifest) error {
	lock, leases := manifest.Location{URL: named}, manifest.Location{URL: c.Lease}
	if named == "" {
		lock = m.Lockfile
	}
	if leases.URL == "" {
		leases = m.Lease
	}
	if objectstore.IsURL(lock.URL) {
		folder, key := path.Split(lock.URL)
		if key == "" || strings.HasSuffix(folder, "://") {
			return located(lock, errors.New("the lockfile's URL names no object: want s3://BUCKET/PREFIX/NAME.lock"))
		}
		c.lockStore, c.lockKey = manifest.Location{URL: strings.TrimSuffix(folder, "/"), Pos: lock.Pos}, key
		if leases.URL == "" {
			leases = c.lockStore
		}
	}
	c.leaseStore = leases
	return nil
}

// located adds the position in the manifest to an error about a place, if it is from there.
func located(at manifest.Location, err error) error {
	if err == nil || at.Pos.File == "" {
		return err
	}
	return fmt.Errorf("%s: %w", at.Pos, err)
}

// objects opens the object store at a place. It sends no request.
func (c *Config) objects(ctx context.Context, at manifest.Location) (objectstore.Store, error) {
	if c.Objects == nil {
		return nil, located(at, fmt.Errorf("%s: this program opens no object stores", at.URL))
	}
	store, err := c.Objects(ctx, at.URL)
	return store, located(at, err)
}

// ReadLockfile reads the project's lockfile, without a lock. As [lockfile.Read], it may return both
// what the lockfile holds and an error.
func (p *Project) ReadLockfile(ctx context.Context) (*lockfile.File, error) {
	f, err := p.readLockfile(ctx)
	if f != nil {
		p.cfg.Guard.Public(shown.Lockfile(f)...)
	}
	return f, err
}

func (p *Project) readLockfile(ctx context.Context) (*lockfile.File, error) {
	if p.cfg.lockKey == "" {
		return lockfile.Read(p.cfg.Lockfile, p.cfg.lockLimit())
	}
	store, err := p.cfg.objects(ctx, p.cfg.lockStore)
	if err != nil {
		return nil, err
	}
	f, err := lockfile.ReadObject(ctx, store, p.cfg.lockKey, p.cfg.lockLimit())
	return f, located(p.cfg.lockStore, err)
}

// openLockfile locks and opens the lockfile, and reports for whom it waits.
func (p *Project) openLockfile(ctx context.Context) (*lockfile.Handle, error) {
	until, waited := time.Now().Add(p.cfg.LockTimeout), false
	h, err := lockfile.Open(ctx, p.cfg.Lockfile, p.cfg.LockTimeout, p.cfg.lockLimit(), lockfile.Waiting(func(held *lockfile.HeldError) {
		waited = true
		p.cfg.Notify(Waiting{For: WaitLock, Held: held, Until: until})
	}))
	if waited {
		p.cfg.Notify(WaitEnded{For: WaitLock})
	}
	return h, err
}

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

// OlderLockfileError means that a lockfile is older than the one that was last applied, as in a
// branch that lacks a merge.
type OlderLockfileError struct {
	Lockfile string
	// Generation is the lockfile's, and Applied that of the one last applied.
	Generation, Applied int
	// Host, RunURL and Time say where and when that was. Each may be missing.
	Host, RunURL string
	Time         time.Time
}

func (e *OlderLockfileError) Error() string {
	from := ""
	if e.Host != "" {
		from = " on " + e.Host
	}
	if e.RunURL != "" {
		from += " (" + e.RunURL + ")"
	}
	return fmt.Sprintf("%s is older than the lockfile that was last applied: it is generation %d, and generation %d was applied at %s%s",
		e.Lockfile, e.Generation, e.Applied, e.Time.UTC().Format(time.RFC3339), from)
}

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
	return set, located(c.leaseStore, err)
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

// lockShared opens the lockfile of a project that several machines apply.
func (p *Project) lockShared(ctx context.Context) (handle *lockfile.Handle, shared *sharedRun, err error) {
	shared = new(sharedRun)
	defer func() {
		if err != nil {
			err = errors.Join(err, shared.release(ctx))
			if handle != nil {
				handle.Close()
			}
		}
	}()
	if p.cfg.lockKey == "" {
		if handle, err = p.openLockfile(ctx); err != nil {
			return nil, shared, err
		}
		if shared.leases, err = p.acquire(ctx, handle.File()); err != nil {
			return handle, shared, err
		}
		handle.Share()
	} else if handle, shared.leases, err = p.lockObject(ctx); err != nil {
		return handle, shared, err
	}
	shared.opened = handle.File().Shared
	return handle, shared, p.checkNewest(shared)
}

// lockObject opens a lockfile in an object store. Another run may add stores to it while this one
// waits for the leases of those that it had: then it acquires them all again. The leases are also
// those of the stores in other lockfiles.
func (p *Project) lockObject(ctx context.Context, others ...*lockfile.File) (*lockfile.Handle, *lease.Set, error) {
	c := p.cfg
	store, err := c.objects(ctx, c.lockStore)
	if err != nil {
		return nil, nil, err
	}
	before, err := lockfile.ReadObject(ctx, store, c.lockKey, c.lockLimit())
	if err != nil {
		return nil, nil, located(c.lockStore, err)
	}
	for {
		leases, err := p.acquire(ctx, append(others, before)...)
		if err != nil {
			return nil, nil, err
		}
		handle, err := lockfile.OpenObject(ctx, store, c.lockKey, checkHeld(leases), c.lockLimit())
		if err != nil {
			return nil, leases, located(c.lockStore, err)
		}
		now := handle.File()
		if hasStoresOf(before, now) {
			return handle, leases, nil
		}
		if err := errors.Join(handle.Close(), leases.Release(ctx)); err != nil {
			return nil, nil, err
		}
		before = now
	}
}

// hasStoresOf reports whether f has all stores of other.
func hasStoresOf(f, other *lockfile.File) bool {
	for k := range other.Stores {
		if f.Stores[k] == nil {
			return false
		}
	}
	return true
}

// checkNewest returns an [OlderLockfileError] if a newer version of the lockfile was applied.
func (p *Project) checkNewest(r *sharedRun) error {
	last, ok := r.leases.Published(r.opened.Lineage)
	if !ok || int(last.Generation) <= r.opened.Generation {
		return nil
	}
	return olderThan(p.Lockfile(), r.opened.Generation, last)
}

// olderThan says that a lockfile is older than the version that was applied last.
func olderThan(name string, generation int, last lease.Publication) error {
	return &OlderLockfileError{
		Lockfile: name, Generation: generation, Applied: int(last.Generation),
		Host: last.Host, RunURL: last.RunURL, Time: last.Time,
	}
}

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
func (r *sharedRun) guard(a Account) Account {
	if r == nil {
		return a
	}
	if c, ok := a.(WriteChecker); ok {
		return c.CheckWrites(r.check)
	}
	return checkedAccount{a, r.check}
}

// checkedAccount calls check before each call that writes.
type checkedAccount struct {
	Account
	check func() error
}

func (a checkedAccount) CreateStore(ctx context.Context, name string) (planner.StoreID, error) {
	if err := a.check(); err != nil {
		return "", err
	}
	return a.Account.CreateStore(ctx, name)
}

func (a checkedAccount) CreateSecrets(
	ctx context.Context, store planner.StoreID, secrets []applier.NewSecret, before applier.BeforeSend,
) ([]planner.LiveSecret, error) {
	if err := a.check(); err != nil {
		return nil, err
	}
	return a.Account.CreateSecrets(ctx, store, secrets, before)
}

func (a checkedAccount) UpdateSecret(
	ctx context.Context, store planner.StoreID, id planner.SecretID, p applier.Patch,
) (planner.LiveSecret, error) {
	if err := a.check(); err != nil {
		return planner.LiveSecret{}, err
	}
	return a.Account.UpdateSecret(ctx, store, id, p)
}

func (a checkedAccount) DuplicateSecret(
	ctx context.Context, store planner.StoreID, id planner.SecretID, d applier.Duplicate, before applier.BeforeSend,
) (planner.LiveSecret, error) {
	if err := a.check(); err != nil {
		return planner.LiveSecret{}, err
	}
	return a.Account.DuplicateSecret(ctx, store, id, d, before)
}

func (a checkedAccount) DeleteStore(ctx context.Context, store planner.StoreID) error {
	if err := a.check(); err != nil {
		return err
	}
	return a.Account.DeleteStore(ctx, store)
}

func (a checkedAccount) DeleteSecret(ctx context.Context, store planner.StoreID, id planner.SecretID) error {
	if err := a.check(); err != nil {
		return err
	}
	return a.Account.DeleteSecret(ctx, store, id)
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

// release releases the leases, also after an interrupt.
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
