package lease

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/secretsync/secretsync/internal/pause"
	"github.com/secretsync/secretsync/internal/visible"
	"github.com/secretsync/secretsync/objectstore"
)

// minRenewal is the shortest time between two renewals: R2 accepts one write of a key a second.
const minRenewal = time.Second

// hold is one lease that this run holds. One goroutine at a time uses its record and version: the
// one that acquires it, then keep, then the one that releases it.
type hold struct {
	store objectstore.Store
	key   string
	now   func() time.Time // the wall clock
	limit time.Duration    // how long after a renewal was sent the lease is relied on

	rec     record
	version objectstore.Version

	mu             sync.Mutex
	sent, sentWall time.Time // when the last renewal was sent, by the monotonic and by the wall clock
	failed         error     // why it was not renewed since
	published      map[string]Publication
}

func (h *hold) address() string { return h.store.String() + "/" + h.key }

// write writes the lease in the given state, if it is still this run's. The error is a
// [LostError] if it is not.
func (h *hold) write(ctx context.Context, state string) error {
	match := h.version
	for first := true; ; first = false {
		sent, wall := time.Now(), h.now()
		next := h.next(state, wall)
		v, err := objectstore.Put(ctx, h.store, h.key, next.encode(), objectstore.Condition{Match: match})
		switch {
		case err == nil:
			h.rec, h.version = next, v
			h.renewed(sent, wall)
			return nil
		case !errors.Is(err, objectstore.ErrConflict):
			return err
		}
		// The object may come from an earlier write of ours whose outcome is unknown.
		match, err = h.own(ctx)
		if err != nil {
			return err
		}
		if !first {
			return &LostError{Address: h.address(), Why: "its object keeps changing", Err: objectstore.ErrConflict}
		}
	}
}

// next returns the record of the next write. The number of the write increases even if writing
// fails, because others may have seen the failed write: they would not recognise its repetition as
// a renewal.
func (h *hold) next(state string, now time.Time) record {
	h.rec.Write++
	next := h.rec
	next.State = state
	if state == free {
		next.Freed = new(now.UTC().Truncate(time.Second))
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	next.Published = maps.Clone(h.published)
	return next
}

func (h *hold) renewed(sent, wall time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.sent, h.sentWall, h.failed = sent, wall, nil
}

// own returns the version of the lease's object if this run holds the lease.
func (h *hold) own(ctx context.Context) (objectstore.Version, error) {
	o, err := objectstore.Get(ctx, h.store, h.key)
	switch {
	case errors.Is(err, objectstore.ErrNotExist):
		return "", &LostError{Address: h.address(), Why: "its object was deleted"}
	case err != nil:
		return "", err
	}
	switch r, err := decode(o.Data); {
	case err != nil:
		return "", &LostError{Address: h.address(), Why: "its object was overwritten", Err: err}
	case r.Owner == h.rec.Owner && r.Generation == h.rec.Generation && r.State == held:
		return o.Version, nil
	case r.BrokenBy != "" && r.State == free:
		return "", &LostError{Address: h.address(), Why: "it was broken on " + visible.Text(r.BrokenBy)}
	case r.State == free:
		return "", &LostError{Address: h.address(), Why: "it was taken over, and released, by " + r.holder().String()}
	default:
		return "", &LostError{Address: h.address(), Why: "it was taken over by " + r.holder().String()}
	}
}

// check returns a [LostError] if the last renewal is too long ago. The monotonic clock does not
// count the time for which a machine was suspended, and the wall clock may be set back: the one
// that counted more decides.
func (h *hold) check() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	age := max(time.Since(h.sent), h.now().Sub(h.sentWall))
	if age < h.limit {
		return nil
	}
	why := fmt.Sprintf("it was last renewed %s ago, and is relied on for %s", age.Round(time.Millisecond), h.limit)
	if h.failed == nil {
		why += "; was this machine or process suspended, or its clock changed?"
	}
	return &LostError{Address: h.address(), Why: why, Err: h.failed}
}

// keep renews the lease until ctx ends or the lease is lost. It returns why it was lost.
func (h *hold) keep(ctx context.Context) error {
	next := h.sent.Add(max(h.limit/2, minRenewal)) // a third of the duration
	for pause.For(ctx, time.Until(next)) == nil {
		if err := h.check(); err != nil {
			return err
		}
		err := h.renew(ctx)
		next = time.Now().Add(minRenewal)
		switch {
		case errors.Is(err, ErrLost):
			return err
		case err == nil:
			next = h.sent.Add(max(h.limit/2, minRenewal))
		}
	}
	return nil
}

// renew renews the lease once. It tries for as long as this run relies on the lease.
func (h *hold) renew(ctx context.Context) error {
	ctx, cancel := context.WithDeadline(ctx, h.sent.Add(h.limit))
	defer cancel()
	err := h.write(ctx, held)
	if err != nil {
		h.mu.Lock()
		h.failed = err
		h.mu.Unlock()
	}
	return err
}
