package early

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"testing"
	"time"
)

// TestCollectionIsDelayedOnce: after the first collection, GOGC is what it was.
func TestCollectionIsDelayedOnce(t *testing.T) {
	percent := func() int { // debug.SetGCPercent, which also reads it, could overwrite what the cleanup sets
		sample := []metrics.Sample{{Name: "/gc/gogc:percent"}}
		metrics.Read(sample)
		return int(sample[0].Value.Uint64())
	}
	defer debug.SetGCPercent(debug.SetGCPercent(90))
	delayCollection()
	if p := percent(); p != 400 {
		t.Fatalf("GOGC is %d before the first collection", p)
	}
	for end := time.Now().Add(10 * time.Second); percent() != 90; {
		if time.Now().After(end) {
			t.Fatalf("GOGC is %d after collections", percent())
		}
		runtime.GC()
	}
	for _, set := range []int{-1, 500} {
		debug.SetGCPercent(set)
		if delayCollection(); percent() != set {
			t.Errorf("GOGC=%d became %d", set, percent())
		}
	}
}
