package cloudflare

import (
	"context"
	"time"

	"github.com/secretsync/secretsync/internal/cloudflare/pace"
	"github.com/secretsync/secretsync/internal/pause"
)

// longWait is the shortest wait that is logged and passed to OnWait.
const longWait = 500 * time.Millisecond

// Wait is a pause before a request.
type Wait struct {
	// Reason says why, without any text of an answer.
	Reason string
	Delay  time.Duration
	// Attempt is the number of attempts so far; 0 if the wait only keeps to the rate limit.
	Attempt int
	// RateLimit says that all requests of the token wait, until the rate limit allows more.
	RateLimit bool
}

// pace waits until a request may be sent.
func (c *Client) pace(ctx context.Context) (pace.Ticket, error) {
	for ctx.Err() == nil {
		t, wait, answer := c.paced.Take()
		switch {
		case answer != nil:
			forAnswer(ctx, answer, wait)
		case wait > 0:
			_ = c.pause(ctx, Wait{Reason: "keeping to Cloudflare's rate limit", Delay: wait, RateLimit: true})
		default:
			return t, nil
		}
	}
	return pace.Ticket{}, ctx.Err()
}

// forAnswer waits for an answer, but no longer than atMost.
func forAnswer(ctx context.Context, answer <-chan struct{}, atMost time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, atMost)
	defer cancel()
	select {
	case <-answer:
	case <-ctx.Done():
	}
}

// pause waits, at most until ctx ends.
func (c *Client) pause(ctx context.Context, w Wait) error {
	if ctx.Err() != nil || w.Delay <= 0 {
		return ctx.Err()
	}
	if w.Delay >= longWait {
		c.log.DebugContext(ctx, "waiting", "reason", w.Reason, "delay", w.Delay, "attempt", w.Attempt)
		if c.onWait != nil && (!w.RateLimit || c.paced.Announce(w.Delay)) {
			c.onWait(w)
		}
	}
	return pause.For(ctx, w.Delay)
}
