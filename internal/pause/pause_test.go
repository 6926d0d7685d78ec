package pause

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestFor(t *testing.T) {
	for name, tt := range map[string]struct {
		wait, ends time.Duration // ends: when the context ends; 0 for never
		took       time.Duration
		err        error
	}{
		"the wait is over first":   {wait: time.Minute, ends: time.Hour, took: time.Minute},
		"the context ends first":   {wait: time.Hour, ends: time.Minute, took: time.Minute, err: context.DeadlineExceeded},
		"a context without an end": {wait: time.Minute, took: time.Minute},
		"no wait":                  {ends: time.Hour},
		"a wait that is over":      {wait: -time.Second, ends: time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx := t.Context()
				if tt.ends > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, tt.ends)
					defer cancel()
				}
				start := time.Now()
				if err := For(ctx, tt.wait); !errors.Is(err, tt.err) {
					t.Errorf("error %v, want %v", err, tt.err)
				}
				if took := time.Since(start); took != tt.took {
					t.Errorf("took %s, want %s", took, tt.took)
				}
			})
		})
	}
	t.Run("a context that has ended", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := For(ctx, 0); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
	})
}
