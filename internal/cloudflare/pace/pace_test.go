package pace

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// token is an API token.
const token = "token-of-the-tests"

// limits are the headers of an answer.
func limits(ratelimit string) http.Header {
	return http.Header{"Ratelimit": {ratelimit}, "Ratelimit-Policy": {`"default";q=1200;w=300`}}
}

// granted returns how many requests may be sent now.
func granted(p *Pace) int {
	for n := 0; ; n++ {
		if _, wait, _ := p.Take(); wait > 0 || n == 2*TokenLimit {
			return n
		}
	}
}

// A late answer from an earlier period says nothing about the next period, in whichever order the
// answers come.
func TestLateAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewPaces(true).For(token)
		late, _, _ := p.Take()
		next, _, _ := p.Take()
		time.Sleep(time.Second)
		p.Answered(next, limits(`"default";r=900;t=300`))
		p.Answered(late, limits(`"default";r=0;t=1`))
		if n := granted(p); n != 900 {
			t.Errorf("%d requests, want 900", n)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		p := NewPaces(true).For(token)
		late, _, _ := p.Take()
		next, _, _ := p.Take()
		p.Answered(late, limits(`"default";r=0;t=1`))
		time.Sleep(1500 * time.Millisecond)
		p.Answered(next, limits(`"default";r=900;t=300`))
		if n := granted(p); n != 900 {
			t.Errorf("%d requests, want 900", n)
		}
	})
}

// Answers without the header count as well, until the period is over; then our own window
// applies.
func TestHeadersThatStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewPaces(true).For(token)
		first, _, _ := p.Take()
		p.Answered(first, limits(`"default";r=10;t=20`))
		for range 4 {
			more, _, _ := p.Take()
			p.Answered(more, nil)
		}
		if n := granted(p); n != 6 {
			t.Errorf("%d requests, want the 6 of 10 that are left", n)
		}
		for range 6 {
			p.Answered(Ticket{at: time.Now()}, nil)
		}
		time.Sleep(21 * time.Second)
		probe, wait, _ := p.Take()
		if n := granted(p); wait > 0 || n != 0 {
			t.Errorf("%d requests besides the one that asks what is allowed", n)
		}
		p.Answered(probe, nil)
		if n := granted(p); n != TokenLimit-12 {
			t.Errorf("%d requests, want %d", n, TokenLimit-12)
		}
	})
}

// A request that is never answered does not keep others from the next period.
func TestStalledRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewPaces(true).For(token)
		first, _, _ := p.Take()
		_, _, _ = p.Take()
		p.Answered(first, limits(`"default";r=1;t=9`))
		if _, wait, changed := p.Take(); wait != 10*time.Second || changed == nil {
			t.Errorf("waits %s, want for an answer, at most 10 s", wait)
		}
		time.Sleep(10 * time.Second)
		if n := granted(p); n != 1 {
			t.Errorf("%d requests in the next period, want 1", n)
		}
		time.Sleep(probeEvery)
		if n := granted(p); n != 1 {
			t.Errorf("%d requests a second later, want 1", n)
		}
	})
}

// Names of policies come from the server: their number is bounded.
func TestManyPolicies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewPaces(true).For(token)
		for i := range 100 {
			next, _, _ := p.Take()
			p.Answered(next, limits(fmt.Sprintf(`"a%d";r=9;t=9,"b%d";r=9;t=9`, i, i)))
		}
		if len(p.allowances) != maxPolicies {
			t.Errorf("%d policies are kept", len(p.allowances))
		}
	})
}

// A request that was not sent after all does not count.
func TestUnusedTicket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewPaces(false).For(token)
		for range 3 * TokenLimit {
			if _, wait, _ := p.Take(); wait > 0 {
				t.Fatalf("waits %s", wait)
			}
			p.Unused()
		}
	})
}

// Tokens have a limit each, and one together for the address that they are used from.
func TestPaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for loopback, want := range map[bool]int{true: TokenLimit, false: AddressLimit} {
			paces := NewPaces(loopback)
			one, two := paces.For("one"), paces.For("two")
			if one == two || paces.For("one") != one {
				t.Error("a pace is not of one token")
			}
			if n := granted(one); n != want {
				t.Errorf("%d requests, want %d", n, want)
			}
			if n := granted(two); loopback != (n == want) {
				t.Errorf("%d requests of another token", n)
			}
		}
	})
	paces := NewPaces(true)
	var v any = []any{paces, *paces.For(token)}
	if text := fmt.Sprintf("%v %+v %#v %s %x", v, v, v, v, v); strings.Contains(text, token) || strings.Contains(text, fmt.Sprintf("%x", token)) {
		t.Error("the paces print the token")
	}
}
