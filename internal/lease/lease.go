// Package lease excludes runs on different machines from the same stores, by objects in an object
// store: one for each store, which is changed by compare-and-swap and never deleted.
//
// Call [Acquire], then [Set.Check] before every write that the leases protect, and [Set.Release]
// after the last one has ended.
//
// A lease is renewed every third of its duration. It is stale if its object has not changed for
// its duration, by the clock of whoever waits for it; wall clocks of different machines are never
// compared. The holder relies on it for two thirds of the duration after it sent the last renewal
// that succeeded. The last third is for writes under way, and for clocks that run at different
// speed.
package lease

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/secretsync/secretsync/objectstore"
)

// Limits of [Options.Duration].
const (
	DefaultDuration = 60 * time.Second
	MinDuration     = 3 * time.Second
	MaxDuration     = time.Hour
)

// Options describe how leases are acquired.
type Options struct {
	// Duration is how long others wait for a run that does not renew its leases any more.
	// DefaultDuration if it is 0.
	Duration time.Duration
	// Timeout is how long to wait for leases that others hold. If it is shorter than the duration of
	// such a lease, a lease that was left behind is not taken over.
	Timeout time.Duration
	// Waiting is called once for each run that has to be waited for, unless it is nil.
	Waiting func(*HeldError)
	// Host and RunURL tell others who holds the leases.
	Host, RunURL string
	// Now is the wall clock: time.Now if it is nil.
	Now func() time.Time
}

// Set has all leases that a run requested and holds. Its methods may be called concurrently.
type Set struct {
	holds []*hold
	stop  context.CancelFunc // of the renewals
	kept  sync.WaitGroup     // the renewals

	mu       sync.Mutex
	err      error
	done     chan struct{}
	released bool
}

// Acquire acquires the leases with the given keys, all of them or none. It waits while others hold
// some of them, without holding any itself; the error is a [HeldError] if it waited too long. It checks
// that the store respects conditions before it writes.
//
// Free leases cost 1 GET and 1 PUT each, and [objectstore.Probe] costs 2 PUTs, sent with the GETs.
func Acquire(ctx context.Context, store objectstore.Store, keys []string, opt Options) (*Set, error) {
	if opt.Duration == 0 {
		opt.Duration = DefaultDuration
	}
	if opt.Duration < MinDuration || opt.Duration > MaxDuration {
		return nil, fmt.Errorf("the duration of a lease is between %s and %s, not %s", MinDuration, MaxDuration, opt.Duration)
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	keys = slices.Compact(slices.Sorted(slices.Values(keys)))
	return newAcquisition(store, keys, opt).run(ctx)
}

// newSet starts to renew leases as they are added to it.
func newSet() (*Set, context.Context) {
	ctx, stop := context.WithCancel(context.Background())
	return &Set{stop: stop, done: make(chan struct{})}, ctx
}

// add renews h until ctx ends.
func (s *Set) add(ctx context.Context, h *hold) {
	s.mu.Lock()
	s.holds = append(s.holds, h)
	s.mu.Unlock()
	s.kept.Go(func() {
		if err := h.keep(ctx); err != nil {
			_ = s.lose(err)
		}
	})
}

// Check returns a [LostError] if a lease was lost or a renewal is late; the leases are not relied on
// again then. It sends no request. Call it right before each write.
func (s *Set) Check() error {
	s.mu.Lock()
	err, released := s.err, s.released
	s.mu.Unlock()
	switch {
	case err != nil:
		return err
	case released:
		return ErrReleased
	}
	for _, h := range s.holds {
		if err := h.check(); err != nil {
			return s.lose(err)
		}
	}
	return nil
}

// lose records that a lease was lost, and returns the first such error.
func (s *Set) lose(err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = err
		close(s.done)
	}
	return s.err
}

// Done is closed when a lease is lost.
func (s *Set) Done() <-chan struct{} { return s.done }

// Context returns a context that ends when a lease is lost, with a [LostError] as its cause.
func (s *Set) Context(parent context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(parent)
	go func() {
		select {
		case <-s.done:
			cancel(s.Check())
		case <-ctx.Done():
		}
	}()
	return ctx, func() { cancel(context.Canceled) }
}

// Published returns the last publication of a lockfile under any of the leases.
func (s *Set) Published(lineage string) (newest Publication, ok bool) {
	for _, h := range s.holds {
		h.mu.Lock()
		p, found := h.published[lineage]
		h.mu.Unlock()
		if found && (!ok || p.Generation > newest.Generation) {
			newest, ok = p, true
		}
	}
	return newest, ok
}

// Publish records a publication of a lockfile. The next renewal or [Set.Release] writes it.
func (s *Set) Publish(lineage string, p Publication) {
	p.Time = p.Time.UTC().Truncate(time.Second)
	p.Digest, p.Host, p.RunURL = short(p.Digest), short(p.Host), short(p.RunURL)
	for _, h := range s.holds {
		h.mu.Lock()
		published := maps.Clone(h.published)
		if published == nil {
			published = map[string]Publication{}
		}
		published[lineage] = p
		h.published = published
		h.mu.Unlock()
	}
}

// Forget removes the publication of a lockfile. The next renewal or [Set.Release] writes that.
func (s *Set) Forget(lineage string) {
	for _, h := range s.holds {
		h.mu.Lock()
		h.published = maps.Clone(h.published)
		delete(h.published, lineage)
		h.mu.Unlock()
	}
}

// Release releases the leases, 1 PUT each, including those that are not relied on any more. The
// error is a [LostError] if another run has taken one over. Only the first call does anything.
func (s *Set) Release(ctx context.Context) error {
	s.mu.Lock()
	released := s.released
	s.released = true
	s.mu.Unlock()
	if released {
		return nil
	}
	s.stop()
	s.kept.Wait()
	return releaseAll(ctx, s.holds)
}

// releaseAll releases leases side by side. It does not try for longer than the duration, after which
// they are stale anyway.
func releaseAll(ctx context.Context, holds []*hold) error {
	errs := make([]error, len(holds))
	var wg sync.WaitGroup
	for i, h := range holds {
		wg.Go(func() {
			limited, cancel := context.WithTimeout(ctx, time.Duration(h.rec.Duration))
			defer cancel()
			if err := h.write(limited, free); err != nil {
				if !errors.Is(err, ErrLost) {
					err = fmt.Errorf("release the lease: %w", err)
				}
				errs[i] = err
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// newOwner returns a random id.
func newOwner() string { return rand.Text() }
