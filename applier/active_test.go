package applier_test

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestPendingIsWaitedFor(t *testing.T) {
	for _, c := range []struct {
		lists, pending int
		wait           time.Duration
		log            []string
	}{
		{lists: 2, wait: time.Minute, log: []string{"list secrets", "list secrets", "list secrets", "active 1"}},
		{lists: 1000, pending: 1, wait: time.Second, log: []string{"list secrets", "list secrets"}},
		{lists: 1000, pending: 1, wait: 0, log: nil},
	} {
		synctest.Test(t, func(t *testing.T) {
			f := newFake()
			f.pending = c.lists
			start := time.Now()
			r := applyWaiting(t.Context(), f, &fakeJournal{target: f}, c.wait, create("s"))
			if !r.Complete() || len(r.Pending()) != c.pending || time.Since(start) > c.wait {
				t.Errorf("pending after %s: %d, want %d", time.Since(start), len(r.Pending()), c.pending)
			}
			expectLog(t, f, append([]string{"intent 1", "create 1", "outcome map[done:1]"}, c.log...)...)
			if c.pending == 0 && r.Results[0].Live.Modified != "2026-11-23T12:00:09Z" {
				t.Error("the modified that moved on activation is taken for somebody else's change")
			}
		})
	}
}
