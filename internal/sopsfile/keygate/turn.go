package keygate

import (
	"context"
	"sync"
	"time"
)

// turn admits one use of a key on this machine at a time. Files are decrypted side by side, but
// a key that asks for a passphrase or a touch must not ask twice at once. Key servers need no
// turn.
type turn chan struct{}

// take waits for the turn. It passes on when release is called, or else when ctx ends: SOPS may go
// on without end, and the other files must not wait for it. The clock is stopped meanwhile; it may
// be nil.
func (t turn) take(ctx context.Context, c *Clock) (release func(), err error) {
	c.Stop()
	defer c.resume()
	select {
	case t <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	release = sync.OnceFunc(func() { <-t })
	context.AfterFunc(ctx, release)
	return release, nil
}

// Clock is the time limit of a decryption. It stops while the decryption waits for its turn,
// since that depends on other files and on how fast a person answers prompts for them.
type Clock struct {
	timer *time.Timer
	left  time.Duration
	since time.Time
}

// StartClock calls over when the time has passed.
func StartClock(limit time.Duration, over func()) *Clock {
	return &Clock{timer: time.AfterFunc(limit, over), left: limit, since: time.Now()}
}

// Stop stops the clock: the function of [StartClock] is not called.
func (c *Clock) Stop() {
	if c != nil && c.timer.Stop() {
		c.left -= time.Since(c.since)
	}
}

// resume continues a stopped clock.
func (c *Clock) resume() {
	if c != nil {
		c.since = time.Now()
		c.timer.Reset(max(c.left, 0))
	}
}
