// Package pace delays requests, so that they keep to Cloudflare's rate limits, and limits how many
// are under way at once.
package pace

import (
	"net/http"
	"sync"
	"time"
)

// Pace delays the requests of one API token to keep to its rate limit. Clients that use the
// same token share one; [Paces] has them.
//
// What the last answers' Ratelimit headers allow is sent at full speed: they know what other
// processes have used of the limit. Without such headers, Cloudflare's 1,200 requests in any
// 5 minutes are kept to. All times are differences on the monotonic clock.
type Pace struct {
	address    *address
	mu         sync.Mutex
	own        window    // the requests of this process
	done       int       // how many of them were answered so far
	notBefore  time.Time // no request may be sent before
	allowances map[string]*allowance
	changed    chan struct{} // closed by the next answer; nil if no request waits for it
	announced  time.Time     // when the last pause that was announced ends
}

// New returns the pace for a limit of requests in any window.
func New(limit int, length time.Duration) *Pace {
	return &Pace{own: window{limit: limit, length: length}, allowances: map[string]*allowance{}}
}

// Ticket is the permission to send a request.
type Ticket struct {
	at   time.Time // when it was granted
	done int       // how many requests had been answered then
}

// probeEvery is how often a request may ask what a new period allows, if none of them is
// answered.
const probeEvery = time.Second

// Take grants a request. Otherwise it returns how long to wait before trying again, and, if
// that may be sooner, a channel that is closed by the next answer.
func (p *Pace) Take() (t Ticket, wait time.Duration, answer <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	wait, pending, probes := p.allowed(now)
	wait = max(wait, p.notBefore.Sub(now))
	switch {
	case wait > 0:
		return Ticket{}, wait, nil
	case pending > 0:
		if p.changed == nil {
			p.changed = make(chan struct{})
		}
		return Ticket{}, pending, p.changed
	}
	if wait := p.address.take(now); wait > 0 {
		return Ticket{}, wait, nil
	}
	for _, a := range probes {
		a.probed = now
	}
	p.own.inFlight++
	return Ticket{now, p.done}, 0, nil
}

// allowed returns how long the rate limit delays the next request: for certain, or at most,
// if an answer may allow it earlier. probes are the allowances whose period is over, if that
// request is to learn what their next one allows.
func (p *Pace) allowed(now time.Time) (wait, pending time.Duration, probes []*allowance) {
	if len(p.allowances) == 0 {
		return p.own.wait(now), 0, nil
	}
	atMost := func(d time.Duration) {
		if pending == 0 || d < pending {
			pending = d
		}
	}
	for _, a := range p.allowances {
		left, ends, probe := a.usable(), a.until.Sub(now), a.probed.Add(probeEvery).Sub(now)
		switch {
		case left > p.own.inFlight: // those in flight may not be counted yet
		case ends > 0 && left <= 0:
			wait = max(wait, ends)
		case ends > 0:
			atMost(ends)
		case probe > 0:
			atMost(probe)
		default:
			probes = append(probes, a)
		}
	}
	return wait, pending, probes
}

// Answered records that a request was answered, or failed, and what the Ratelimit headers of
// its answer still allow.
func (p *Pace) Answered(t Ticket, h http.Header) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	p.address.done(now)
	p.own.done(now)
	p.done++
	told := allowances(h, now)
	for name, a := range p.allowances {
		switch _, ok := told[name]; {
		case ok:
		case now.Before(a.until):
			a.left = max(0, a.left-1) // it may have been counted
		default:
			delete(p.allowances, name)
		}
	}
	for name, b := range told {
		p.learn(name, b, t)
	}
	p.wake()
}

// learn adds what an answer says of a policy.
func (p *Pace) learn(name string, b allowance, t Ticket) {
	// Of the requests of this process, at least those answered before this one was sent were
	// counted in its number, and at most all that were sent. So the two sums bound what the
	// period has for this process. It gets less only if others use the limit, and more only if
	// earlier requests stop counting.
	b.ours = extent{atLeast: b.left + 1 + t.done, atMost: b.left + p.done + p.own.inFlight}
	if a := p.allowances[name]; a != nil {
		a.update(b, t.at)
	} else if len(p.allowances) < maxPolicies {
		p.allowances[name] = &b
	}
}

// Unused returns a ticket for which no request was sent.
func (p *Pace) Unused() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.address.unused()
	p.own.inFlight--
	p.wake()
}

// wake lets requests that wait for an answer try again.
func (p *Pace) wake() {
	if p.changed != nil {
		close(p.changed)
		p.changed = nil
	}
}

// Hold delays all requests.
func (p *Pace) Hold(wait time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if t := time.Now().Add(wait); t.After(p.notBefore) {
		p.notBefore = t
	}
}

// samePause is how far apart the ends of one pause may be.
const samePause = 500 * time.Millisecond

// Announce reports whether a pause is another one than the last for which it did. All requests
// wait through the same pause, which is worth telling once.
func (p *Pace) Announce(wait time.Duration) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	end := time.Now().Add(wait)
	if end.Before(p.announced.Add(samePause)) {
		return false
	}
	p.announced = end
	return true
}
