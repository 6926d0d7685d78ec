package reconcile

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/secretsync/secretsync/internal/keyring"
	"github.com/secretsync/secretsync/internal/lease"
	"github.com/secretsync/secretsync/internal/repo"
	"github.com/secretsync/secretsync/lockfile"
)

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
// journal. It holds the leases meanwhile, and the copy is the newer one for every later run under
// them. Unless overwrite is set, a copy with records of another project, or with newer ones, is
// kept: the error is a [CopyError].
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
	return &Copied{From: c.from, To: c.to, Secrets: secretsIn(now), Generation: now.Shared.Generation, Lease: far.cfg.leaseStore.URL}, nil
}

// copying is a lockfile that is copied over another one.
type copying struct {
	from, to  string
	overwrite bool
}

// check returns a [CopyError] if the lockfile to must be kept.
func (c copying) check(from, to *lockfile.File) error {
	why := ""
	switch {
	case isEmpty(from):
		return fmt.Errorf("%s %w", c.from, ErrNoRecords)
	case c.overwrite || isEmpty(to):
		return nil
	case to.Shared.Lineage == "" || to.Shared.Lineage != from.Shared.Lineage:
		why = "that has records already, and they may be another project's"
	case to.Shared.Generation > from.Shared.Generation:
		why = fmt.Sprintf("that is newer: it is generation %d, and the other one is generation %d", to.Shared.Generation, from.Shared.Generation)
	default:
		return nil
	}
	return &CopyError{From: c.from, To: c.to, Why: why}
}

// checkNewest returns an [OlderLockfileError] if a newer version of what is copied was applied.
func (c copying) checkNewest(leases *lease.Set, from lockfile.Shared) error {
	last, ok := leases.Published(from.Lineage)
	if !ok || int(last.Generation) <= from.Generation || c.overwrite {
		return nil
	}
	return olderThan(c.from, from.Generation, last)
}

// isEmpty reports whether a lockfile has nothing that could be lost.
func isEmpty(f *lockfile.File) bool { return len(f.Stores) == 0 && f.Key.ID == "" }

func secretsIn(f *lockfile.File) (n int) {
	for _, st := range f.All() {
		n += len(st.Secrets)
	}
	return n
}
