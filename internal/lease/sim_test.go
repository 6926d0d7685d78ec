package lease

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/secretsync/secretsync/objectstore"
	"github.com/secretsync/secretsync/objectstore/objectstoretest"
)

var histories = flag.Int("histories", 300, "the number of histories of TestSimulation")

// TestSimulation runs histories of several runs over one store, with delays, lost requests and
// answers, writes that arrive after their sender gave up, pauses beyond the duration, cuts, and
// runs that end without releasing. At every moment at most one run relies on a lease, and in the
// end all leases can be acquired.
func TestSimulation(t *testing.T) {
	var total counts
	for seed := range uint64(*histories) {
		synctest.Test(t, func(t *testing.T) { simulate(t, seed, &total) })
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
	t.Logf("%d histories: %+v", *histories, &total)
	for what, n := range map[string]*atomic.Int64{"acquired": &total.acquired, "taken over": &total.takenOver,
		"lost": &total.lost, "held by others": &total.held, "late writes": &total.lateWrites} {
		if n.Load() == 0 {
			t.Errorf("%s: never", what)
		}
	}
}

type counts struct{ acquired, takenOver, lost, held, failed, killed, lateWrites atomic.Int64 }

func (c *counts) String() string {
	return fmt.Sprintf("%d acquired, %d of them after a run that left its lease behind, %d lost, %d times held by others, %d failed, %d killed, %d late writes",
		c.acquired.Load(), c.takenOver.Load(), c.lost.Load(), c.held.Load(), c.failed.Load(), c.killed.Load(), c.lateWrites.Load())
}

// world is one history.
type world struct {
	t      *testing.T
	store  *objectstoretest.Memory
	counts *counts
	mu     sync.Mutex
	sets   map[*Set][]string // the leases that live runs hold
	ended  bool
}

func simulate(t *testing.T, seed uint64, total *counts) {
	w := &world{t: t, store: &objectstoretest.Memory{}, counts: total, sets: map[*Set][]string{}}
	rnd := rand.New(rand.NewPCG(seed, 1))
	var runs sync.WaitGroup
	for n := range 2 + rnd.IntN(4) {
		c := &contender{world: w, name: fmt.Sprint("run-", n), rnd: rand.New(rand.NewPCG(seed, uint64(n)+2)),
			offset: time.Duration(rnd.IntN(7)-3) * 20 * time.Minute, duration: time.Duration(3+rnd.IntN(28)) * time.Second}
		runs.Go(c.live)
	}
	var watching sync.WaitGroup
	watching.Go(w.watch)
	runs.Wait()
	time.Sleep(5 * time.Minute) // writes that are under way
	w.mu.Lock()
	w.ended = true
	w.mu.Unlock()
	watching.Wait()
	set, err := Acquire(t.Context(), w.store, simKeys, Options{Timeout: time.Hour})
	if err != nil {
		t.Fatalf("in the end: %v", err)
	}
	release(t, set)
	for _, key := range simKeys {
		if st, err := ReadStatus(t.Context(), w.store, key); err != nil || st.Held {
			t.Errorf("in the end %s: %+v, %v", key, st, err)
		}
	}
}

var simKeys = []string{"leases/a", "leases/b", "leases/c"}

// watch checks at every moment that at most one run relies on each lease.
func (w *world) watch() {
	for {
		time.Sleep(101 * time.Millisecond)
		w.mu.Lock()
		relied := map[string]int{}
		for set, keys := range w.sets {
			if set.Check() != nil {
				continue
			}
			for _, key := range keys {
				if relied[key]++; relied[key] > 1 {
					w.t.Errorf("%d runs rely on the lease %s at %s", relied[key], key, time.Now())
				}
			}
		}
		ended := w.ended
		w.mu.Unlock()
		if ended {
			return
		}
	}
}

// contender is a machine that runs again and again.
type contender struct {
	*world
	name     string
	offset   time.Duration // of its wall clock
	duration time.Duration

	mu    sync.Mutex
	rnd   *rand.Rand
	until time.Time // no request is answered before
	dead  bool
}

func (c *contender) live() {
	for n := range 3 {
		c.sleep(20 * time.Second)
		var keys []string
		for _, key := range simKeys {
			if c.chance(50) {
				keys = append(keys, key)
			}
		}
		set, err := Acquire(context.Background(), c, keys, Options{
			Duration: c.duration, Timeout: time.Duration(c.random(90)) * time.Second, Host: fmt.Sprintf("%s/%d", c.name, n),
			Now: func() time.Time { return time.Now().Add(c.offset).Round(0) },
		})
		if err != nil {
			var held *HeldError
			switch {
			case errors.As(err, &held):
				c.counts.held.Add(1)
			default:
				c.counts.failed.Add(1)
			}
			continue
		}
		if c.hold(set, keys) {
			return
		}
	}
}

// hold uses leases for a while. It reports whether the run was killed meanwhile.
func (c *contender) hold(set *Set, keys []string) (killed bool) {
	c.counts.acquired.Add(1)
	c.world.mu.Lock()
	c.sets[set] = keys
	c.world.mu.Unlock()
	defer func() {
		c.world.mu.Lock()
		delete(c.sets, set)
		c.world.mu.Unlock()
	}()
	for range c.random(20) {
		if set.Check() != nil {
			c.counts.lost.Add(1)
			break
		}
		switch {
		case c.chance(4): // killed
			c.mu.Lock()
			c.dead = true
			c.mu.Unlock()
			c.counts.killed.Add(1)
			set.stop()
			return true
		case c.chance(6): // stopped, or cut off
			pause := time.Duration(c.random(3*int(c.duration/time.Second))) * time.Second
			c.mu.Lock()
			c.until = time.Now().Add(pause)
			c.mu.Unlock()
			c.sleep(2 * pause)
		default:
			c.sleep(3 * time.Second)
		}
	}
	err := set.Release(context.Background())
	if err == nil && set.Check() == nil {
		c.t.Error("relied on after the release")
	}
	return false
}

// send sends a request as unreliably as a bad network: it may arrive late or not at all, and so
// may its answer.
func (c *contender) send(ctx context.Context, do func(context.Context) error) error {
	c.mu.Lock()
	wait, dead := time.Until(c.until), c.dead
	c.mu.Unlock()
	if dead {
		return objectstoretest.ErrLost
	}
	delay := max(0, wait) + time.Duration(c.random(300))*time.Millisecond
	if c.chance(5) {
		delay += time.Duration(c.random(40)) * time.Second
	}
	limited, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	switch {
	case c.chance(4):
		return objectstore.ErrBusy
	case c.chance(4):
		return objectstoretest.ErrLost
	}
	arrived := make(chan error, 1)
	go func() { // what was sent arrives, whether its sender waits or not
		time.Sleep(delay)
		if limited.Err() != nil {
			c.counts.lateWrites.Add(1)
		}
		arrived <- do(context.Background())
	}()
	select {
	case err := <-arrived:
		time.Sleep(time.Duration(c.random(200)) * time.Millisecond)
		if c.chance(6) {
			return objectstoretest.ErrLost
		}
		return err
	case <-limited.Done():
		return limited.Err()
	}
}

func (c *contender) Get(ctx context.Context, key string) (objectstore.Object, error) {
	result := make(chan objectstore.Object, 1)
	err := c.send(ctx, func(ctx context.Context) error {
		o, err := c.store.Get(ctx, key)
		result <- o
		return err
	})
	if err != nil {
		return objectstore.Object{}, err
	}
	return <-result, nil
}

func (c *contender) Put(ctx context.Context, key string, data []byte, cond objectstore.Condition) (objectstore.Version, error) {
	result := make(chan objectstore.Version, 1)
	err := c.send(ctx, func(ctx context.Context) error {
		before, _ := c.store.Get(ctx, key)
		v, err := c.store.Put(ctx, key, data, cond)
		old, _ := decode(before.Data)
		if written, _ := decode(data); err == nil && old.State == held && written.Owner != old.Owner {
			c.counts.takenOver.Add(1)
		}
		result <- v
		return err
	})
	if err != nil {
		return "", err
	}
	return <-result, nil
}

func (c *contender) Delete(context.Context, ...string) error {
	return errors.New("leases are never deleted")
}

func (c *contender) String() string { return c.store.String() }

func (c *contender) random(n int) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.rnd.IntN(max(n, 1))
}

func (c *contender) chance(percent int) bool { return c.random(100) < percent }

func (c *contender) sleep(most time.Duration) {
	time.Sleep(time.Duration(c.random(int(most/time.Millisecond))) * time.Millisecond)
}
