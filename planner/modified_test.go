package planner_test

import (
	"testing"

	"github.com/secretsync/secretsync/planner"
)

func TestModifiedCompare(t *testing.T) {
	for _, c := range []struct {
		a, b planner.Modified
		want int
	}{
		{"2026-11-01T12:00:00Z", "2026-11-01T12:00:00Z", 0},
		{"2026-11-01T12:00:00.123456Z", "2026-11-01T12:00:00.123457Z", -1},
		{"2026-11-01T12:00:01Z", "2026-11-01T12:00:00.999999Z", 1},
		{"2026-11-01T12:00:00Z", "2026-11-01T12:00:00.999999Z", 0}, // one endpoint omits the microseconds
		{"2026-11-01T12:00:00.12Z", "2026-11-01T12:00:00.123456Z", 0},
		{"2026-11-01T12:00:00.10Z", "2026-11-01T12:00:00.11Z", -1}, // a zero is a digit
		{"2026-11-01T12:00:00.19Z", "2026-11-01T12:00:00.18Z", 1},
		{"2026-11-01T12:00:00.1234567891Z", "2026-11-01T12:00:00.123456789Z", 0}, // more digits than Go keeps
		{"2026-11-01T13:00:00+01:00", "2026-11-01T12:00:00Z", 0},
		{"", "2026-11-01T12:00:00Z", 1},
		{"", "", 0},
		{"nonsense", "nonsense", 0},
	} {
		if got := c.a.Compare(c.b); got != c.want {
			t.Errorf("%q.Compare(%q) = %d, want %d", c.a, c.b, got, c.want)
		}
	}
}
