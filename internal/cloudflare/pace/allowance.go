package pace

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// MaxPeriod is the longest wait that an answer may ask for: Cloudflare's
// block lasts up to 5 minutes (docs/cloudflare-api.md §7).
const MaxPeriod = 5 * time.Minute

// allowance is what one of Cloudflare's rate limit policies still allows, by the answers.
type allowance struct {
	quota  int           // requests in a period
	period time.Duration // at most MaxPeriod
	left   int           // how many more requests, not counting those in flight
	said   time.Time     // when the last answer came
	until  time.Time     // when the period has ended at the latest
	probed time.Time     // when a request was last sent to learn what the next period allows
	ours   extent        // what the period has for this process; see Pace.learn
	shared bool          // others use it too
	slides bool          // the period has no fixed end, since requests stop counting one by one
}

// extent bounds a number that is not known exactly.
type extent struct{ atLeast, atMost int }

// usable returns how many requests may be in flight. If others use the allowance too, its last
// tenth is left for what they have in flight: to exceed it would block all of them for 5
// minutes.
func (a *allowance) usable() int {
	if a.shared {
		return a.left - a.quota/10
	}
	return a.left
}

// rounding is by how much a header may understate a time, since it gives whole seconds
// and may round down.
const rounding = time.Second

// samePeriod is the largest difference between two reports of the same period's end.
const samePeriod = 3 * time.Second

// maxPolicies bounds how many policies of an answer are read. Cloudflare has one or two.
const maxPolicies = 8

// allowances reads the headers Ratelimit, like `"default";r=50;t=30`: how many requests a
// policy still allows, and the seconds until its next period; and Ratelimit-Policy, like
// `"default";q=1200;w=300`: its quota and its period in seconds (docs/cloudflare-api.md §7).
// A policy whose numbers are missing or wrong is left out.
func allowances(h http.Header, now time.Time) map[string]allowance {
	all := map[string]allowance{}
	policies := items(h.Values("Ratelimit-Policy"))
	for name, p := range items(h.Values("Ratelimit")) {
		left, known := p.number("r")
		t, timed := p.number("t")
		if !known || !timed {
			continue
		}
		a := allowance{left: left, said: now, quota: TokenLimit, period: MaxPeriod}
		if q, ok := policies[name].number("q"); ok {
			a.quota = min(q, TokenLimit)
		}
		if w, ok := policies[name].number("w"); ok && w > 0 {
			a.period = min(seconds(w), MaxPeriod)
		}
		wait := min(seconds(t), MaxPeriod) // longer than a period in a block
		a.until = now.Add(max(wait, min(wait+rounding, a.period)))
		all[name] = a
	}
	return all
}

// parameters are the parameters of one item of a list in a header, by name.
type parameters map[string]string

// items reads a header like `"a";r=1;t=2, "b";r=3;t=4`.
func items(values []string) map[string]parameters {
	all := map[string]parameters{}
	for text := range strings.SplitSeq(strings.Join(values, ","), ",") {
		if len(all) == maxPolicies {
			break
		}
		name, rest, _ := strings.Cut(strings.TrimSpace(text), ";")
		all[name] = parameters{}
		for field := range strings.SplitSeq(rest, ";") {
			key, value, _ := strings.Cut(strings.TrimSpace(field), "=")
			all[name][key] = value
		}
	}
	return all
}

// number returns a parameter that is a number of at most 31 bits.
func (p parameters) number(key string) (int, bool) {
	n, err := strconv.ParseUint(p[key], 10, 31)
	return int(n), err == nil
}

func seconds(n int) time.Duration { return time.Duration(n) * time.Second }

// update adds a later answer, to a request that was sent at the given time. Answers may
// arrive out of order, and end one period at slightly different times.
func (a *allowance) update(b allowance, sent time.Time) {
	near := min(samePeriod, b.period/2)
	later := b.until.Sub(a.until)
	overlap := sent.Before(a.said) // which of the two was counted first is unknown
	b.shared, b.slides = a.shared, a.slides
	switch {
	case !b.said.Before(a.until), later >= near: // another period
		*a = b
		return
	case later <= -near && overlap: // late, and of the period before
		return
	}
	a.shared = a.shared || b.ours.atMost < a.ours.atLeast
	a.slides = a.slides || b.ours.atLeast > a.ours.atMost
	a.ours = extent{max(a.ours.atLeast, b.ours.atLeast), min(a.ours.atMost, b.ours.atMost)}
	if overlap {
		b.left = min(a.left, b.left)
	}
	a.left, a.said = b.left, b.said
	if b.until.After(a.until) == a.slides {
		a.until = b.until
	}
}
