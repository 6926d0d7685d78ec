package connect_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/secretsync/secretsync/applier"
	"github.com/secretsync/secretsync/connect"
	"github.com/secretsync/secretsync/internal/emulator"
	"github.com/secretsync/secretsync/internal/secret"
	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/reconcile"
)

// latency is the delay of a request and its answer together.
const latency = 50 * time.Millisecond

// distant is the emulator at a distance, without a network.
type distant struct {
	server *emulator.Server
	busy   atomic.Int64 // answers with status 429
}

func newDistant(t *testing.T, o emulator.Options) *distant {
	t.Helper()
	server, err := emulator.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return &distant{server: server}
}

func (d *distant) RoundTrip(r *http.Request) (*http.Response, error) {
	time.Sleep(latency / 2)
	w := httptest.NewRecorder()
	d.server.ServeHTTP(w, r)
	time.Sleep(latency / 2)
	if w.Code == http.StatusTooManyRequests {
		d.busy.Add(1)
	}
	return w.Result(), nil
}

// api returns the API for a token per account.
func (d *distant) api(t *testing.T, base string, token func(planner.AccountID) string) reconcile.API {
	t.Helper()
	api, err := connect.Cloudflare(connect.Options{
		BaseURL: base, Transport: d, Token: func(a planner.AccountID, _ string) (string, error) { return token(a), nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	return api
}

// target is a secret.
type target struct {
	account reconcile.Account
	store   planner.StoreID
	id      planner.SecretID
}

// create creates a secret in a store of its own, with 2 requests.
func create(t *testing.T, api reconcile.API, id planner.AccountID) (target, error) {
	t.Helper()
	account, err := api.Account(id, "")
	if err != nil {
		return target{}, err
	}
	store, err := account.CreateStore(t.Context(), "prod")
	if err != nil {
		return target{}, err
	}
	all, err := account.CreateSecrets(t.Context(), store, []applier.NewSecret{{Name: "a", Value: secret.New([]byte("1")), Scopes: []string{"workers"}}}, nil)
	if err != nil {
		return target{}, err
	}
	return target{account, store, all[0].ID}, nil
}

// update updates the secret, with 1 request.
func (s target) update(t *testing.T) {
	t.Helper()
	if _, err := s.account.UpdateSecret(t.Context(), s.store, s.id, applier.Patch{Value: secret.New([]byte("2"))}); err != nil {
		t.Error(err)
	}
}

// updateAll creates a secret in each of many accounts and updates it, with the given number of
// requests for each account, and returns how long that takes.
func updateAll(t *testing.T, api reconcile.API, accounts, requests, parallelism int) time.Duration {
	t.Helper()
	return run(accounts, parallelism, func(i int) {
		s, err := create(t, api, planner.AccountID(fmt.Sprintf("%032x", i+1)))
		if err != nil {
			t.Error(err)
			return
		}
		for range requests - 2 {
			s.update(t)
		}
	})
}

const (
	cloudflareURL = connect.BaseURL
	loopbackURL   = "http://127.0.0.1:1/client/v4"
	anAccount     = planner.AccountID("0123456789abcdef0123456789abcdef")
)

func oneToken(planner.AccountID) string { return "token" }

// 3,000 updates under a scaled-down limit use at least 97 % of what it allows, without a 429,
// even if some of it was used when they begin.
func TestUpdatesBeyondTheLimit(t *testing.T) {
	const updates, parallelism = 3000, 8
	for _, tt := range []struct {
		limit  int
		window time.Duration
		after  time.Duration // since the creations, which count
		waits  int           // for a new window
		first  time.Duration // the first of them
	}{
		{300, 30 * time.Second, time.Minute, 9, 30 * time.Second},
		{100, 10 * time.Second, time.Minute, 29, 10 * time.Second},
		{1200, 5 * time.Minute, 10 * time.Minute, 2, 5 * time.Minute},
		{300, 30 * time.Second, 25 * time.Second, 10, 5 * time.Second},
		{1200, 5 * time.Minute, 4 * time.Minute, 2, time.Minute}, // as if a person read the plan
	} {
		t.Run(fmt.Sprintf("%d in %s, %s later", tt.limit, tt.window, tt.after), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDistant(t, emulator.Options{RateLimit: tt.limit, RateWindow: tt.window})
				s, err := create(t, d.api(t, cloudflareURL, oneToken), anAccount)
				if err != nil {
					t.Fatal(err)
				}
				time.Sleep(tt.after - 2*latency)
				took := run(updates, parallelism, func(int) { s.update(t) })
				ideal := tt.first + time.Duration(tt.waits-1)*tt.window
				t.Logf("took %s; %.1f %% of the ideal, %s", took, 100*ideal.Seconds()/took.Seconds(), ideal)
				if d.busy.Load() > 0 {
					t.Errorf("%d requests were refused", d.busy.Load())
				}
				// The last window's requests are sent after the last wait.
				if rest := latency * time.Duration(tt.limit) / parallelism; took-rest > ideal*100/97 {
					t.Errorf("took %s, want at most %s and %s for the last requests", took, ideal*100/97, rest)
				}
			})
		})
	}
}

// 400 updates are far below the limit: none of them waits.
func TestUpdatesWithinTheLimit(t *testing.T) {
	const updates, parallelism = 400, 8
	synctest.Test(t, func(t *testing.T) {
		d := newDistant(t, emulator.Options{})
		s, err := create(t, d.api(t, cloudflareURL, oneToken), anAccount)
		if err != nil {
			t.Fatal(err)
		}
		took := run(updates, parallelism, func(int) { s.update(t) })
		if want := latency * updates / parallelism; took != want || d.busy.Load() > 0 {
			t.Errorf("took %s, want %s; %d requests were refused", took, want, d.busy.Load())
		}
	})
}

// 1,000 accounts with a token each send more than one token may, without a wait; together
// they keep to what Cloudflare allows one address: 200 requests a second.
func TestAccountsWithTokens(t *testing.T) {
	const accounts, parallelism = 1000, 50
	for base, slowest := range map[string]time.Duration{
		loopbackURL:   latency * (1 + 3*accounts/parallelism), // the first request is alone: this transport does not report connections
		cloudflareURL: 3 * accounts / 200 * (time.Second + latency),
	} {
		t.Run(base, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDistant(t, emulator.Options{})
				api := d.api(t, base, func(a planner.AccountID) string { return "token-of-" + string(a) })
				took := updateAll(t, api, accounts, 3, parallelism)
				if took > slowest || d.busy.Load() > 0 {
					t.Errorf("took %s, want at most %s; %d requests were refused", took, slowest, d.busy.Load())
				}
			})
		})
	}
}

// Accounts with the same token share its limit.
func TestAccountsWithOneToken(t *testing.T) {
	const accounts, limit, window = 10, 100, time.Minute
	synctest.Test(t, func(t *testing.T) {
		d := newDistant(t, emulator.Options{RateLimit: limit, RateWindow: window})
		api := d.api(t, cloudflareURL, oneToken)
		took := updateAll(t, api, accounts, 30, accounts)
		if requests := 30 * accounts; took < 2*window || took > 2*window+10*time.Second || d.busy.Load() > 0 {
			t.Errorf("%d requests took %s at %d in %s; %d were refused", requests, took, limit, window, d.busy.Load())
		}
	})
}

// If Cloudflare counts the tokens of one user together, their headers show it.
func TestTokensOfOneUser(t *testing.T) {
	const accounts, limit, window = 20, 400, time.Minute
	synctest.Test(t, func(t *testing.T) {
		d := newDistant(t, emulator.Options{RateLimit: limit, RateWindow: window, RateLimitPerUser: true})
		api := d.api(t, cloudflareURL, func(a planner.AccountID) string { return "token-of-" + string(a) })
		took := updateAll(t, api, accounts, 100, accounts)
		if requests := 100 * accounts; took > 5*window+10*time.Second || d.busy.Load() > 0 {
			t.Errorf("%d requests took %s at %d in %s; %d were refused", requests, took, limit, window, d.busy.Load())
		}
	})
}

// run calls f n times in parallel, and returns how long that took.
func run(n, parallelism int, f func(i int)) time.Duration {
	start := time.Now()
	var next atomic.Int64
	var group sync.WaitGroup
	for range parallelism {
		group.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				f(i)
			}
		})
	}
	group.Wait()
	return time.Since(start)
}
