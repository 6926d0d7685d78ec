package emulator_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/secretsync/secretsync/internal/emulator"
)

func TestRateLimit(t *testing.T) {
	clock := newClock()
	c, _ := newClient(t, emulator.Options{RateLimit: 2, RateWindow: time.Minute, RateLimitPerUser: true, Now: clock.now})
	for i, tt := range []struct {
		after      time.Duration
		status     int
		limit      string
		retryAfter string
	}{
		{0, 200, `"default";r=1;t=60`, ""},
		{20 * time.Second, 200, `"default";r=0;t=40`, ""},
		{20 * time.Second, 429, `"default";r=0;t=60`, "60"}, // one too many: blocked for a whole window from here
		{30 * time.Second, 429, `"default";r=0;t=30`, "30"}, // the first window would be over
		{29500 * time.Millisecond, 429, `"default";r=0;t=1`, "1"},
		{500 * time.Millisecond, 200, `"default";r=1;t=60`, ""},
		{time.Hour, 200, `"default";r=1;t=60`, ""},
	} {
		clock.add(tt.after)
		c.token = fmt.Sprint("token", i) // all tokens count together
		r := c.send("GET", "/quota", nil)
		if r.status != tt.status || r.header.Get("Ratelimit") != tt.limit || r.header.Get("Retry-After") != tt.retryAfter {
			t.Errorf("%d: %d %v, want %+v", i, r.status, r.header, tt)
		}
		if got := r.header.Get("Ratelimit-Policy"); got != `"default";q=2;w=60` {
			t.Errorf("%d: policy %s", i, got)
		}
		if tt.status == 429 && r.Errors[0].Code != 971 {
			t.Errorf("%d: %s", i, r.text)
		}
	}
}

func TestRateLimitPerToken(t *testing.T) {
	c, _ := newClient(t, emulator.Options{RateLimit: 2, Now: newClock().now})
	for i, want := range []int{200, 200, 429} {
		for _, c.token = range []string{"one", "two"} {
			if r := c.send("GET", "/quota", nil); r.status != want {
				t.Errorf("request %d of token %s: status %d, want %d", i, c.token, r.status, want)
			}
		}
	}
}

func TestRateLimitDefault(t *testing.T) {
	c, _ := newClient(t, emulator.Options{Now: newClock().now})
	for i := range 1201 {
		// Requests that fail count as well, and have the headers.
		r := c.send("GET", "/none", nil)
		if want := fmt.Sprintf(`"default";r=%d;t=300`, max(0, 1199-i)); r.header.Get("Ratelimit") != want {
			t.Fatalf("%d: %s, want %s", i, r.header.Get("Ratelimit"), want)
		}
		if (r.status == 429) != (i == 1200) {
			t.Fatalf("%d: status %d", i, r.status)
		}
	}
	c, _ = newClient(t, emulator.Options{Now: newClock().now, RateLimit: -1})
	for range 1300 {
		if r := c.send("GET", "/quota", nil); r.status != 200 || r.header.Get("Ratelimit") != "" {
			t.Fatalf("no limit, and yet %d %v", r.status, r.header)
		}
	}
}

func TestRefusedRequestChangesNothing(t *testing.T) {
	c, s := newClient(t, emulator.Options{RateLimit: 2, Now: newClock().now})
	id := c.newStore("prod")
	c.newSecret(id, "one", "1")
	c.refused("POST", "/stores/"+id+"/secrets", []any{item("two", "2")}, "429 971 Please wait and consider throttling your request speed")
	if s.HasValue(account, "prod", "two", []byte("2")) {
		t.Error("a request over the limit was handled")
	}
}
