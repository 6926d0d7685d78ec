package cloudflare

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"github.com/secretsync/secretsync/applier"
	"github.com/secretsync/secretsync/internal/cloudflare/pace"
)

// How often a request is tried, and the first pause. Each pause is twice the one before.
const (
	throttledTries  = 12 // over 5 minutes, as long as a block lasts (docs/cloudflare-api.md §7)
	retryAfterTries = 8  // if each answer says how long to wait
	throttledPause  = time.Second
	failedTries     = 4
	newTokenTries   = 2 // of a refused token that was not accepted yet in this run: it may simply be wrong
	failedPause     = 500 * time.Millisecond
	maxPause        = time.Minute
)

// verdict says what an answer means for a retry.
type verdict int

const (
	// done and refused are final.
	done verdict = iota + 1
	refused
	// throttled, denied and unsent changed nothing, whatever the method. Denied is an
	// authentication error that also valid tokens get now and then (docs/cloudflare-api.md §6).
	throttled
	denied
	unsent
	// unclear may have changed something.
	unclear
)

// verdict judges an answer (docs/cloudflare-api.md §6, §7).
func (a *answer) verdict() verdict {
	switch {
	case a.final:
		return refused
	case a.unsent:
		return unsent
	case a.status == http.StatusTooManyRequests || a.refusedWith(codeThrottled):
		return throttled
	case a.status == 0, a.status == http.StatusRequestTimeout, a.status >= 500, a.refusedWith(codeInternal):
		return unclear
	case a.status == http.StatusForbidden && a.refusedWith(codeAuthenticate):
		return denied
	case a.status < 200, a.status >= 300, a.refuses():
		return refused
	case !a.read:
		return unclear
	}
	return done
}

// do sends a request, and retries it if that can do no harm. It is the only retry policy.
// It wipes the request's body at the end.
func (c *Client) do(ctx context.Context, r *request) error {
	if r.body != nil {
		defer r.body.wipe()
	}
	if r.built == nil {
		return fmt.Errorf("%s: the request could not be built: %w", r.op, r.err)
	}
	e := &Error{Op: r.op, Method: r.built.Method, permission: r.permission}
	sent := time.Now()
	tries := map[verdict]int{}
	for {
		t, err := c.admit(ctx, r, sent)
		if err != nil {
			return e.interrupted(err)
		}
		sent = time.Now()
		a := c.attempt(ctx, r)
		c.slots.Release()
		c.paced.Answered(t, a.header)
		v := a.verdict()
		e.note(a, c.worked.Load())
		e.unknown = e.unknown || v == unclear && r.writes()
		switch err := ctx.Err(); {
		case v == done:
			c.worked.Store(true)
			return nil
		case v == refused:
			return e
		case err != nil:
			return e.interrupted(err)
		}
		tries[v]++
		delay, ok := r.again(v, tries[v], a.retryAfter(), c.worked.Load())
		if !ok {
			return e
		}
		if v == throttled { // other requests would be throttled too
			c.paced.Hold(delay)
		}
		reason := e.what
		if v == denied {
			reason = "Cloudflare refused the API token, as it now and then does with a valid one"
		}
		if err := c.pause(ctx, Wait{Reason: reason, Delay: delay, Attempt: e.Attempts, RateLimit: v == throttled}); err != nil {
			return e.interrupted(err)
		}
	}
}

// admit waits until a request may be sent, and acquires its slot. If it waited long since it
// was asked for, or was last sent, admit calls beforeSend. It asks last whether a request may write.
func (c *Client) admit(ctx context.Context, r *request, asked time.Time) (pace.Ticket, error) {
	t, err := c.pace(ctx)
	if err != nil {
		return t, err
	}
	if err = c.slots.Acquire(ctx); err == nil {
		if err = c.ready(r, asked); err != nil {
			c.slots.Release()
		}
	}
	if err != nil {
		c.paced.Unused()
		return pace.Ticket{}, err
	}
	return t, nil
}

// ready runs the checks that have to pass right before a request is sent.
func (c *Client) ready(r *request, asked time.Time) error {
	if r.beforeSend != nil && time.Since(asked) >= applier.ResendAfter {
		if err := r.beforeSend(); err != nil {
			return err
		}
	}
	if c.mayWrite != nil && r.writes() {
		if err := c.mayWrite(); err != nil {
			return forbidden{err}
		}
	}
	return nil
}

// forbidden is the error of [Client.CheckWrites].
type forbidden struct{ error }

// again returns whether to try again after the n-th answer of a kind, and the pause before.
// worked reports whether the token was accepted before in this run.
func (r *request) again(v verdict, n int, retryAfter time.Duration, worked bool) (time.Duration, bool) {
	switch {
	case v == throttled && retryAfter > 0:
		return retryAfter, n < retryAfterTries && retryAfter <= pace.MaxPeriod
	case v == throttled:
		return backoff(throttledPause, n), n < throttledTries
	case v == denied && (!worked || r.permission != ""): // or it may lack that permission only
		return backoff(failedPause, n), n < newTokenTries
	case v == unclear && r.built.Method == http.MethodPost && r.writes():
		return 0, false // a retry could create a second time, or conflict with the first (docs/cloudflare-api.md §10.13)
	}
	return backoff(failedPause, n), n < failedTries
}

// backoff returns the n-th pause. It is longer by a random part of up to a half, so that
// clients which failed together do not retry together.
func backoff(first time.Duration, n int) time.Duration {
	d := min(first<<(n-1), maxPause)
	return d + rand.N(d/2)
}

// retryAfter reads the Retry-After header of a throttled answer in both its forms (RFC 9110,
// 10.2.3). It returns zero if there is none or its time has passed.
func (a *answer) retryAfter() time.Duration {
	if a.verdict() != throttled {
		return 0
	}
	text := a.header.Get("Retry-After")
	if seconds, err := strconv.ParseUint(text, 10, 32); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if t, err := http.ParseTime(text); err == nil {
		now, err := http.ParseTime(a.header.Get("Date"))
		if err != nil {
			now = time.Now()
		}
		return max(0, t.Sub(now))
	}
	return 0
}
