package pace

import (
	"context"
	"errors"
	"testing"
)

// TestSlots: there is one slot until the first connection, then all of them, and never more.
func TestSlots(t *testing.T) {
	s := NewSlots(3)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	free := func() int { return len(s.free) }
	if err := s.Acquire(ended); !errors.Is(err, context.Canceled) || free() != 1 {
		t.Errorf("%v; free: %d, want 1", err, free())
	}
	if err := s.Acquire(t.Context()); err != nil || free() != 0 {
		t.Fatalf("%v; free: %d, want 0", err, free())
	}
	s.Open()
	if free() != 2 {
		t.Errorf("free: %d, want the 2 others", free())
	}
	s.Release()
	if err := s.Acquire(t.Context()); err != nil || free() != 2 {
		t.Errorf("%v; free: %d, want 2", err, free())
	}
	s.Open()
	s.Release()
	if free() != 3 || cap(NewSlots(0).free) != 1 {
		t.Errorf("free: %d, want 3", free())
	}
}
