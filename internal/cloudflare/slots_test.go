package cloudflare

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/secretsync/secretsync/applier"
	"github.com/secretsync/secretsync/internal/cloudflare/pace"
)

// roundTrip is how long the simulated API takes for each request.
const roundTrip = 50 * time.Millisecond

// slow is a transport whose answers take a round trip. It counts the requests under way.
type slow struct {
	http.RoundTripper
	mu          sync.Mutex
	now, atOnce int
}

func (s *slow) RoundTrip(r *http.Request) (*http.Response, error) {
	s.count(1)
	defer s.count(-1)
	time.Sleep(roundTrip)
	return s.RoundTripper.RoundTrip(r)
}

func (s *slow) count(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now += n
	s.atOnce = max(s.atOnce, s.now)
}

// The pages after the first are requested at once, as many as the total promises and no more.
func TestPagesSideBySide(t *testing.T) {
	for _, tt := range []struct {
		name                 string
		pager                pager
		slots                int
		entries, requests    int
		rounds, mostUnderWay int
	}{
		{"one page", pager{n: 100, limit: 100}, 50, 100, 1, 1, 1},
		{"1,000 secrets", pager{n: 1000, limit: 100}, 50, 1000, 10, 2, 9},
		{"with a page size of the server's own", pager{n: 250, limit: 20}, 50, 250, 13, 2, 12},
		{"with fewer slots than pages", pager{n: 1000, limit: 100}, 3, 1000, 10, 4, 3},
		{"more than one wave", pager{n: 50, limit: 1}, 50, 50, 50, 3, maxWave},
		{"without a total, one after the other", pager{n: 250, limit: 100, noTotal: true}, 50, 250, 4, 4, 1},
		{"a total that is far too large", pager{n: 3, limit: 100, total: 1 << 30}, 50, 3, 2 * (1 + maxWave), 4, maxWave},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := tt.pager.script()
				rt := &slow{RoundTripper: s}
				start := time.Now()
				got, err := newClient(t, rt, func(c *Config) { c.Slots = pace.NewSlots(tt.slots) }).ListSecrets(t.Context(), storeID)
				if err != nil && !errors.Is(err, applier.ErrIncomplete) || len(got) != tt.entries {
					t.Fatalf("%d secrets, error %v", len(got), err)
				}
				if rounds := int(time.Since(start) / roundTrip); rounds != tt.rounds || len(s.sent) != tt.requests || rt.atOnce != tt.mostUnderWay {
					t.Errorf("%d requests in %d round trips, %d at once; want %d in %d, %d at once",
						len(s.sent), rounds, rt.atOnce, tt.requests, tt.rounds, tt.mostUnderWay)
				}
				for i, live := range got {
					if want := fmt.Sprintf("s%03d", i); live.Name != want {
						t.Fatalf("secret %d is %s, want %s: the order of the pages is lost", i, live.Name, want)
					}
				}
			})
		})
	}
}

// Clients of several accounts share their slots. A request that waits for a retry has none.
func TestSlotsAreShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := &slow{RoundTripper: replies(ok("[]"))}
		refused := replies(refusal(http.StatusServiceUnavailable, 1, "later"), ok("[]"))
		slots := pace.NewSlots(4)
		var wg sync.WaitGroup
		list := func(rt http.RoundTripper) {
			c := newClient(t, rt, func(c *Config) { c.Slots = slots })
			wg.Go(func() {
				if _, err := c.ListSecrets(t.Context(), storeID); err != nil {
					t.Error(err)
				}
			})
		}
		list(refused)
		synctest.Wait()
		start := time.Now()
		for range 12 {
			list(rt)
		}
		wg.Wait()
		if rt.atOnce != 4 || len(refused.sent) != 2 {
			t.Errorf("%d requests at once, want 4; the refused one was sent %d times", rt.atOnce, len(refused.sent))
		}
		if took := time.Since(start); took >= 2*failedPause { // three round trips and the pause
			t.Errorf("took %s", took)
		}
	})
}

// A create that waited long for a slot is journaled again before it is sent. If it cannot be,
// or if the context ends, nothing is sent and the slot is free for others.
func TestWaitingForASlot(t *testing.T) {
	full := errors.New("disk full")
	for _, tt := range []struct {
		name     string
		wait     time.Duration
		journal  error
		canceled bool
		calls    int
		want     error
	}{
		{name: "a short wait", wait: applier.ResendAfter - time.Millisecond},
		{name: "a long wait", wait: applier.ResendAfter, calls: 1},
		{name: "a long wait, and a journal that fails", wait: applier.ResendAfter, journal: full, calls: 1, want: full},
		{name: "an interruption", wait: applier.ResendAfter, canceled: true, want: context.Canceled},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				s := replies(success["POST"])
				slots := pace.NewSlots(1)
				if err := slots.Acquire(ctx); err != nil {
					t.Fatal(err)
				}
				time.AfterFunc(tt.wait, func() {
					if tt.canceled {
						cancel()
					}
					slots.Release()
				})
				calls := 0
				c := newClient(t, s, func(c *Config) { c.Slots = slots })
				_, err := c.CreateSecrets(ctx, storeID, []applier.NewSecret{item("a", "1")}, func() error { calls++; return tt.journal })
				if !errors.Is(err, tt.want) || calls != tt.calls || len(s.sent) != map[bool]int{true: 1}[tt.want == nil] {
					t.Errorf("error %v, journaled %d times, sent %d times", err, calls, len(s.sent))
				}
				if tt.canceled {
					return
				}
				if err := slots.Acquire(ctx); err != nil { // would block forever
					t.Error(err)
				}
			})
		})
	}
}

// If the server has HTTP/2, all accounts share one connection, even if their first requests are
// sent at once. Over HTTP/1.1 connections are reused.
func TestConnectionsAreShared(t *testing.T) {
	for _, tt := range []struct {
		name     string
		http2    bool
		accounts int
		parallel int
		most     int32
	}{
		{"HTTP/2", true, 40, 40, 1},
		{"HTTP/1.1, one request at a time", false, 10, 1, 1},
		{"HTTP/1.1, four at a time", false, 40, 4, 30}, // 120 without reuse; a few, since a connection is idle only moments after its answer
	} {
		t.Run(tt.name, func(t *testing.T) {
			var opened, requests atomic.Int32
			srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				requests.Add(1)
				if r.ProtoAtLeast(2, 0) != tt.http2 {
					t.Errorf("came over %s", r.Proto)
				}
				_, _ = w.Write([]byte(ok("[]").body))
			}))
			srv.EnableHTTP2 = tt.http2
			srv.Config.ConnState = func(_ net.Conn, state http.ConnState) {
				if state == http.StateNew {
					opened.Add(1)
				}
			}
			srv.StartTLS()
			t.Cleanup(srv.Close)
			transport := NewTransport(tt.parallel)
			transport.TLSClientConfig = srv.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
			transport.TLSClientConfig.NextProtos = nil // as in production: what the transport offers
			t.Cleanup(transport.CloseIdleConnections)
			slots := pace.NewSlots(tt.parallel)
			var wg sync.WaitGroup
			for i := range tt.accounts {
				c := newClient(t, transport, func(c *Config) {
					c.BaseURL, c.Slots, c.AccountID = srv.URL, slots, fmt.Sprintf("%032x", i)
				})
				wg.Go(func() {
					for range 3 {
						if _, err := c.ListSecrets(t.Context(), storeID); err != nil {
							t.Error(err)
						}
					}
				})
			}
			wg.Wait()
			if n := opened.Load(); n > tt.most || requests.Load() != int32(3*tt.accounts) {
				t.Errorf("%d connections for %d requests, want at most %d", n, requests.Load(), tt.most)
			}
		})
	}
}
