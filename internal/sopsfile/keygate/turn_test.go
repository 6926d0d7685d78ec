package keygate

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A decryption that waits for its turn gets it when it is released, and its clock is stopped until then.
func TestTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began, one, over := time.Now(), make(turn, 1), 0
		var wg sync.WaitGroup
		for range 5 { // each within the time, all together not
			wg.Go(func() {
				clock := StartClock(time.Minute, func() { over++ })
				release, err := one.take(t.Context(), clock)
				if err != nil {
					t.Error(err)
					return
				}
				time.Sleep(50 * time.Second)
				release()
				clock.Stop()
			})
		}
		wg.Wait()
		if took := time.Since(began); over != 0 || took != 250*time.Second {
			t.Errorf("%d were over their time, and all together took %v", over, took)
		}
	})
}

// The time before and after the wait counts.
func TestClockGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began, over := time.Now(), make(chan time.Duration, 1)
		clock := StartClock(time.Minute, func() { over <- time.Since(began) })
		time.Sleep(20 * time.Second)
		clock.Stop()
		time.Sleep(time.Hour)
		clock.resume()
		if got := <-over; got != time.Hour+time.Minute {
			t.Errorf("it was over after %v", got)
		}
	})
}

// The turn passes on when the context of whoever has it ends, and waiting ends with the context.
func TestTurnEndsWithContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		one := make(turn, 1)
		holder, drop := context.WithCancel(t.Context())
		if _, err := one.take(holder, nil); err != nil {
			t.Fatal(err)
		}
		waiting, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := one.take(waiting, nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("waiting ended with %v", err)
		}
		drop()
		release, err := one.take(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		release()
	})
}
