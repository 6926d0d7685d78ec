package emulator

import (
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// limiter counts requests as Cloudflare does: per user, for all tokens together. A window
// allows a fixed number of requests; exceeding it blocks the user for the length of a
// window (docs/cloudflare-api.md §7).
type limiter struct {
	quota  int // negative: no limit
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

// rate counts a request and sets the headers that every response has.
func (s *Server) rate(h http.Header) (wait time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := &s.limiter
	if l.quota < 0 {
		return 0
	}
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
