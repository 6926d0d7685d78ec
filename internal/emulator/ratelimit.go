package emulator

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// limiter counts the requests of one token or user. A window allows a fixed number of
// requests; exceeding it blocks the token for the length of a window
// (docs/cloudflare-api.md §7).
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

// limiterOf returns the limiter that counts a credential's requests.
func (s *Server) limiterOf(credential string) *limiter {
	key := sha256.Sum256([]byte(credential)) // tokens are stored nowhere
	if s.opts.RateLimitPerUser {
		key = [sha256.Size]byte{}
	}
	l := s.limiters[key]
	if l == nil {
		l = &limiter{quota: s.opts.RateLimit, window: s.opts.RateWindow}
		s.limiters[key] = l
	}
	return l
}

// rate counts a request and sets the headers that every response has.
func (s *Server) rate(r *http.Request, h http.Header) (wait time.Duration) {
	if s.opts.RateLimit < 0 {
		return 0
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.limiterOf(credential(r))
	now := s.opts.Now()
	wait = l.take(now)
	h.Set("Ratelimit", fmt.Sprintf(`"default";r=%d;t=%s`, max(l.quota-l.used, 0), seconds(l.ends.Sub(now))))
	h.Set("Ratelimit-Policy", fmt.Sprintf(`"default";q=%d;w=%s`, l.quota, seconds(l.window)))
	return wait
}

// seconds rounds up, so that a client that waits this long has waited long enough.
func seconds(d time.Duration) string {
	return strconv.FormatInt(int64((d+time.Second-1)/time.Second), 10)
}
