package planner

import (
	"strings"
	"time"
)

// Modified is a moment as Cloudflare writes it: RFC 3339, usually with
// microseconds. It is kept as text so that a lockfile holds what was said.
type Modified string

// Compare is negative, zero or positive as m is before, at, or after n, looked
// at with the precision of the coarser one: an endpoint that leaves out the
// microseconds does not make a secret look changed. Text that is no moment is
// after everything but itself, since a change must then be assumed.
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

// precision is the unit of the last digit that m gives.
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
