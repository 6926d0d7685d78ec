package report

import (
	"fmt"
	"time"
)

const day = 24 * time.Hour

// bucket is a bar of a chart, and a choice of a filter.
type bucket struct {
	// key is what rows and filters have in common.
	key, words string
	tone       tone
	// upTo is the longest time that it holds.
	upTo time.Duration
}

// ages are the ages of values.
var ages = []bucket{
	{"30d", "Up to 30 days", toneGood, 30 * day},
	{"90d", "31 to 90 days", toneGood, 90 * day},
	{"180d", "91 to 180 days", toneInfo, 180 * day},
	{"1y", "181 days to 1 year", toneInfo, 365 * day},
	{"2y", "1 to 2 years", toneWarn, 730 * day},
	{"older", "Over 2 years", toneWarn, 1<<63 - 1},
	unknownAge,
}

var unknownAge = bucket{key: "unknown", words: "Not known", tone: toneQuiet}

// dues are the times until values are due for rotation.
var dues = []bucket{
	overdue,
	{"7d", "Within 7 days", toneWarn, 7 * day},
	{"30d", "In 8 to 30 days", toneInfo, 30 * day},
	{"90d", "In 31 to 90 days", toneInfo, 90 * day},
	{"later", "Later", toneGood, 1<<63 - 1},
	notApplied,
	noPolicy,
}

var (
	overdue    = bucket{key: "overdue", words: "Overdue", tone: toneBad, upTo: -1}
	notApplied = bucket{key: "unapplied", words: "Not applied yet", tone: toneQuiet}
	noPolicy   = bucket{key: "none", words: "No rotation policy", tone: toneQuiet}
)

// first returns the first bucket that holds a time. The last ones of a list hold none.
func first(buckets []bucket, d time.Duration) bucket {
	for _, b := range buckets {
		if b.upTo > 0 && d <= b.upTo {
			return b
		}
	}
	return bucket{}
}

// age is the bucket of a value's age.
func (s *Secret) age(now time.Time) bucket {
	if s.Applied == nil {
		return unknownAge
	}
	return first(ages, now.Sub(*s.Applied))
}

// dueIn is the bucket of the time until a value is due.
func (s *Secret) dueIn(now time.Time) bucket {
	switch {
	case s.RotateAfterSeconds == 0:
		return noPolicy
	case s.Overdue:
		return overdue
	case s.Due == nil:
		return notApplied
	}
	return first(dues, s.Due.Sub(now))
}

// span is a time span for people: days, or hours below two of them.
func span(d time.Duration) string {
	switch {
	case d >= 2*day:
		return fmt.Sprintf("%d days", d/day)
	case d >= 2*time.Hour:
		return fmt.Sprintf("%d hours", d/time.Hour)
	case d >= 2*time.Minute:
		return fmt.Sprintf("%d minutes", d/time.Minute)
	}
	return "a minute"
}

// ago says how long ago a time was.
func ago(t, now time.Time) string {
	d := now.Sub(t)
	if d < time.Minute {
		return "just now"
	}
	return span(d) + " ago"
}

// until says when a time will be, or by how much it has passed.
func until(t, now time.Time) string {
	if d := t.Sub(now); d > 0 {
		return "in " + span(d)
	}
	return "overdue by " + span(now.Sub(t))
}
