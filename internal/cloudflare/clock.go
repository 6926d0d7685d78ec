package cloudflare

import (
	"net/http"
	"sync"
	"time"

	"github.com/secretsync/secretsync/planner"
)

// Clock is Cloudflare's clock, read from the Date headers of its answers. The creation times
// of secrets can be compared with it even if the clock of this machine is wrong. The zero
// Clock is ready for use, and is the machine's clock until the first answer. Clients may
// share a Clock.
type Clock struct {
	mu     sync.Mutex
	offset time.Duration
	skew   time.Duration // as measured
	read   bool          // an answer had a Date
}

// clockLimit is the largest offset that is believed. An offset below planner.DateNoise may
// come from rounding and delay, and is ignored.
const clockLimit = 366 * 24 * time.Hour

// Now returns Cloudflare's time. For a nil Clock it is the machine's.
func (c *Clock) Now() time.Time {
	if c == nil {
		return time.Now()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.offset)
}

// Skew returns how far Cloudflare's clock is ahead of this machine's, to within some seconds, even
// if that is more than Now believes. It is not known until an answer has said the time.
func (c *Clock) Skew() (skew time.Duration, known bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.skew, c.read
}

// update reads the time from the header of an answer that has just arrived.
func (c *Clock) update(header http.Header) {
	date, err := http.ParseTime(header.Get("Date"))
	if c == nil || err != nil {
		return
	}
	offset := time.Until(date.Add(time.Second / 2)).Round(time.Second / 10)
	if offset.Abs() < planner.DateNoise {
		offset = 0
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.skew, c.read = offset, true
	if offset.Abs() <= clockLimit {
		c.offset = offset
	}
}
