// Package ratelimit counts requests as Cloudflare does (docs/cloudflare-api.md §7).
package ratelimit

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// Limits count the requests of each token, or of all tokens of a user together.
type Limits struct {
	// Quota is the number of requests in a window. It is negative for no limit.
	Quota  int
	Window time.Duration
	// PerUser treats all tokens as one user's.
	PerUser bool

	mu       sync.Mutex
	limiters map[[sha256.Size]byte]*limiter // by a digest of the credential: tokens are stored nowhere
}

// Count counts a request and sets the headers that every response has. If the limit is exceeded, it
// returns how long the client has to wait.
func (l *Limits) Count(credential string, now time.Time, h http.Header) (wait time.Duration) {
	if l.Quota < 0 {
		return 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	one := l.of(credential)
	wait = one.take(now)
	h.Set("Ratelimit", fmt.Sprintf(`"default";r=%d;t=%s`, max(one.quota-one.used, 0), Seconds(one.ends.Sub(now))))
	h.Set("Ratelimit-Policy", fmt.Sprintf(`"default";q=%d;w=%s`, one.quota, Seconds(one.window)))
	return wait
}

// of returns the limiter that counts a credential's requests.
func (l *Limits) of(credential string) *limiter {
	key := sha256.Sum256([]byte(credential))
	if l.PerUser {
		key = [sha256.Size]byte{}
	}
	one := l.limiters[key]
	if one == nil {
		one = &limiter{quota: l.Quota, window: l.Window}
		if l.limiters == nil {
			l.limiters = map[[sha256.Size]byte]*limiter{}
		}
		l.limiters[key] = one
	}
	return one
}

// limiter counts the requests of one token or user. A window allows a fixed number of
// requests; exceeding it blocks the token for the length of a window.
type limiter struct {
	quota  int
	window time.Duration
	used   int
	ends   time.Time // the end of the window or of the block
}

// take counts a request. If the limit is exceeded, it returns how long the client has to
// wait.
func (l *limiter) take(now time.Time) time.Duration {
	if !now.Before(l.ends) {
		l.used, l.ends = 0, now.Add(l.window)
	}
	l.used++
	if l.used == l.quota+1 {
		l.ends = now.Add(l.window)
	}
	if l.used > l.quota {
		return l.ends.Sub(now)
	}
	return 0
}

// Seconds rounds up, so that a client that waits this long has waited long enough.
func Seconds(d time.Duration) string {
	return strconv.FormatInt(int64((d+time.Second-1)/time.Second), 10)
}
