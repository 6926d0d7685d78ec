package lease

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/secretsync/secretsync/objectstore"
)

// Status is what a lease's object says.
type Status struct {
	Address string // of the lease's object
	// Exists reports whether the lease was ever acquired. All of what follows is empty otherwise.
	Exists bool
	// Held reports whether a run holds the lease, or left it behind. One that is not renewed for its
	// duration is stale.
	Held   bool
	Holder Holder // who holds the lease, or held it last
	// BrokenBy is the host on which the lease was broken, if it was.
	BrokenBy  string
	Published map[string]Publication

	key, owner string
}

// ReadStatus reads a lease, and changes nothing: 1 GET.
func ReadStatus(ctx context.Context, store objectstore.Store, key string) (Status, error) {
	s := Status{Address: store.String() + "/" + key, key: key}
	r, v, err := load(ctx, store, key)
	if err != nil || v == "" {
		return s, err
	}
	s.Exists, s.Held, s.Holder, s.BrokenBy, s.Published = true, r.State == held, r.holder(), r.BrokenBy, r.Published
	s.owner = r.Owner
	return s, nil
}

// load reads a lease's object. The version is empty if there is none.
func load(ctx context.Context, store objectstore.Store, key string) (record, objectstore.Version, error) {
	o, err := objectstore.Get(ctx, store, key)
	switch {
	case errors.Is(err, objectstore.ErrNotExist):
		return record{}, "", nil
	case err != nil:
		return record{}, "", fmt.Errorf("read the lease: %w", err)
	}
	r, err := decode(o.Data)
	if err != nil {
		return record{}, "", fmt.Errorf("%s/%s: %w", store, key, err)
	}
	return r, o.Version, nil
}

// ErrChanged means that the run that a lease was to be taken from does not hold it any more.
var ErrChanged = errors.New("another run acquired or released the lease in the meantime")

// Break releases a lease that still has the holder in s; the error is [ErrChanged] if another run
// holds it now. The run that held it is not notified: if it still runs, it relies on the lease until
// its next renewal, up to two thirds of the duration later.
func Break(ctx context.Context, store objectstore.Store, s Status, host string) error {
	const races = 5 // a holder renews once a second at most
	for range races {
		err := breakOnce(ctx, store, s, host)
		if !errors.Is(err, objectstore.ErrConflict) {
			return err
		}
	}
	return fmt.Errorf("break the lease %s: it keeps changing", s.Address)
}

func breakOnce(ctx context.Context, store objectstore.Store, s Status, host string) error {
	r, v, err := load(ctx, store, s.key)
	switch {
	case err != nil:
		return err
	case v == "" || r.Owner != s.owner || r.Generation != s.Holder.Generation || r.State != held:
		return fmt.Errorf("%s: %w", s.Address, ErrChanged)
	}
	r.State, r.Owner, r.BrokenBy = free, newOwner(), short(host)
	r.Freed = new(time.Now().UTC().Truncate(time.Second))
	_, err = objectstore.Put(ctx, store, s.key, r.encode(), objectstore.Condition{Match: v})
	if err != nil && !errors.Is(err, objectstore.ErrConflict) {
		return fmt.Errorf("break the lease: %w", err)
	}
	return err
}
