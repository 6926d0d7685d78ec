package reconcile

import (
	"context"
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"time"

	"github.com/secretsync/secretsync/internal/keyring"
	"github.com/secretsync/secretsync/internal/lease"
	"github.com/secretsync/secretsync/internal/repo"
	"github.com/secretsync/secretsync/lockfile"
	"github.com/secretsync/secretsync/manifest"
	"github.com/secretsync/secretsync/objectstore"
	"github.com/secretsync/secretsync/reconcile/internal/machines"
	"github.com/secretsync/secretsync/reconcile/internal/shown"
)

// Several machines can apply one manifest, or several manifests with the same stores, if leases in
// an object store keep them apart. The lockfile is either a file, which each machine gets from git,
// or an object in that store.

// OpenLockfile opens a project for its lockfile and leases alone, without checking the manifest. If
// the manifest cannot be read, it returns the project together with the error; the lockfile is then
// the one that Config names, or else the one beside the manifest. Config.Manifest may be empty if
// Config names a lockfile.
func OpenLockfile(ctx context.Context, c Config) (*Project, error) {
	named := c.Lockfile
	if c.Manifest == "" && objectstore.IsURL(named) {
		c.Lockfile = path.Base(named)
	}
	p := &Project{cfg: c.withDefaults(), manifest: new(manifest.Manifest)}
	var err error
	if c.Manifest != "" {
		var m *manifest.Manifest
		m, err = manifest.Load(ctx, p.cfg.manifestOptions())
		var bad *manifest.LoadError
		if errors.As(err, &bad) && bad.Partial != nil {
			m, err = bad.Partial, nil
		}
		if m != nil {
			p.manifest = m
			p.cfg.Guard.Public(shown.Manifest(m)...)
		}
	}
	return p, errors.Join(err, p.cfg.locate(named, p.manifest))
}

// Shared reports whether leases keep other machines away from the project.
func (p *Project) Shared() bool { return p.cfg.leaseStore.URL != "" }

// locate decides where the lockfile and the leases are. named is Config.Lockfile as it was given.
func (c *Config) locate(named string, m *manifest.Manifest) error {
	places, err := machines.Locate(named, c.Lease, m)
	if err != nil {
		return err
	}
	if places.LockKey != "" {
		c.lockStore, c.lockKey = places.Lock, places.LockKey
	}
	c.leaseStore = places.Leases
	return nil
}

// objects opens the object store at a place. It sends no request.
func (c *Config) objects(ctx context.Context, at manifest.Location) (objectstore.Store, error) {
	if c.Objects == nil {
		return nil, machines.Located(at, fmt.Errorf("%s: this program opens no object stores", at.URL))
	}
	store, err := c.Objects(ctx, at.URL)
	return store, machines.Located(at, err)
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
	return f, machines.Located(p.cfg.lockStore, err)
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

// OlderLockfileError means that a lockfile is older than the one that was last applied, as in a
// branch that lacks a merge.
type OlderLockfileError struct {
	Lockfile string
	// Generation is the lockfile's generation, and Applied the last applied one.
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

// lockObject opens a lockfile in an object store, and acquires the leases of its stores and of those
// in other lockfiles. If another run adds stores to the lockfile meanwhile, it acquires all leases
// again. Acquiring leases checks that their object store respects conditions; if the lockfile is in
// another one, that is checked here.
func (p *Project) lockObject(ctx context.Context, others ...*lockfile.File) (*lockfile.Handle, *lease.Set, error) {
	c := p.cfg
	store, err := c.objects(ctx, c.lockStore)
	if err != nil {
		return nil, nil, err
	}
	before, err := lockfile.ReadObject(ctx, store, c.lockKey, c.lockLimit())
	if err != nil {
		return nil, nil, machines.Located(c.lockStore, err)
	}
	if c.lockStore.URL != c.leaseStore.URL {
		if err := objectstore.Probe(ctx, store); err != nil {
			return nil, nil, machines.Located(c.lockStore, err)
		}
	}
	for {
		leases, err := p.acquire(ctx, append(others, before)...)
		if err != nil {
			return nil, nil, err
		}
		handle, err := lockfile.OpenObject(ctx, store, c.lockKey, checkHeld(leases), c.lockLimit())
		if err != nil {
			return nil, leases, machines.Located(c.lockStore, err)
		}
		now := handle.File()
		if machines.HasStoresOf(before, now) {
			return handle, leases, nil
		}
		if err := errors.Join(handle.Close(), leases.Release(ctx)); err != nil {
			return nil, nil, err
		}
		before = now
	}
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

// CopyError means that a lockfile was not copied over another one.
type CopyError struct {
	From, To string
	// Why is a clause about To, such as "it belongs to another project".
	Why string
}

func (e *CopyError) Error() string {
	return fmt.Sprintf("%s was not copied to %s: %s", e.From, e.To, e.Why)
}

// Copied describes a lockfile that was copied.
type Copied struct {
	From, To   string
	Secrets    int
	Generation int
	// Lease is where the leases are that were held meanwhile.
	Lease string
}

// Push copies the lockfile beside the manifest, or the file that Config names, to url, with its
// journal. It holds the leases meanwhile, and every later run under them treats the copy as the newer
// lockfile. Unless overwrite is set, it does not replace a lockfile with another project's records or
// with newer ones: the error is a [CopyError].
func (p *Project) Push(ctx context.Context, url string, overwrite bool) (*Copied, error) {
	return p.copyLockfile(ctx, url, overwrite, true)
}

// Pull is the reverse of [Project.Push].
func (p *Project) Pull(ctx context.Context, url string, overwrite bool) (*Copied, error) {
	return p.copyLockfile(ctx, url, overwrite, false)
}

func (p *Project) copyLockfile(ctx context.Context, url string, overwrite, push bool) (copied *Copied, err error) {
	far := &Project{cfg: p.cfg, manifest: p.manifest}
	if err := far.cfg.locate(url, p.manifest); err != nil {
		return nil, err
	}
	near, err := p.openLockfile(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, near.Close()) }()
	object, err := far.ReadLockfile(ctx)
	if err != nil {
		return nil, err
	}
	c := copying{from: far.Lockfile(), to: p.cfg.Lockfile, overwrite: overwrite}
	if push {
		c.from, c.to = c.to, c.from
	}
	check := func(object *lockfile.File) error {
		if push {
			return c.check(near.File(), object)
		}
		return c.check(object, near.File())
	}
	if err := check(object); err != nil { // before anything is written
		return nil, err
	}
	handle, leases, err := far.lockObject(ctx, near.File())
	shared := &sharedRun{leases: leases}
	if err != nil {
		return nil, errors.Join(err, shared.release(ctx))
	}
	shared.opened = handle.File().Shared
	defer func() { err = errors.Join(err, handle.Close(), shared.release(ctx)) }()
	source, target := handle, near
	if push {
		source, target = near, handle
	}
	if err := check(handle.File()); err != nil {
		return nil, err
	}
	if err := c.checkNewest(leases, source.File().Shared); err != nil {
		return nil, err
	}
	if err := shared.check(); err != nil {
		return nil, err
	}
	if err := target.Adopt(source.File()); err != nil {
		return nil, err
	}
	if dir := filepath.Dir(p.cfg.Lockfile); repo.InWorkTree(dir) {
		if err := keyring.Ignore(dir, lockfile.Ignored(p.cfg.Lockfile)...); err != nil {
			return nil, err
		}
	}
	now := target.File()
	shared.publish(now, p.cfg.RunURL, p.now())
	return &Copied{
		From: c.from, To: c.to, Secrets: machines.Secrets(now), Generation: now.Shared.Generation, Lease: far.cfg.leaseStore.URL,
	}, nil
}

// copying is a lockfile that is copied over another one.
type copying struct {
	from, to  string
	overwrite bool
}

// check returns a [CopyError] if the lockfile to must be kept.
func (c copying) check(from, to *lockfile.File) error {
	if machines.IsEmpty(from) {
		return fmt.Errorf("%s %w", c.from, ErrNoRecords)
	}
	if why := machines.WhyKept(from, to); why != "" && !c.overwrite {
		return &CopyError{From: c.from, To: c.to, Why: why}
	}
	return nil
}

// checkNewest returns an [OlderLockfileError] if a newer version of the copied lockfile was applied.
func (c copying) checkNewest(leases *lease.Set, from lockfile.Shared) error {
	last, ok := leases.Published(from.Lineage)
	if !ok || int(last.Generation) <= from.Generation || c.overwrite {
		return nil
	}
	return olderThan(c.from, from.Generation, last)
}
