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
}

// clockLimit is the largest offset that is believed. An offset below planner.DateNoise may
// come from rounding and delay, and counts as none.
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

// update reads the time from the header of an answer that has just arrived.
func (c *Clock) update(header http.Header) {
	date, err := http.ParseTime(header.Get("Date"))
	if c == nil || err != nil {
		return
	}
	offset := time.Until(date.Add(time.Second / 2)).Round(time.Second / 10)
	switch {
	case offset.Abs() > clockLimit:
		return
	case offset.Abs() < planner.DateNoise:
		offset = 0
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.offset = offset
}
