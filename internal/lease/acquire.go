package lease

import (
	"context"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/secretsync/secretsync/internal/pause"
	"github.com/secretsync/secretsync/objectstore"
)

// How often a lease that another run holds is read.
const (
	minPoll = 500 * time.Millisecond
	maxPoll = 2 * time.Second
)

// maxRaces is how many races against other runs may be lost once there is no time left to wait.
const maxRaces = 10

// errRace means that another run changed a lease between reading and writing it.
var errRace = errors.New("another run acquired the lease at the same time")

// acquisition is one call of [Acquire].
type acquisition struct {
	store objectstore.Store
	keys  []string // sorted
	opt   Options
	owner string
	start time.Time
	seen  []observation // of each key
	// shown is the owner that Waiting was last called for.
	shown string
}

// observation is what is known about one lease.
type observation struct {
	rec     record
	version objectstore.Version // empty if there is no object
	first   time.Time           // when this version was first seen
	old     bool                // whether it has to be read again
}

// available reports whether the lease can be acquired: it is free, or was not renewed for its
// duration.
func (o observation) available() bool { return o.wait() <= 0 }

// wait returns how long the lease has to stay as it is before it is stale.
func (o observation) wait() time.Duration {
	if o.version == "" || o.rec.State == free {
		return 0
	}
	return time.Duration(o.rec.Duration) - time.Since(o.first)
}

func newAcquisition(store objectstore.Store, keys []string, opt Options) *acquisition {
	a := &acquisition{store: store, keys: keys, opt: opt, owner: newOwner(), start: time.Now()}
	a.seen = make([]observation, len(keys))
	for i := range a.seen {
		a.seen[i].old = true
	}
	return a
}

func (a *acquisition) run(ctx context.Context) (*Set, error) {
	if err := a.begin(ctx); err != nil {
		return nil, err
	}
	for races := 0; ; {
		var next time.Duration // until the leases are read again
		if blocking, wait := a.blocking(); blocking >= 0 {
			if err := a.waitFor(blocking); err != nil {
				return nil, err
			}
			next = min(poll(a.seen[blocking]), wait)
		} else {
			set, err := a.takeAll(ctx)
			if !errors.Is(err, errRace) {
				return set, err
			}
			if races++; races > maxRaces && a.left() <= 0 {
				return nil, fmt.Errorf("%w, %d times", err, races)
			}
			next = 50*time.Millisecond + mathrand.N(minPoll) // so that two runs do not keep pace
		}
		if err := a.sleep(ctx, next); err != nil {
			return nil, err
		}
		if err := a.read(ctx); err != nil {
			return nil, err
		}
	}
}

// begin reads the leases, and checks at the same time that the store respects conditions.
func (a *acquisition) begin(ctx context.Context) error {
	if len(a.keys) == 0 {
		return nil
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return objectstore.Probe(ctx, a.store) })
	g.Go(func() error { return a.read(ctx) })
	return g.Wait()
}

// read reads the leases that may have changed.
func (a *acquisition) read(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	for i, key := range a.keys {
		if !a.seen[i].old && a.seen[i].available() {
			continue
		}
		g.Go(func() error {
			rec, v, err := load(ctx, a.store, key)
			if err != nil {
				return err
			}
			now := observation{rec: rec, version: v, first: time.Now()}
			if now.version == a.seen[i].version {
				now.first = a.seen[i].first
			}
			a.seen[i] = now
			return nil
		})
	}
	return g.Wait()
}

// blocking returns the first lease that cannot be acquired yet, or -1, and the time until the first
// of them is stale.
func (a *acquisition) blocking() (first int, wait time.Duration) {
	first, wait = -1, MaxDuration
	for i, o := range a.seen {
		if w := o.wait(); w > 0 {
			wait = min(wait, w)
			if first < 0 {
				first = i
			}
		}
	}
	return first, wait
}

// waitFor returns a [HeldError] if there is no time left to wait for a lease, and calls
// Waiting otherwise.
func (a *acquisition) waitFor(i int) error {
	o := a.seen[i]
	held := &HeldError{Address: a.store.String() + "/" + a.keys[i], Holder: o.rec.holder(), Waited: time.Since(a.start)}
	if a.left() <= 0 {
		return held
	}
	if a.opt.Waiting != nil && a.shown != o.rec.Owner {
		a.shown = o.rec.Owner
		a.opt.Waiting(held)
	}
	return nil
}

// left returns how much longer to wait.
func (a *acquisition) left() time.Duration { return a.opt.Timeout - time.Since(a.start) }

// poll returns the time until a lease is read again: twice between renewals, within limits. The
// random part keeps waiting runs from reading at the same time.
func poll(o observation) time.Duration {
	interval := min(max(time.Duration(o.rec.Duration)/6, minPoll), maxPoll)
	return interval - mathrand.N(interval/4)
}

// sleep waits for d, but not beyond the timeout.
func (a *acquisition) sleep(ctx context.Context, d time.Duration) error {
	if left := a.left(); left > 0 {
		d = min(d, left)
	}
	return pause.For(ctx, d)
}

// takeAll writes all leases: the first one alone, so that one of several competing runs wins all
// leases, and then the others side by side. If one fails, the acquired ones are released again. The
// error is errRace if another run was quicker.
func (a *acquisition) takeAll(ctx context.Context) (*Set, error) {
	set, renewals := newSet()
	holds := make([]*hold, len(a.keys))
	errs := make([]error, len(a.keys))
	take := func(i int) {
		holds[i] = a.newHold(i)
		if errs[i] = a.take(ctx, holds[i]); errs[i] == nil {
			set.add(renewals, holds[i])
		}
	}
	for i := range min(1, len(a.keys)) {
		take(i)
	}
	if len(a.keys) > 1 && errs[0] == nil {
		var wg sync.WaitGroup
		for i := 1; i < len(a.keys); i++ {
			wg.Go(func() { take(i) })
		}
		wg.Wait()
	}
	err := errors.Join(errs...)
	if err == nil {
		err = set.Check()
	}
	if err == nil {
		return set, nil
	}
	set.stop()
	set.kept.Wait()
	a.abandon(ctx, holds, errs)
	for _, e := range errs {
		if e != nil && !errors.Is(e, errRace) {
			return nil, e
		}
	}
	return nil, err
}

// newHold returns the lease in the form in which this run will hold it.
func (a *acquisition) newHold(i int) *hold {
	seen := a.seen[i]
	return &hold{
		store: a.store, key: a.keys[i], now: a.opt.Now,
		limit:     a.opt.Duration / 3 * 2,
		version:   seen.version,
		published: seen.rec.Published,
		rec: record{
			Format: format, Version: version, Owner: a.owner, Generation: seen.rec.Generation + 1,
			Duration: duration(a.opt.Duration), Host: short(a.opt.Host), RunURL: short(a.opt.RunURL),
			Since: a.opt.Now().UTC().Truncate(time.Second),
		},
	}
}

// take writes one lease over the version that was read.
func (a *acquisition) take(ctx context.Context, h *hold) error {
	sent, wall := time.Now(), h.now()
	next := h.next(held, wall)
	v, err := objectstore.Put(ctx, h.store, h.key, next.encode(), objectstore.Condition{Match: h.version})
	switch {
	case errors.Is(err, objectstore.ErrConflict):
		return errRace
	case err != nil:
		return fmt.Errorf("acquire the lease: %w", err)
	}
	h.rec, h.version = next, v
	h.renewed(sent, wall)
	return nil
}

// abandonTime is how long releasing leases may take after not all could be acquired.
const abandonTime = 10 * time.Second

// abandon releases the leases that were acquired, or may have been. All are read again afterwards.
func (a *acquisition) abandon(ctx context.Context, holds []*hold, errs []error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abandonTime)
	defer cancel()
	var ours []*hold
	for i, h := range holds {
		a.seen[i].old = true
		if h != nil && !errors.Is(errs[i], errRace) {
			ours = append(ours, h)
		}
	}
	_ = releaseAll(ctx, ours) // if that fails, they are stale after their duration
}
