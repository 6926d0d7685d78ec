package cloudflare

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Pace holds requests back. Clients that use one user's tokens share one, since
// Cloudflare counts all requests of a user together.
type Pace struct {
	limiter   *rate.Limiter
	mu        sync.Mutex
	notBefore time.Time // Cloudflare wants no request before
}

// NewPace keeps to Cloudflare's 1,200 requests in any 5 minutes
// (CLOUDFLARE_API.md 7): 200 at once, and 1,000 more spread over the time.
func NewPace() *Pace { return &Pace{limiter: rate.NewLimiter(1000.0/300, 200)} }

// longWait is the shortest wait that is told of.
const longWait = 500 * time.Millisecond

// Wait is a pause before a request.
type Wait struct {
	// Reason is why, in words that hold nothing of an answer's text.
	Reason string
	Delay  time.Duration
	// Attempt counts the attempts made so far; it is 0 where the pause only keeps
	// to the rate limit.
	Attempt int
}

// pace waits until the rate limit has room, and for as long as Cloudflare asked
// every request to.
func (c *Client) pace(ctx context.Context) error {
	c.paced.mu.Lock()
	held := time.Until(c.paced.notBefore)
	c.paced.mu.Unlock()
	r := c.paced.limiter.Reserve()
	err := c.pause(ctx, Wait{Reason: "keeping to Cloudflare's rate limit", Delay: max(held, r.Delay())})
	if err != nil {
		r.Cancel()
	}
	return err
}

// heed holds back all requests under this pace where an answer asks for it, be it
// that one of them was throttled or that the next one would be.
func (c *Client) heed(a *answer) {
	d := min(exhausted(a.header.Get("Ratelimit")), maxRetryAfter)
	if asked := a.retryAfter(); asked <= maxRetryAfter {
		d = max(d, asked)
	}
	c.paced.mu.Lock()
	defer c.paced.mu.Unlock()
	if t := time.Now().Add(d); t.After(c.paced.notBefore) {
		c.paced.notBefore = t
	}
}

// exhausted reads a header like `"default";r=0;t=30`: the longest t of a policy
// with nothing remaining (CLOUDFLARE_API.md 7).
func exhausted(header string) time.Duration {
	var wait time.Duration
	for policy := range strings.SplitSeq(header, ",") {
		fields := map[string]string{}
		for field := range strings.SplitSeq(policy, ";") {
			key, value, _ := strings.Cut(strings.TrimSpace(field), "=")
			fields[key] = value
		}
		seconds, err := strconv.ParseUint(fields["t"], 10, 32)
		if err == nil && fields["r"] == "0" {
			wait = max(wait, time.Duration(seconds)*time.Second)
		}
	}
	return wait
}

// pause waits, and hears ctx meanwhile.
func (c *Client) pause(ctx context.Context, w Wait) error {
	if ctx.Err() != nil || w.Delay <= 0 {
		return ctx.Err()
	}
	if w.Delay >= longWait {
		c.log.DebugContext(ctx, "waiting", "reason", w.Reason, "delay", w.Delay, "attempt", w.Attempt)
		if c.onWait != nil {
			c.onWait(w)
		}
	}
	t := time.NewTimer(w.Delay)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
