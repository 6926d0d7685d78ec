package pace

import (
	"context"
	"sync"
)

// Slots limit how many requests are under way at once. A request has a slot from when it is
// sent until its answer was read. While it waits for the rate limit or for a retry it has none.
//
// There is one slot until the first connection is established. Over HTTP/2 all requests share
// that connection; without the limit, each request sent at the start would open its own.
type Slots struct {
	free      chan struct{}
	connected sync.Once
}

// NewSlots returns n slots, and at least one.
func NewSlots(n int) *Slots {
	s := &Slots{free: make(chan struct{}, max(1, n))}
	s.free <- struct{}{}
	return s
}

// Acquire waits for a slot. It returns ctx's error if ctx ends first.
func (s *Slots) Acquire(ctx context.Context) error {
	select {
	case <-s.free:
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := ctx.Err(); err != nil { // select may have chosen the slot although ctx has ended
		s.free <- struct{}{}
		return err
	}
	return nil
}

// Release gives a slot back after the answer to its request.
func (s *Slots) Release() {
	s.Open()
	s.free <- struct{}{}
}

// Open makes all slots available. The caller holds one.
func (s *Slots) Open() {
	s.connected.Do(func() {
		for range cap(s.free) - 1 {
			s.free <- struct{}{}
		}
	})
}
