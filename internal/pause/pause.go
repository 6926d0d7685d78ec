// Package pause waits, for as long as a context lasts.
package pause

import (
	"context"
	"time"
)

// For waits for d. It returns ctx's error as soon as ctx ends, and also if ctx ended
// together with the wait.
func For(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
	return ctx.Err()
}
