// Package racetest is for tests that the race detector would slow down and find nothing in.
package racetest

import "testing"

// Large skips a test of one goroutine with a large input, which takes some ten times as long under
// the race detector.
func Large(t testing.TB) {
	t.Helper()
	if Enabled {
		t.Skip("one goroutine with a large input has no race")
	}
}
