package pace

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"sync"
	"time"
)

// Cloudflare's rate limits (docs/cloudflare-api.md §7).
const (
	TokenLimit    = 1200
	TokenWindow   = 5 * time.Minute
	AddressLimit  = 200
	AddressWindow = time.Second
)

// Paces has a [Pace] for each API token of a process. They keep together to the limit for
// the requests of one IP address. It is safe for concurrent use.
type Paces struct {
	address *address
	key     [sha256.Size]byte
	mu      sync.Mutex
	paces   map[[sha256.Size]byte]*Pace // by a keyed digest of the token, which could be printed
}

// address counts the requests of one IP address. A nil address has no limit.
type address struct {
	mu     sync.Mutex
	window window
}

// NewPaces returns the paces for a process. A server on a loopback address knows no limit
// for the requests of one IP address.
func NewPaces(loopback bool) *Paces {
	p := &Paces{paces: map[[sha256.Size]byte]*Pace{}}
	rand.Read(p.key[:]) // never fails: crypto/rand ends the program instead
	if !loopback {
		p.address = &address{window: window{limit: AddressLimit, length: AddressWindow}}
	}
	return p
}

// For returns the pace of a token. Accounts with the same token share it.
func (p *Paces) For(token string) *Pace {
	mac := hmac.New(sha256.New, p.key[:])
	mac.Write([]byte(token))
	key := [sha256.Size]byte(mac.Sum(nil))
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.paces[key] == nil {
		one := New(TokenLimit, TokenWindow)
		one.address = p.address
		p.paces[key] = one
	}
	return p.paces[key]
}

// take counts a request as sent, or returns how long to wait before trying again.
func (a *address) take(now time.Time) time.Duration {
	if a == nil {
		return 0
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if wait := a.window.wait(now); wait > 0 {
		return wait
	}
	a.window.inFlight++
	return 0
}

// done counts a request as answered.
func (a *address) done(now time.Time) {
	if a != nil {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.window.done(now)
	}
}

// unused takes back a request that was not sent.
func (a *address) unused() {
	if a != nil {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.window.inFlight--
	}
}
