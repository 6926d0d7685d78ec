package cloudflare

import (
	"context"
	"strconv"
	"strings"
	"time"

	"golang.org/x/time/rate"
)

// NewLimiter keeps to Cloudflare's 1,200 requests in any 5 minutes
// (CLOUDFLARE_API.md 7): 200 at once, and 1,000 more spread over the time.
func NewLimiter() *rate.Limiter { return rate.NewLimiter(1000.0/300, 200) }

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
	c.mu.Lock()
	held := time.Until(c.notBefore)
	c.mu.Unlock()
	r := c.limiter.Reserve()
	err := c.pause(ctx, Wait{Reason: "keeping to Cloudflare's rate limit", Delay: max(held, r.Delay())})
	if err != nil {
		r.Cancel()
	}
	return err
}

// heed holds back all requests of this client where an answer asks for it, be it
// that one of them was throttled or that the next one would be.
func (c *Client) heed(a *answer) {
	d := min(exhausted(a.header.Get("Ratelimit")), maxRetryAfter)
	if asked := a.retryAfter(); asked <= maxRetryAfter {
		d = max(d, asked)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if t := time.Now().Add(d); t.After(c.notBefore) {
		c.notBefore = t
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
