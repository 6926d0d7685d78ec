package planner

import (
	"strings"
	"time"
)

// Modified is a time as Cloudflare writes it: RFC 3339, usually with microseconds. It is kept
// as text, so that a lockfile holds exactly what Cloudflare reported.
type Modified string

// Compare returns a negative number, zero or a positive number if m is before, equal to or
// after n. It compares with the lower precision of the two, so that an endpoint which leaves
// out the microseconds does not make a secret look changed. Text that is not a time is after
// everything but itself, because a change must be assumed then.
func (m Modified) Compare(n Modified) int {
	if m == n {
		return 0
	}
	a, errA := time.Parse(time.RFC3339Nano, string(m))
	b, errB := time.Parse(time.RFC3339Nano, string(n))
	if errA != nil || errB != nil {
		return 1
	}
	unit := max(m.precision(), n.precision())
	return a.Truncate(unit).Compare(b.Truncate(unit))
}

// follows reports whether m is at most d after n. Text that is not a time follows nothing.
func (m Modified) follows(n Modified, d time.Duration) bool {
	a, errA := time.Parse(time.RFC3339Nano, string(m))
	b, errB := time.Parse(time.RFC3339Nano, string(n))
	return errA == nil && errB == nil && a.After(b) && !a.After(b.Add(d))
}

// precision is the unit of m's last digit.
func (m Modified) precision() time.Duration {
	_, fraction, _ := strings.Cut(string(m), ".")
	unit := time.Second
	for _, c := range fraction {
		if c < '0' || c > '9' || unit == 1 {
			break
		}
		unit /= 10
	}
	return unit
}
