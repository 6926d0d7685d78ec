package cloudflare

import (
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/secretsync/secretsync/internal/cloudflare/pace"
	"pgregory.net/rapid"
)

func TestRatelimitHeader(t *testing.T) {
	for header, want := range map[string]time.Duration{
		`"default";r=50;t=30`:                  0,
		`"default";r=0;t=30`:                   31 * time.Second, // 30 may be rounded down
		`"default"; r=0; t=30`:                 31 * time.Second,
		`"a";r=0;t=5, "b";r=0;t=7,"c";r=1;t=9`: 8 * time.Second,
		`"default";r=0;t=0`:                    time.Second,
		`"default";r=0;t=300`:                  pace.MaxPeriod,
		`"default";r=0;t=99999`:                pace.MaxPeriod,
		`"default";r=0;t=2147483647`:           pace.MaxPeriod,
		`"default";r=0;t=99999999999999999999`: 0,
		`"default";r=-1;t=30`:                  0,
		`"default";r=x;t=30`:                   0,
		`"default";r=0;t=-1`:                   0,
		`"default";r=0`:                        0,
		``:                                     0,
		`;;=,,`:                                0,
	} {
		t.Run(header, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				first := success["DELETE"]
				first.header = map[string]string{"Ratelimit": header}
				c := newClient(t, replies(first, success["DELETE"]))
				start := time.Now()
				_ = calls["DELETE"](t.Context(), c)
				if d := time.Since(start); d != 0 {
					t.Errorf("the request whose answer had the header took %s", d)
				}
				_ = calls["DELETE"](t.Context(), c)
				if d := time.Since(start); d != want {
					t.Errorf("the next one waited %s, want %s", d, want)
				}
			})
		})
	}
}

// limited is a server with a rate limit that refuses what exceeds it.
type limited struct {
	quota   int
	window  time.Duration
	sliding bool // the limit holds in any window, not in one after another
	silent  bool // it sends no Ratelimit headers
	floor   bool // it rounds times down
	delay   func(n int) time.Duration

	mu       sync.Mutex
	counted  []time.Time // requests of the window
	requests []exchanged
	refused  int
}

// exchanged is when a request was sent and answered.
type exchanged struct{ sent, answered time.Time }

// count counts a request, and returns the headers Ratelimit and Ratelimit-Policy.
func (l *limited) count() (rate, policy string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	if l.sliding {
		l.counted = slices.DeleteFunc(l.counted, func(t time.Time) bool { return now.Sub(t) >= l.window })
	} else if len(l.counted) > 0 && now.Sub(l.counted[0]) >= l.window {
		l.counted = nil
	}
	l.counted = append(l.counted, now)
	left := l.quota - len(l.counted)
	if left < 0 {
		l.refused++
	}
	next := l.counted[0].Add(l.window).Sub(now)
	if !l.floor {
		next += time.Second - 1
	}
	return fmt.Sprintf(`"default";r=%d;t=%d`, max(0, left), next/time.Second),
		fmt.Sprintf(`"default";q=%d;w=%d`, l.quota, l.window/time.Second)
}

func (l *limited) RoundTrip(r *http.Request) (*http.Response, error) {
	l.mu.Lock()
	n := len(l.requests)
	l.requests = append(l.requests, exchanged{sent: time.Now()})
	l.mu.Unlock()
	time.Sleep(l.delay(2 * n))
	rate, policy := l.count()
	time.Sleep(l.delay(2*n + 1))
	answer := success["DELETE"]
	if !l.silent {
		answer.header = map[string]string{"Ratelimit": rate, "Ratelimit-Policy": policy}
	}
	l.mu.Lock()
	l.requests[n].answered = time.Now()
	l.mu.Unlock()
	return answer.to(r)
}

// deletes sends requests, the first of them alone, and returns how long that takes.
func deletes(t *testing.T, c *Client, requests, workers int) time.Duration {
	t.Helper()
	start := time.Now()
	if err := calls["DELETE"](t.Context(), c); err != nil {
		t.Error(err)
	}
	work := make(chan struct{}, requests)
	for range requests - 1 {
		work <- struct{}{}
	}
	close(work)
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			for range work {
				if err := calls["DELETE"](t.Context(), c); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	return time.Since(start)
}

// Without headers, the limit holds in any window, wherever between its sending and its answer
// the server counts a request; and no request waits that could be sent.
func TestOwnWindow(t *testing.T) {
	const limit = 20
	rapid.Check(t, func(rt *rapid.T) {
		requests, workers := rapid.IntRange(1, 5*limit).Draw(rt, "requests"), rapid.IntRange(1, 8).Draw(rt, "workers")
		delays := rapid.SliceOfN(rapid.IntRange(1, 30_000), 5, 5).Draw(rt, "delays in ms")
		s := &limited{quota: limit, window: pace.TokenWindow, sliding: true, silent: true, delay: func(n int) time.Duration {
			return time.Duration(delays[n%5]) * time.Millisecond
		}}
		synctest.Test(t, func(t *testing.T) {
			deletes(t, newClient(t, s, func(c *Config) {
				c.RequestTimeout, c.Pace = time.Hour, pace.New(limit, pace.TokenWindow)
			}), requests, workers)
		})
		if s.refused > 0 {
			rt.Fatalf("%d of %d requests exceeded the limit", s.refused, requests)
		}
		for i, r := range s.requests {
			if i == 0 || r.sent.Equal(s.requests[1].sent) {
				continue
			}
			busy, counting := 0, 0 // just before
			for _, earlier := range s.requests[:i] {
				if earlier.sent.Before(r.sent) && !earlier.answered.Before(r.sent) {
					busy++
				}
				if earlier.sent.Before(r.sent) && !earlier.answered.Add(pace.TokenWindow).Before(r.sent) {
					counting++
				}
			}
			if busy < workers && counting < limit {
				rt.Fatalf("request %d was sent at %s, though before only %d of %d workers were busy and %d requests counted", i, r.sent, busy, workers, counting)
			}
		}
	})
}

// The server's headers are kept to, whatever its windows, however it rounds, and in whatever
// order its answers arrive: none is exceeded, and next to no time is lost.
func TestHeadersGovern(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		workers := rapid.IntRange(1, 8).Draw(rt, "workers")
		s := &limited{
			quota: rapid.IntRange(workers+1, 100).Draw(rt, "quota"), window: time.Duration(rapid.IntRange(6, 300).Draw(rt, "window")) * time.Second,
			sliding: rapid.Bool().Draw(rt, "sliding"), floor: rapid.Bool().Draw(rt, "rounds down"),
		}
		most := rapid.IntRange(1, 200).Draw(rt, "most delay in ms")
		s.delay = func(n int) time.Duration { return time.Duration(n*7919%most+1) * time.Millisecond }
		windows := rapid.IntRange(0, 4).Draw(rt, "windows")
		requests := windows*s.quota + rapid.IntRange(1, s.quota).Draw(rt, "more")
		var took time.Duration
		synctest.Test(t, func(t *testing.T) { took = deletes(t, newClient(t, s), requests, workers) })
		if s.refused > 0 || len(s.requests) != requests {
			rt.Fatalf("%d of %d requests exceeded the limit", s.refused, len(s.requests))
		}
		roundTrip := 2 * time.Duration(most+1) * time.Millisecond
		sending := time.Duration(2*requests/workers+2) * roundTrip
		slack := time.Duration(windows) * (2*time.Second + 10*roundTrip)
		if best := time.Duration(windows)*s.window + sending; took > best+slack {
			rt.Fatalf("%d requests took %s, want %s", requests, took, best)
		}
	})
}

// The end of a sliding window moves, by less than the headers' whole seconds.
func TestEndThatMoves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &limited{quota: 39, window: 7 * time.Second, sliding: true, floor: true, delay: func(n int) time.Duration {
			return time.Duration(n*7919%139+1) * time.Millisecond
		}}
		if deletes(t, newClient(t, s), 79, 1); s.refused > 0 {
			t.Errorf("%d requests exceeded the limit", s.refused)
		}
	})
}

// Clients that cannot know of one another use one limit. To exceed it would block them all.
func TestSharedLimit(t *testing.T) {
	const quota, window, clients, requests = 200, time.Minute, 4, 300
	for _, sliding := range []bool{false, true} {
		t.Run(fmt.Sprint("sliding ", sliding), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &limited{quota: quota, window: window, sliding: sliding, delay: func(n int) time.Duration { return time.Duration(n*7%50+1) * time.Millisecond }}
				start := time.Now()
				var group sync.WaitGroup
				for range clients {
					group.Go(func() { deletes(t, newClient(t, s), requests, 4) })
				}
				group.Wait()
				if s.refused > 0 {
					t.Errorf("%d requests exceeded the limit", s.refused)
				}
				if took := time.Since(start); took > 8*window {
					t.Errorf("%d requests took %s, at %d in %s", clients*requests, took, quota, window)
				}
			})
		})
	}
}

// At most 200 requests are sent in any second, from one address.
func TestAddressWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &limited{quota: pace.AddressLimit, window: pace.AddressWindow, sliding: true, silent: true, delay: func(int) time.Duration { return time.Millisecond }}
		if took := deletes(t, newClient(t, s), pace.TokenLimit, 8); s.refused > 0 || took > 6*time.Second {
			t.Errorf("%d requests took %s; %d exceeded the limit", pace.TokenLimit, took, s.refused)
		}
	})
}
