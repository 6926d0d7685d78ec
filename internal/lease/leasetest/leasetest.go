// Package leasetest tests leases on implementations of [objectstore.Store], in real time. Package
// [github.com/secretsync/secretsync/objectstore/objectstoretest] tests the stores themselves.
package leasetest

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/secretsync/secretsync/internal/lease"
	"github.com/secretsync/secretsync/objectstore"
	"github.com/secretsync/secretsync/objectstore/objectstoretest"
)

// key is the key of the lease.
var key = lease.Key("account", "store/1")

// scenarios are what [Test] runs. Each has its own store, and returns an error if the store fails.
var scenarios = []struct {
	name string
	run  func(context.Context, objectstore.Store) error
}{
	{"renewed, released, acquired again", renewals},
	{"eight in turn", inTurn},
	{"killed while it holds the lease: exactly one takes over", takeOver(0)},
	{"clocks apart by an hour", takeOver(time.Hour)},
	{"killed while it acquires the lease", killedAtAcquisition},
	{"429 on the lease key", faults(func(n int) (before, after error) {
		if n <= 2 || n%2 == 0 {
			return objectstore.ErrBusy, nil
		}
		return nil, nil
	})},
	{"429 after the write took effect", faults(everyOther(objectstore.ErrBusy))},
	{"412 after the write took effect", faults(func(int) (before, after error) { return nil, objectstore.ErrConflict })},
	{"answers lost after the write took effect", faults(everyOther(objectstoretest.ErrLost))},
}

// Test runs all scenarios side by side, because most of their time is waiting, for about 6 seconds.
// open returns an empty store, a new one for each scenario.
func Test(t *testing.T, open func(*testing.T) objectstore.Store) {
	t.Helper()
	results := make([]chan error, len(scenarios))
	for i, s := range scenarios {
		store, result := open(t), make(chan error, 1)
		results[i] = result
		go func() { result <- s.run(t.Context(), store) }()
	}
	for i, s := range scenarios {
		err := <-results[i]
		t.Run(s.name, func(t *testing.T) {
			if err != nil {
				t.Error(err)
			}
		})
	}
}

// acquire acquires the lease for the shortest duration.
func acquire(ctx context.Context, s objectstore.Store, opt lease.Options) (*lease.Set, error) {
	opt.Duration = lease.MinDuration
	return lease.Acquire(ctx, s, []string{key}, opt)
}

// wantHeld returns an error unless host holds the lease.
func wantHeld(ctx context.Context, s objectstore.Store, host string, now func() time.Time) error {
	_, err := acquire(ctx, s, lease.Options{Host: "another", Now: now})
	held, ok := errors.AsType[*lease.HeldError](err)
	if !ok || held.Holder.Host != host {
		return fmt.Errorf("while %s holds the lease: error %s", host, fmt.Sprint(err))
	}
	return nil
}

// wantFree returns an error unless the lease is free, and was held generation times.
func wantFree(ctx context.Context, s objectstore.Store, generation int64) error {
	st, err := lease.ReadStatus(ctx, s, key)
	if err != nil || st.Held || st.Holder.Generation != generation {
		return fmt.Errorf("at the end: %+v, error %s; want a free lease of generation %d", st, fmt.Sprint(err), generation)
	}
	return nil
}

func renewals(ctx context.Context, s objectstore.Store) error {
	for generation := range int64(2) {
		set, err := acquire(ctx, s, lease.Options{Host: "first"})
		if err != nil {
			return err
		}
		time.Sleep(lease.MinDuration * 3 / 4) // longer than it is relied on without a renewal
		if err := errors.Join(set.Check(), wantHeld(ctx, s, "first", nil), set.Release(ctx), wantFree(ctx, s, generation+1)); err != nil {
			return err
		}
	}
	return nil
}

// inTurn lets eight runs acquire the lease at the same time: each gets it, one after another.
func inTurn(ctx context.Context, s objectstore.Store) error {
	const runs = 8
	var holding atomic.Int32
	errs := make(chan error, runs)
	for n := range runs {
		go func() {
			set, err := acquire(ctx, s, lease.Options{Timeout: time.Minute, Host: fmt.Sprint(n)})
			if err != nil {
				errs <- err
				return
			}
			if holding.Add(1) != 1 {
				err = errors.New("two hold the lease")
			}
			time.Sleep(20 * time.Millisecond)
			holding.Add(-1)
			errs <- errors.Join(err, set.Check(), set.Release(ctx))
		}()
	}
	return errors.Join(collect(errs, runs), wantFree(ctx, s, runs))
}

// collect returns the next n errors.
func collect(errs <-chan error, n int) error {
	var all []error
	for range n {
		all = append(all, <-errs)
	}
	return errors.Join(all...)
}

// cutOff returns a store whose requests fail once cut is called, and until mend is.
func cutOff(s objectstore.Store) (f *objectstoretest.Faulty, cut, mend func()) {
	var off atomic.Bool
	before := func(context.Context, string, string) error {
		if off.Load() {
			return fmt.Errorf("%w: it is out of reach", objectstore.ErrRefused)
		}
		return nil
	}
	return &objectstoretest.Faulty{Store: s, Before: before}, func() { off.Store(true) }, func() { off.Store(false) }
}

// takeOver cuts off a run that holds the lease, as if it were killed. Eight other runs wait for it, and
// their wall clocks differ by up to twice the given time. Exactly one takes the lease over, once the
// holder does not rely on it any more.
func takeOver(apart time.Duration) func(context.Context, objectstore.Store) error {
	return func(ctx context.Context, s objectstore.Store) error {
		clock := func(n int) func() time.Time { // ahead, right, or behind
			return func() time.Time { return time.Now().Add(time.Duration(n%3-1) * apart) }
		}
		holders, cut, mend := cutOff(s)
		killed, err := acquire(ctx, holders, lease.Options{Host: "killed", Now: clock(0)})
		if err != nil {
			return err
		}
		time.Sleep(lease.MinDuration / 2) // it was renewed
		for n := range 3 {
			if err := wantHeld(ctx, s, "killed", clock(n)); err != nil {
				return err
			}
		}
		cut()
		if err := race(ctx, s, killed, clock); err != nil {
			return err
		}
		mend()
		if err := killed.Release(ctx); !errors.Is(err, lease.ErrLost) {
			return fmt.Errorf("the killed run releases the lease: error %s", fmt.Sprint(err))
		}
		return wantFree(ctx, s, 2)
	}
}

// race lets eight runs wait for a lease that was left behind.
func race(ctx context.Context, s objectstore.Store, killed *lease.Set, clock func(int) func() time.Time) error {
	const runs = 8
	ctx, end := context.WithCancel(ctx)
	defer end()
	slow := &objectstoretest.Faulty{Store: s, Before: func(_ context.Context, method, k string) error {
		if method == "PUT" && k == key { // all have read the lease when the first writes it
			time.Sleep(300 * time.Millisecond)
		}
		return nil
	}}
	var won atomic.Int32
	errs := make(chan error, runs)
	for n := range runs {
		go func() {
			set, err := acquire(ctx, slow, lease.Options{Timeout: time.Minute, Host: fmt.Sprint(n), Now: clock(n)})
			if err != nil {
				if errors.Is(err, context.Canceled) {
					err = nil // the winner ended the race
				}
				errs <- err
				return
			}
			won.Add(1)
			if lost := killed.Check(); !errors.Is(lost, lease.ErrLost) {
				err = fmt.Errorf("it was taken over while the killed run relied on it: %w", lost)
			}
			time.Sleep(lease.MinDuration / 2) // with a renewal
			end()
			errs <- errors.Join(err, set.Check(), set.Release(context.WithoutCancel(ctx)))
		}()
	}
	err := collect(errs, runs)
	if n := won.Load(); n != 1 {
		err = errors.Join(err, fmt.Errorf("%d of %d runs took the lease over, want 1", n, runs))
	}
	return err
}

// killedAtAcquisition kills a run between the write of the lease and its answer: the next run takes
// the lease over after its duration, not before.
func killedAtAcquisition(ctx context.Context, s objectstore.Store) error {
	holders, cut, _ := cutOff(s)
	killedCtx, kill := context.WithCancel(ctx)
	defer kill()
	holders.After = func(_ context.Context, method, k string) error {
		if method != "PUT" || k != key {
			return nil
		}
		cut()
		kill()
		return objectstoretest.ErrLost
	}
	if _, err := acquire(killedCtx, holders, lease.Options{Host: "killed"}); err == nil {
		return errors.New("the killed run acquired the lease")
	}
	if err := wantHeld(ctx, s, "killed", nil); err != nil {
		return err
	}
	start := time.Now()
	set, err := acquire(ctx, s, lease.Options{Host: "next", Timeout: time.Minute})
	if err != nil {
		return err
	}
	if took := time.Since(start); took < lease.MinDuration {
		err = fmt.Errorf("it was taken over after %s", took)
	}
	return errors.Join(err, set.Release(ctx), wantFree(ctx, s, 2))
}

// everyOther answers every other write with err, after it took effect.
func everyOther(err error) func(int) (before, after error) {
	return func(n int) (error, error) {
		if n%2 == 1 {
			return nil, err
		}
		return nil, nil
	}
}

// faults acquires, renews and releases the lease while writes of its object fail. For each write,
// counted from 1, fault returns the error instead of sending it, or after it took effect.
func faults(fault func(n int) (before, after error)) func(context.Context, objectstore.Store) error {
	return func(ctx context.Context, s objectstore.Store) error {
		var n, failed atomic.Int32
		hook := func(count int32, choose func(before, after error) error) func(context.Context, string, string) error {
			return func(_ context.Context, method, k string) error {
				if method != "PUT" || k != key {
					return nil
				}
				err := choose(fault(int(n.Add(count))))
				if err != nil {
					failed.Add(1)
					return fmt.Errorf("the fault: %w", err)
				}
				return nil
			}
		}
		faulty := &objectstoretest.Faulty{
			Store:  s,
			Before: hook(1, func(before, _ error) error { return before }),
			After:  hook(0, func(_, after error) error { return after }),
		}
		set, err := acquire(ctx, faulty, lease.Options{Host: "first"})
		if err != nil {
			return err
		}
		time.Sleep(lease.MinDuration)
		err = errors.Join(set.Check(), wantHeld(ctx, s, "first", nil), set.Release(ctx), wantFree(ctx, s, 1))
		if err == nil && failed.Load() < 3 {
			err = fmt.Errorf("%d writes failed, want those of the acquisition, a renewal and the release", failed.Load())
		}
		return err
	}
}
