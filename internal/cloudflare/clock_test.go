package cloudflare

import (
	"net/http"
	"testing"
	"time"
)

func TestClock(t *testing.T) {
	for _, tt := range []struct {
		ahead time.Duration // how far Cloudflare's clock is ahead of ours
		want  time.Duration
	}{{0, 0}, {time.Second, 0}, {-2 * time.Second, 0}, {5 * time.Minute, 5 * time.Minute}, {-15 * time.Minute, -15 * time.Minute}, {20000 * time.Hour, 0}} {
		var c Clock
		if _, known := c.Skew(); known {
			t.Error("the skew is known without an answer")
		}
		c.update(http.Header{"Date": {time.Now().Add(tt.ahead).UTC().Format(http.TimeFormat)}})
		c.update(http.Header{"Date": {"yesterday"}})
		c.update(nil)
		if d := time.Until(c.Now()) - tt.want; d.Abs() > 2*time.Second {
			t.Errorf("a clock %s ahead: it is off by %s", tt.ahead, d)
		}
		if skew, known := c.Skew(); !known || (skew-tt.ahead).Abs() > 3*time.Second {
			t.Errorf("a clock %s ahead: the skew is %s, %v", tt.ahead, skew, known)
		}
	}
	var none *Clock
	none.update(http.Header{"Date": {time.Now().Add(time.Hour).UTC().Format(http.TimeFormat)}})
	if d := time.Until(none.Now()); d.Abs() > time.Minute {
		t.Errorf("no clock is off by %s", d)
	}
}
