package reconcile

import (
	"context"
	"errors"
	"maps"
	"os"
	"path"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/secretsync/secretsync/internal/lease"
	"github.com/secretsync/secretsync/lockfile"
	"github.com/secretsync/secretsync/manifest"
	"github.com/secretsync/secretsync/objectstore"
	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/reconcile/internal/scope"
	"github.com/secretsync/secretsync/reconcile/internal/shown"
)

// OpenLockfile opens a project for its lockfile and leases alone, without checking the manifest. If
// that cannot be read, the project has the lockfile that Config names, else the one beside the
// manifest, and the error says why; there is a project nevertheless. Config.Manifest may be empty
// if Config names a lockfile.
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
	return leases, located(p.cfg.leaseStore, g.Wait())
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

// BreakLease releases a lease that another run holds, as it was when it was read. That run, if it
// is alive, notices it when it renews the lease, at the latest two thirds of the lease's duration
// later, and sends nothing after that. The error is [ErrLeaseChanged] if another run holds it now.
func (p *Project) BreakLease(ctx context.Context, l Lease) error {
	store, err := p.cfg.objects(ctx, p.cfg.leaseStore)
	if err != nil {
		return err
	}
	host, _ := os.Hostname()
	return located(p.cfg.leaseStore, lease.Break(ctx, store, l.status, host))
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
