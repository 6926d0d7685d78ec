package lease

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/secretsync/secretsync/objectstore"
	"github.com/secretsync/secretsync/objectstore/objectstoretest"
)

const key = "leases/acc/store.json"

// bubble runs test with fake time.
func bubble(t *testing.T, test func(t *testing.T, m *objectstoretest.Memory)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(t, &objectstoretest.Memory{}) })
}

func acquire(t *testing.T, s objectstore.Store, opt Options, keys ...string) *Set {
	t.Helper()
	if len(keys) == 0 {
		keys = []string{key}
	}
	set, err := Acquire(t.Context(), s, keys, opt)
	if err != nil {
		t.Fatalf("acquire: %v", err)
	}
	return set
}

func release(t *testing.T, set *Set) {
	t.Helper()
	if err := set.Release(t.Context()); err != nil {
		t.Errorf("release: %v", err)
	}
}

// objectVersion returns the version of the lease's object, which each renewal changes.
func objectVersion(t *testing.T, s objectstore.Store) objectstore.Version {
	t.Helper()
	o, err := s.Get(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	return o.Version
}

func status(t *testing.T, s objectstore.Store) Status {
	t.Helper()
	st, err := ReadStatus(t.Context(), s, key)
	if err != nil {
		t.Fatalf("status: %v", err)
	}
	return st
}

func wantRequests(t *testing.T, what string, m *objectstoretest.Memory, want map[string]int) {
	t.Helper()
	if got := m.Requests(); !maps.Equal(got, want) {
		t.Errorf("%s: requests %v, want %v", what, got, want)
	}
}

func TestRequests(t *testing.T) {
	bubble(t, func(t *testing.T, m *objectstoretest.Memory) {
		set := acquire(t, m, Options{})
		wantRequests(t, "first acquisition: a probe of 3 PUTs, and GET and PUT", m, map[string]int{"GET": 1, "PUT": 4})
		time.Sleep(61 * time.Second)
		wantRequests(t, "a renewal every 20 s", m, map[string]int{"PUT": 3})
		release(t, set)
		wantRequests(t, "release", m, map[string]int{"PUT": 1})
		set = acquire(t, m, Options{Duration: MinDuration})
		wantRequests(t, "acquisition: a probe of 2 PUTs, and GET and PUT", m, map[string]int{"GET": 1, "PUT": 3})
		time.Sleep(10*time.Second + 500*time.Millisecond)
		wantRequests(t, "a renewal every second", m, map[string]int{"PUT": 10})
		release(t, set)
		release(t, set)
		wantRequests(t, "release, twice", m, map[string]int{"PUT": 1})
		time.Sleep(time.Hour)
		wantRequests(t, "afterwards", m, nil)
		set = acquire(t, m, Options{}, "leases/a", "leases/b", "leases/c", "leases/a")
		wantRequests(t, "acquisition of three", m, map[string]int{"GET": 3, "PUT": 5})
		release(t, set)
		wantRequests(t, "release of three", m, map[string]int{"PUT": 3})
		release(t, acquire(t, m, Options{}, []string{}...))
	})
}

func TestNoLeases(t *testing.T) {
	m := &objectstoretest.Memory{}
	set, err := Acquire(t.Context(), m, nil, Options{})
	if err != nil || set.Check() != nil {
		t.Errorf("acquire: %v; check: %v", err, set.Check())
	}
	release(t, set)
	wantRequests(t, "no leases", m, nil)
	if err := set.Check(); !errors.Is(err, ErrReleased) {
		t.Errorf("check after the release: %v", err)
	}
}

func TestDurationOutOfBounds(t *testing.T) {
	for _, d := range []time.Duration{-1, 1, MinDuration - 1, MaxDuration + 1} {
		m := &objectstoretest.Memory{}
		if _, err := Acquire(t.Context(), m, []string{key}, Options{Duration: d}); err == nil || !strings.Contains(err.Error(), "between 3s and 1h0m0s") {
			t.Errorf("%s: error %v", d, err)
		}
		wantRequests(t, "a bad duration", m, nil)
	}
	for _, d := range []time.Duration{MinDuration, MaxDuration} {
		release(t, acquire(t, &objectstoretest.Memory{}, Options{Duration: d}))
	}
}

func TestStatus(t *testing.T) {
	bubble(t, func(t *testing.T, m *objectstoretest.Memory) {
		if st := status(t, m); st.Exists || st.Held || st.Address != "memory://test/"+key {
			t.Errorf("before: %+v", st)
		}
		start := time.Now()
		set := acquire(t, m, Options{Host: "runner-1", RunURL: "https://ci/run/7"})
		first, v := status(t, m), objectVersion(t, m)
		want := Holder{Host: "runner-1", RunURL: "https://ci/run/7", Since: start.UTC(), Generation: 1, Duration: time.Minute}
		if !first.Exists || !first.Held || first.Holder != want {
			t.Errorf("held: %+v", first)
		}
		time.Sleep(21 * time.Second)
		renewed, now := status(t, m), objectVersion(t, m)
		if now == v || !renewed.Held || renewed.owner != first.owner || renewed.Holder != want {
			t.Errorf("renewed: %+v", renewed)
		}
		if objectVersion(t, m) != now {
			t.Error("renewed within a moment")
		}
		release(t, set)
		if st := status(t, m); st.Held || !st.Exists || st.Holder != want {
			t.Errorf("released: %+v", st)
		}
		release(t, acquire(t, m, Options{}))
		if st := status(t, m); st.Holder.Generation != 2 {
			t.Errorf("generation %d, want 2", st.Holder.Generation)
		}
	})
}

func TestHeld(t *testing.T) {
	bubble(t, func(t *testing.T, m *objectstoretest.Memory) {
		holder := acquire(t, m, Options{Host: "runner\n-1", RunURL: "https://ci/run/7"})
		defer holder.Release(t.Context()) //nolint:errcheck // the test is over
		for _, timeout := range []time.Duration{0, 7 * time.Second, 5 * time.Minute} {
			start, shown := time.Now(), 0
			_, err := Acquire(t.Context(), m, []string{key}, Options{Timeout: timeout, Waiting: func(h *HeldError) {
				shown++
				if h.Waited != 0 || h.Holder.Generation != 1 {
					t.Errorf("waiting for %v", h)
				}
			}})
			var held *HeldError
			if !errors.As(err, &held) {
				t.Fatalf("timeout %s: error %v", timeout, err)
			}
			if took := time.Since(start); took != timeout || held.Waited != timeout {
				t.Errorf("took %s, waited %s, want %s", took, held.Waited, timeout)
			}
			if want := min(1, int(timeout)); shown != want {
				t.Errorf("the holder was shown %d times, want %d", shown, want)
			}
			want := "the lease memory://test/" + key + ` is held by runner\x0a-1 (https://ci/run/7) since 2000-01-01T00:00:00Z, generation 1`
			if timeout > 0 {
				want += "; waited " + timeout.String()
			}
			if err.Error() != want {
				t.Errorf("error %q,\nwant  %q", err, want)
			}
		}
		if err := holder.Check(); err != nil {
			t.Errorf("the holder: %v", err)
		}
	})
}

func TestReleasedLeaseIsAcquiredSoon(t *testing.T) {
	bubble(t, func(t *testing.T, m *objectstoretest.Memory) {
		holder := acquire(t, m, Options{})
		time.AfterFunc(30*time.Second, func() { release(t, holder) })
		start := time.Now()
		set := acquire(t, m, Options{Timeout: time.Minute})
		if took := time.Since(start); took < 30*time.Second || took > 30*time.Second+maxPoll {
			t.Errorf("took %s", took)
		}
		release(t, set)
	})
}

// abandonSet ends the renewals, as the end of the process does.
func abandonSet(set *Set) {
	set.stop()
	set.kept.Wait()
}

func TestExactlyOneTakesOver(t *testing.T) {
	bubble(t, func(t *testing.T, m *objectstoretest.Memory) {
		dead := acquire(t, m, Options{Duration: 30 * time.Second, Host: "dead"})
		time.Sleep(25 * time.Second) // renewed after 10 and 20 s
		abandonSet(dead)
		start := time.Now()
		var won, lost atomic.Int32
		for n := range 8 {
			go func() {
				set, err := Acquire(t.Context(), m, []string{key}, Options{
					Timeout: 40 * time.Second, Host: fmt.Sprint("waiter-", n),
					// Wall clocks play no part.
					Now: func() time.Time { return time.Now().Add(time.Duration(n-4) * time.Hour) },
				})
				var held *HeldError
				switch {
				case err == nil:
					won.Add(1)
					if took := time.Since(start); took < 30*time.Second || took > 31*time.Second {
						t.Errorf("taken over after %s, want after 30s", took)
					}
					time.Sleep(time.Minute)
					if err := set.Check(); err != nil {
						t.Error(err)
					}
					release(t, set)
				case errors.As(err, &held) && strings.HasPrefix(held.Holder.Host, "waiter-") && held.Holder.Generation == 2:
					lost.Add(1)
				default:
					t.Errorf("error %v", err)
				}
			}()
		}
		synctest.Wait()
		time.Sleep(3 * time.Minute)
		if won.Load() != 1 || lost.Load() != 7 {
			t.Errorf("%d won and %d lost, want 1 and 7", won.Load(), lost.Load())
		}
		if err := dead.Check(); !errors.Is(err, ErrLost) {
			t.Errorf("the one that died: %v", err)
		}
	})
}

// A waiter whose time is shorter than the lease's duration takes nothing over.
func TestShortTimeout(t *testing.T) {
	bubble(t, func(t *testing.T, m *objectstoretest.Memory) {
		abandonSet(acquire(t, m, Options{Duration: 10 * time.Second}))
		time.Sleep(time.Hour)
		var held *HeldError
		if _, err := Acquire(t.Context(), m, []string{key}, Options{Timeout: 10*time.Second - 1}); !errors.As(err, &held) {
			t.Errorf("error %v", err)
		}
		release(t, acquire(t, m, Options{Timeout: 10 * time.Second}))
	})
}

// A holder relies on a lease for two thirds of its duration after the last renewal.
func TestLate(t *testing.T) {
	bubble(t, func(t *testing.T, m *objectstoretest.Memory) {
		cut := errors.New("no route to host")
		var down atomic.Bool
		f := &objectstoretest.Faulty{Store: m, Before: func(context.Context, string, string) error {
			if down.Load() {
				return cut
			}
			return nil
		}}
		set := acquire(t, f, Options{})
		ctx, cancel := set.Context(t.Context())
		defer cancel()
		time.Sleep(20*time.Second + time.Millisecond) // renewed at 20 s
		down.Store(true)
		time.Sleep(40*time.Second - 2*time.Millisecond)
		if err := set.Check(); err != nil {
			t.Errorf("before the limit: %v", err)
		}
		time.Sleep(time.Millisecond)
		err := set.Check()
		if !errors.Is(err, ErrLost) || !errors.Is(err, cut) {
			t.Fatalf("at the limit: %v", err)
		}
		// How often the last renewal was tried before the limit depends on its random pauses.
		text := strings.Replace(err.Error(), "after 6 tries: ", "", 1)
		if want := "the lease memory://test/" + key + " was lost: it was last renewed 40s ago, and is relied on for 40s (no route to host)"; text != want {
			t.Errorf("error %q,\nwant  %q", text, want)
		}
		synctest.Wait()
		if ctx.Err() == nil || !errors.Is(context.Cause(ctx), ErrLost) {
			t.Errorf("the context's cause is %v", context.Cause(ctx))
		}
		down.Store(false)
		time.Sleep(time.Minute)
		if err := set.Check(); !errors.Is(err, ErrLost) {
			t.Errorf("later: %v", err)
		}
		// No other run took it over, so it is still this run's to release.
		release(t, set)
		if status(t, m).Held {
			t.Error("the lease is still held")
		}
	})
}

// Done is closed at the limit without any call of Check.
func TestDone(t *testing.T) {
	bubble(t, func(t *testing.T, m *objectstoretest.Memory) {
		var down atomic.Bool
		f := &objectstoretest.Faulty{Store: m, Before: func(ctx context.Context, _, _ string) error {
			if down.Load() { // an answer that never comes
				<-ctx.Done()
				return ctx.Err()
			}
			return nil
		}}
		set := acquire(t, f, Options{})
		start := time.Now()
		down.Store(true)
		<-set.Done()
		if took := time.Since(start); took < 40*time.Second || took > 41*time.Second {
			t.Errorf("done after %s, want 40s", took)
		}
		down.Store(false)
		release(t, set)
	})
}

func TestSuspendedMachine(t *testing.T) {
	for name, tt := range map[string]struct {
		jump time.Duration // of the wall clock
		lost bool
	}{
		"suspended for an hour":     {jump: time.Hour, lost: true},
		"suspended to the limit":    {jump: 40 * time.Second, lost: true},
		"suspended briefly":         {jump: 40*time.Second - time.Millisecond},
		"the clock is set back":     {jump: -time.Hour},
		"the clock is one hour off": {},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, m *objectstoretest.Memory) {
				offset := time.Hour
				set := acquire(t, m, Options{Now: func() time.Time { return time.Now().Add(offset).Round(0) }})
				offset += tt.jump
				err := set.Check()
				if errors.Is(err, ErrLost) != tt.lost {
					t.Errorf("error %v, want one: %v", err, tt.lost)
				}
				if tt.lost && !strings.Contains(err.Error(), "suspended") {
					t.Errorf("error %v does not say why", err)
				}
				release(t, set)
			})
		})
	}
}

// A renewal that wakes up late is not sent.
func TestNoRenewalAfterSuspension(t *testing.T) {
	bubble(t, func(t *testing.T, m *objectstoretest.Memory) {
		var offset atomic.Int64
		set := acquire(t, m, Options{Now: func() time.Time { return time.Now().Add(time.Duration(offset.Load())).Round(0) }})
		m.Requests()
		offset.Store(int64(time.Hour))
		time.Sleep(21 * time.Second)
		wantRequests(t, "after the suspension", m, nil)
		select {
		case <-set.Done():
		default:
			t.Error("not lost")
		}
		release(t, set)
	})
}

func TestRenewalsAreRepeated(t *testing.T) {
	for name, fault := range map[string]error{"busy": objectstore.ErrBusy, "refused": objectstore.ErrRefused, "lost": objectstoretest.ErrLost} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, m *objectstoretest.Memory) {
				var failing atomic.Bool
				hook := func(context.Context, string, string) error {
					if failing.Load() {
						return fault
					}
					return nil
				}
				f := &objectstoretest.Faulty{Store: m}
				if name == "lost" {
					f.After = hook
				} else {
					f.Before = hook
				}
				set := acquire(t, f, Options{})
				for range 20 {
					time.Sleep(10 * time.Second)
					failing.Store(true)
					time.Sleep(12 * time.Second)
					failing.Store(false)
					time.Sleep(11 * time.Second)
					if err := set.Check(); err != nil {
						t.Fatal(err)
					}
				}
				release(t, set)
				if st := status(t, m); st.Held {
					t.Error("still held")
				}
			})
		})
	}
}

// The write of a renewal whose answer was lost changes the object, and so must the next renewal:
// the waiting run measures from the first change.
func TestRepeatedRenewalIsSeen(t *testing.T) {
	bubble(t, func(t *testing.T, m *objectstoretest.Memory) {
		var lose atomic.Bool
		f := &objectstoretest.Faulty{Store: m, After: func(context.Context, string, string) error {
			if lose.Load() {
				return objectstoretest.ErrLost
			}
			return nil
		}}
		set := acquire(t, f, Options{})
		lose.Store(true)
		time.Sleep(31 * time.Second) // all 6 tries of the first renewal were lost, from 20 s to 30 s
		before := objectVersion(t, m)
		lose.Store(false)
		time.Sleep(8 * time.Second)
		if err := set.Check(); err != nil {
			t.Fatal(err)
		}
		if objectVersion(t, m) == before {
			t.Error("the renewal did not change the object")
		}
		release(t, set)
	})
}

// overwrite replaces the object of the lease as change says.
func overwrite(t *testing.T, m *objectstoretest.Memory, change func(*record)) {
	t.Helper()
	o, err := m.Get(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	r, err := decode(o.Data)
	if err != nil {
		t.Fatal(err)
	}
	change(&r)
	if _, err := m.Put(t.Context(), key, r.encode(), objectstore.Condition{Match: o.Version}); err != nil {
		t.Fatal(err)
	}
}

func TestTakenAway(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*testing.T, *objectstoretest.Memory)
		why    string
	}{
		"taken over": {why: "it was taken over by other since 2000-01-01T00:00:00Z, generation 2", change: func(t *testing.T, m *objectstoretest.Memory) {
			overwrite(t, m, func(r *record) { r.Owner, r.Generation, r.Host = "x", 2, "other" })
		}},
		"the same owner in another generation": {why: "it was taken over by", change: func(t *testing.T, m *objectstoretest.Memory) {
			overwrite(t, m, func(r *record) { r.Generation = 2 })
		}},
		"another owner in the same generation": {why: "it was taken over by", change: func(t *testing.T, m *objectstoretest.Memory) {
			overwrite(t, m, func(r *record) { r.Owner = "x" })
		}},
		"taken over and released": {why: "it was taken over, and released, by other", change: func(t *testing.T, m *objectstoretest.Memory) {
			overwrite(t, m, func(r *record) { r.Owner, r.Generation, r.Host, r.State = "x", 2, "other", free })
		}},
		"deleted": {why: "its object was deleted", change: func(t *testing.T, m *objectstoretest.Memory) {
			if err := m.Delete(t.Context(), key); err != nil {
				t.Fatal(err)
			}
		}},
		"overwritten": {why: "its object was overwritten", change: func(t *testing.T, m *objectstoretest.Memory) {
			o, _ := m.Get(t.Context(), key)
			if _, err := m.Put(t.Context(), key, []byte("x"), objectstore.Condition{Match: o.Version}); err != nil {
				t.Fatal(err)
			}
		}},
		"broken": {why: `it was broken on my\x0alaptop`, change: func(t *testing.T, m *objectstoretest.Memory) {
			if err := Break(t.Context(), m, status(t, m), "my\nlaptop"); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, m *objectstoretest.Memory) {
				set := acquire(t, m, Options{})
				tt.change(t, m)
				before, _ := m.Get(t.Context(), key)
				m.Requests()
				time.Sleep(20*time.Second + time.Millisecond)
				wantRequests(t, "the renewal, its own object, and whose it is", m, map[string]int{"PUT": 1, "GET": 2})
				err := set.Check()
				if !errors.Is(err, ErrLost) || !strings.Contains(err.Error(), tt.why) {
					t.Errorf("error %v, want %q", err, tt.why)
				}
				<-set.Done()
				if err := set.Release(t.Context()); !errors.Is(err, ErrLost) {
					t.Errorf("release: %v", err)
				}
				if after, _ := m.Get(t.Context(), key); after.Version != before.Version {
					t.Errorf("the object was changed: %s", after.Data)
				}
			})
		})
	}
}

func TestBreak(t *testing.T) {
	bubble(t, func(t *testing.T, m *objectstoretest.Memory) {
		if err := Break(t.Context(), m, status(t, m), "me"); !errors.Is(err, ErrChanged) {
			t.Errorf("a lease that never was: %v", err)
		}
		set := acquire(t, m, Options{Host: "dead"})
		set.Publish("lineage", Publication{Generation: 3})
		first := status(t, m)
		time.Sleep(21 * time.Second) // a renewal is no reason not to break
		abandonSet(set)
		if err := Break(t.Context(), m, first, "me"); err != nil {
			t.Fatal(err)
		}
		st := status(t, m)
		if st.Held || st.BrokenBy != "me" || st.Holder.Host != "dead" || st.Holder.Generation != 1 || st.Published["lineage"].Generation != 3 {
			t.Errorf("broken: %+v", st)
		}
		if err := Break(t.Context(), m, first, "me"); !errors.Is(err, ErrChanged) {
			t.Errorf("broken twice: %v", err)
		}
		next := acquire(t, m, Options{})
		if err := Break(t.Context(), m, first, "me"); !errors.Is(err, ErrChanged) {
			t.Errorf("held by another run: %v", err)
		}
		if st := status(t, m); st.BrokenBy != "" || st.Holder.Generation != 2 {
			t.Errorf("acquired: %+v", st)
		}
		release(t, next)
	})
}

func TestBreakWhileRenewed(t *testing.T) {
	bubble(t, func(t *testing.T, m *objectstoretest.Memory) {
		abandonSet(acquire(t, m, Options{}))
		st := status(t, m)
		for _, races := range []int{4, 5} {
			n := 0
			f := &objectstoretest.Faulty{Store: m, Before: func(_ context.Context, method, _ string) error {
				if method != "PUT" {
					return nil
				}
				if n++; n <= races {
					overwrite(t, m, func(r *record) { r.Write++ })
				}
				return nil
			}}
			err := Break(t.Context(), f, st, "me")
			if (err == nil) != (races < 5) {
				t.Errorf("%d renewals: %v", races, err)
			}
			if err == nil {
				abandonSet(acquire(t, m, Options{}))
				st = status(t, m)
			}
		}
	})
}

func TestPublished(t *testing.T) {
	bubble(t, func(t *testing.T, m *objectstoretest.Memory) {
		set := acquire(t, m, Options{}, "a", "b")
		if _, ok := set.Published("one"); ok {
			t.Error("published before anything was")
		}
		p := Publication{Generation: 7, Digest: "sha256:x", Host: "h", RunURL: "u", Time: time.Now()}
		set.Publish("one", p)
		release(t, set)
		set = acquire(t, m, Options{}, "a", "c")
		p.Time = p.Time.UTC()
		if got, ok := set.Published("one"); !ok || got != p {
			t.Errorf("published %+v", got)
		}
		set.Publish("two", Publication{Generation: 1})
		newer := p
		newer.Generation = 8
		set.Publish("one", newer)
		time.Sleep(21 * time.Second) // a renewal writes it
		abandonSet(set)
		time.Sleep(time.Hour)
		set = acquire(t, m, Options{Timeout: 2 * time.Minute}, "a", "b")
		if got, ok := set.Published("one"); !ok || got.Generation != 8 {
			t.Errorf("published %+v, want the newer of two", got)
		}
		if _, ok := set.Published("two"); !ok {
			t.Error("the second lockfile is missing")
		}
		release(t, set)
	})
}

func TestSeveral(t *testing.T) {
	bubble(t, func(t *testing.T, m *objectstoretest.Memory) {
		b := acquire(t, m, Options{Host: "b"}, "b")
		// While one is held, the others are not touched.
		m.Requests()
		var held *HeldError
		if _, err := Acquire(t.Context(), m, []string{"c", "b", "a"}, Options{Host: "abc"}); !errors.As(err, &held) || held.Holder.Host != "b" {
			t.Errorf("error %v", err)
		}
		wantRequests(t, "all are read, and two probes", m, map[string]int{"GET": 3, "PUT": 2})
		release(t, acquire(t, m, Options{}, "a", "c"))
		time.AfterFunc(time.Minute, func() { release(t, b) })
		release(t, acquire(t, m, Options{Timeout: 2 * time.Minute}, "a", "b", "c"))
	})
}

// Another run acquires one of several leases between reading and writing.
func TestRace(t *testing.T) {
	for _, quicker := range []string{"a", "b", "c"} {
		t.Run(quicker, func(t *testing.T) {
			bubble(t, func(t *testing.T, m *objectstoretest.Memory) {
				var other *Set
				var once sync.Once // requests are sent side by side
				f := &objectstoretest.Faulty{Store: m, Before: func(_ context.Context, method, key string) error {
					if method == "PUT" && key == quicker {
						once.Do(func() { other = acquire(t, m, Options{Host: "other"}, quicker) })
					}
					return nil
				}}
				var held *HeldError
				if _, err := Acquire(t.Context(), f, []string{"a", "b", "c"}, Options{}); !errors.As(err, &held) || held.Holder.Host != "other" {
					t.Errorf("error %v", err)
				}
				for _, key := range []string{"a", "b", "c"} {
					if st, err := ReadStatus(t.Context(), m, key); err != nil || st.Held != (key == quicker) {
						t.Errorf("%s: %+v, %v", key, st, err)
					}
				}
				time.AfterFunc(5*time.Second, func() { release(t, other) })
				set := acquire(t, f, Options{Timeout: 10 * time.Second}, "a", "b", "c")
				if err := set.Check(); err != nil {
					t.Error(err)
				}
				release(t, set)
			})
		})
	}
}

// Two runs that want overlapping leases come to an end.
func TestNoDeadlock(t *testing.T) {
	bubble(t, func(t *testing.T, m *objectstoretest.Memory) {
		f := &objectstoretest.Faulty{Store: m, Before: func(context.Context, string, string) error {
			time.Sleep(20 * time.Millisecond)
			return nil
		}}
		var done atomic.Int32
		for _, keys := range [][]string{{"a", "b", "c"}, {"b", "c"}, {"c", "a"}, {"b", "a"}, {"d", "a"}} {
			go func() {
				for range 3 {
					set := acquire(t, f, Options{Timeout: time.Hour}, keys...)
					time.Sleep(300 * time.Millisecond)
					release(t, set)
				}
				done.Add(1)
			}()
		}
		time.Sleep(2 * time.Minute)
		if done.Load() != 5 {
			t.Errorf("%d of 5 runs are done", done.Load())
		}
	})
}

func TestAcquisitionFails(t *testing.T) {
	for name, tt := range map[string]struct {
		fails func(method, key string) bool
		err   error
		after bool // the answer is lost
	}{
		"GET refused":            {fails: func(method, _ string) bool { return method == "GET" }, err: objectstore.ErrRefused},
		"probe refused":          {fails: func(_, key string) bool { return key == objectstore.ProbeKey }, err: objectstore.ErrRefused},
		"PUT of the first":       {fails: func(method, key string) bool { return method == "PUT" && key == "a" }, err: objectstore.ErrRefused},
		"PUT of the second":      {fails: func(method, key string) bool { return method == "PUT" && key == "b" }, err: objectstore.ErrRefused},
		"answers to the second":  {fails: func(method, key string) bool { return key == "b" && method == "PUT" }, err: objectstoretest.ErrLost, after: true},
		"nothing answers at all": {fails: func(string, string) bool { return true }, err: objectstoretest.ErrLost},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, m *objectstoretest.Memory) {
				fail := func(_ context.Context, method, key string) error {
					if tt.fails(method, key) {
						return tt.err
					}
					return nil
				}
				f := &objectstoretest.Faulty{Store: m}
				if tt.after {
					n := 0 // all 6 tries take effect or conflict with those that did; the release is answered
					f.After = func(ctx context.Context, method, key string) error {
						if tt.fails(method, key) {
							if n++; n > 6 {
								return nil
							}
						}
						return fail(ctx, method, key)
					}
				} else {
					f.Before = fail
				}
				_, err := Acquire(t.Context(), f, []string{"a", "b"}, Options{Timeout: time.Hour})
				if !errors.Is(err, tt.err) {
					t.Errorf("error %v, want %v", err, tt.err)
				}
				for _, key := range []string{"a", "b"} {
					if st, err := ReadStatus(t.Context(), m, key); err != nil || st.Held {
						t.Errorf("%s: %+v, %v", key, st, err)
					}
				}
			})
		})
	}
}

func TestStoreThatIgnoresConditions(t *testing.T) {
	m := &objectstoretest.Memory{IgnoreCreate: true, IgnoreMatch: true}
	if _, err := Acquire(t.Context(), m, []string{key}, Options{}); !errors.Is(err, objectstore.ErrIgnoresConditions) {
		t.Errorf("error %v", err)
	}
	if st := status(t, m); st.Exists {
		t.Error("a lease was written")
	}
}

// A cancelled acquisition leaves nothing behind.
func TestCancelledAcquisition(t *testing.T) {
	bubble(t, func(t *testing.T, m *objectstoretest.Memory) {
		ctx, cancel := context.WithCancel(t.Context())
		f := &objectstoretest.Faulty{Store: m, After: func(_ context.Context, method, key string) error {
			if method == "PUT" && key == "a" {
				cancel()
			}
			return nil
		}}
		if _, err := Acquire(ctx, f, []string{"a", "b"}, Options{}); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
		if st, err := ReadStatus(t.Context(), m, "a"); err != nil || st.Held || !st.Exists {
			t.Errorf("a: %+v, %v", st, err)
		}
		holder := acquire(t, m, Options{})
		ctx, cancel = context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		start := time.Now()
		if _, err := Acquire(ctx, m, []string{key}, Options{Timeout: time.Hour}); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 5*time.Second {
			t.Errorf("error %v after %s", err, time.Since(start))
		}
		release(t, holder)
	})
}

// A lease that is acquired too slowly is not relied on.
func TestSlowAcquisition(t *testing.T) {
	bubble(t, func(t *testing.T, m *objectstoretest.Memory) {
		f := &objectstoretest.Faulty{Store: m, After: func(_ context.Context, method, key string) error {
			if method == "PUT" && key == "a" {
				time.Sleep(2 * time.Second)
			}
			return nil
		}}
		if _, err := Acquire(t.Context(), f, []string{"a"}, Options{Duration: MinDuration}); !errors.Is(err, ErrLost) {
			t.Errorf("error %v", err)
		}
		if st, err := ReadStatus(t.Context(), m, "a"); err != nil || st.Held {
			t.Errorf("a: %+v, %v", st, err)
		}
	})
}

// A write that took effect is answered as if it had not: with a conflict, because a proxy sent it
// twice, or as refused for now.
func TestWrittenNevertheless(t *testing.T) {
	for name, answer := range map[string]error{"412": objectstore.ErrConflict, "429": objectstore.ErrBusy} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, m *objectstoretest.Memory) {
				var mu sync.Mutex
				written := map[string]bool{} // the last write of a key was the first of two
				f := &objectstoretest.Faulty{Store: m, After: func(_ context.Context, method, k string) error {
					if method != "PUT" || k == objectstore.ProbeKey {
						return nil
					}
					mu.Lock()
					defer mu.Unlock()
					if written[k] = !written[k]; written[k] || answer == objectstore.ErrConflict {
						return answer
					}
					return nil
				}}
				set := acquire(t, f, Options{}, "a", "b")
				time.Sleep(5 * time.Minute)
				if err := set.Check(); err != nil {
					t.Fatal(err)
				}
				release(t, set)
				dead := acquire(t, f, Options{})
				abandonSet(dead)
				if err := Break(t.Context(), f, status(t, m), "me"); err != nil {
					t.Errorf("break: %v", err)
				}
				if st := status(t, m); st.Held || st.BrokenBy != "me" {
					t.Errorf("broken: %+v", st)
				}
			})
		})
	}
}

// Another run is always quicker, and has released the lease when it is read.
func TestAlwaysSlower(t *testing.T) {
	bubble(t, func(t *testing.T, m *objectstoretest.Memory) {
		races := 0
		f := &objectstoretest.Faulty{Store: m, Before: func(_ context.Context, method, k string) error {
			if method == "PUT" && k == key {
				races++
				release(t, acquire(t, m, Options{}))
			}
			return nil
		}}
		_, err := Acquire(t.Context(), f, []string{key}, Options{})
		if !errors.Is(err, errRace) || races != maxRaces+1 {
			t.Errorf("error %v after %d races", err, races)
		}
	})
}

// Each time the lease's own object is found, something has changed it again.
func TestChangesWithoutEnd(t *testing.T) {
	bubble(t, func(t *testing.T, m *objectstoretest.Memory) {
		var changing bool
		f := &objectstoretest.Faulty{Store: m, Before: func(_ context.Context, method, _ string) error {
			if changing && method == "PUT" {
				overwrite(t, m, func(r *record) { r.Write += 100 })
			}
			return nil
		}}
		set := acquire(t, f, Options{})
		changing = true
		if err := set.Release(t.Context()); !errors.Is(err, ErrLost) || !strings.Contains(err.Error(), "keeps changing") {
			t.Errorf("error %v", err)
		}
	})
}

func TestForget(t *testing.T) {
	bubble(t, func(t *testing.T, m *objectstoretest.Memory) {
		set := acquire(t, m, Options{})
		set.Publish("one", Publication{Generation: 3})
		set.Publish("two", Publication{Generation: 4})
		release(t, set)
		set = acquire(t, m, Options{})
		set.Forget("one")
		release(t, set)
		if got := status(t, m).Published; len(got) != 1 || got["two"].Generation != 4 {
			t.Errorf("published: %v", got)
		}
	})
}
