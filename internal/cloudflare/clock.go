package cloudflare

import (
	"net/http"
	"sync"
	"time"

	"github.com/secretsync/secretsync/planner"
)

// Clock is Cloudflare's time, as the Date headers of its answers tell it. What
// Cloudflare says of when a secret was made can be compared with it, whatever the
// clock of this machine shows. The zero Clock is ready for use, and goes by the
// machine until an answer has come; clients may share one.
type Clock struct {
	mu     sync.Mutex
	offset time.Duration
}

// A Date header counts whole seconds, and an answer takes its time to come. What is
// less than planner.DateNoise says nothing; what is more than clockLimit is no clock.
const clockLimit = 366 * 24 * time.Hour

// Now is the time at Cloudflare. A nil Clock goes by the machine.
func (c *Clock) Now() time.Time {
	if c == nil {
		return time.Now()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.offset)
}

// heed takes the time from an answer that has just come.
func (c *Clock) heed(header http.Header) {
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
