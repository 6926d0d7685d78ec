package cloudflare

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/secretsync/secretsync/internal/pause"
	"golang.org/x/time/rate"
)

// Pace delays requests to keep to the rate limit. Clients that use tokens of the same user
// share one, since Cloudflare counts all requests of a user together.
type Pace struct {
	limiter    *rate.Limiter
	mu         sync.Mutex
	notBefore  time.Time // no request may be sent before
	inFlight   int       // requests sent and not answered
	allowances map[string]allowance
}

// allowance is what one of Cloudflare's rate limit policies still allows, by an answer.
type allowance struct {
	left  int       // how many more requests, not counting those in flight
	said  time.Time // when the answer came
	until time.Time // when all are allowed again
}

// NewPace keeps to Cloudflare's 1,200 requests in any 5 minutes
// (docs/cloudflare-api.md §7): 200 at once, and 1,000 more spread over the time.
func NewPace() *Pace { return &Pace{limiter: rate.NewLimiter(1000.0/300, 200)} }

// samePeriod is how far apart two answers may put the end of one period, since they give it
// in whole seconds.
const samePeriod = 3 * time.Second

// answerPause is the pause between checks whether a request in flight was answered.
const answerPause = 20 * time.Millisecond

// take reserves one request, or returns how long to wait before trying again.
func (p *Pace) take() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	wait := p.notBefore.Sub(now)
	for name, a := range p.allowances {
		switch left := a.until.Sub(now); {
		case left <= 0:
			delete(p.allowances, name)
		case a.left == 0:
			wait = max(wait, left)
		case a.left <= p.inFlight: // those in flight may be counted already
			wait = max(wait, answerPause)
		}
	}
	if wait > 0 {
		return wait
	}
	p.inFlight++
	return 0
}

// answered records that a request was answered, and what the answer's Ratelimit header
// still allows. sent is when the request was sent.
func (p *Pace) answered(sent time.Time, header string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.inFlight--
	now := time.Now()
	for name, a := range allowed(header, now) {
		// Answers may arrive out of order. Of requests that were in flight together, the one
		// that leaves less was counted later, unless a new period has begun since.
		if old := p.allowances[name]; now.Before(old.until) && !sent.After(old.said) && a.until.Sub(old.until) < samePeriod {
			a.left, a.until = min(a.left, old.left), old.until
		}
		if p.allowances == nil {
			p.allowances = map[string]allowance{}
		}
		p.allowances[name] = a
	}
}

// hold delays all requests.
func (p *Pace) hold(wait time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.notBefore = later(p.notBefore, time.Now().Add(wait))
}

// longWait is the shortest wait that is logged and passed to OnWait.
const longWait = 500 * time.Millisecond

// Wait is a pause before a request.
type Wait struct {
	// Reason says why, without any text of an answer.
	Reason string
	Delay  time.Duration
	// Attempt is the number of attempts so far; 0 if the wait only keeps to the rate limit.
	Attempt int
}

// pace waits until a request may be sent: by our own rate limit, by the last request to
// wait, and by what Cloudflare says that it still allows.
func (c *Client) pace(ctx context.Context) error {
	const reason = "keeping to Cloudflare's rate limit"
	r := c.paced.limiter.Reserve()
	err := c.pause(ctx, Wait{Reason: reason, Delay: r.Delay()})
	for err == nil {
		wait := c.paced.take()
		if wait <= 0 {
			return nil
		}
		err = c.pause(ctx, Wait{Reason: reason, Delay: wait})
	}
	r.Cancel()
	return err
}

// allowed reads a header like `"default";r=50;t=30`: how many requests a policy still
// allows, and the seconds until its next period (docs/cloudflare-api.md §7).
func allowed(header string, now time.Time) map[string]allowance {
	policies := map[string]allowance{}
	for policy := range strings.SplitSeq(header, ",") {
		name, rest, _ := strings.Cut(strings.TrimSpace(policy), ";")
		fields := map[string]string{}
		for field := range strings.SplitSeq(rest, ";") {
			key, value, _ := strings.Cut(strings.TrimSpace(field), "=")
			fields[key] = value
		}
		seconds, errT := strconv.ParseUint(fields["t"], 10, 32)
		left, errR := strconv.ParseUint(fields["r"], 10, 31)
		if errT == nil && errR == nil {
			wait := min(time.Duration(seconds)*time.Second, maxRetryAfter)
			policies[name] = allowance{left: int(left), said: now, until: now.Add(wait)}
		}
	}
	return policies
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// pause waits, at most until ctx ends.
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
	return pause.For(ctx, w.Delay)
}
