package ratelimit

import (
	"net/http"
	"testing"
	"time"
)

// TestLimits: a window allows a number of requests, and one more blocks for the length of a window.
func TestLimits(t *testing.T) {
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	l := Limits{Quota: 2, Window: time.Minute}
	for i, c := range []struct {
		credential  string
		after, wait time.Duration
		header      string
	}{
		{"a", 0, 0, `"default";r=1;t=60`},
		{"a", 20 * time.Second, 0, `"default";r=0;t=40`},
		{"b", 20 * time.Second, 0, `"default";r=1;t=60`}, // a limit of its own
		{"a", 40 * time.Second, time.Minute, `"default";r=0;t=60`},
		{"a", 99500 * time.Millisecond, 500 * time.Millisecond, `"default";r=0;t=1`},
		{"a", 100 * time.Second, 0, `"default";r=1;t=60`},
	} {
		h := http.Header{}
		wait := l.Count(c.credential, start.Add(c.after), h)
		if wait != c.wait || h.Get("Ratelimit") != c.header || h.Get("Ratelimit-Policy") != `"default";q=2;w=60` {
			t.Errorf("%d: waits %s, %v; want %s, %s", i, wait, h, c.wait, c.header)
		}
	}
}

func TestKinds(t *testing.T) {
	user, none := Limits{Quota: 1, Window: time.Minute, PerUser: true}, Limits{Quota: -1}
	for i, credential := range []string{"a", "b"} {
		if wait := user.Count(credential, time.Time{}.Add(time.Hour), http.Header{}); (wait > 0) != (i == 1) {
			t.Errorf("token %s of the user waits %s", credential, wait)
		}
		h := http.Header{}
		if wait := none.Count("a", time.Time{}.Add(time.Hour), h); wait != 0 || len(h) != 0 {
			t.Errorf("without a limit: %s, %v", wait, h)
		}
	}
}
