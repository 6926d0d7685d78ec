package lease

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/secretsync/secretsync/internal/visible"
)

// ErrLost means that a lease is not held any more, or that this cannot be relied on. [errors.Is]
// finds it in every [LostError].
var ErrLost = errors.New("the lease was lost")

// ErrReleased means that [Set.Check] was called after [Set.Release].
var ErrReleased = errors.New("the lease was released")

// Holder is who holds a lease, or held it last. All of it is what the holder wrote.
type Holder struct {
	Host, RunURL string
	// Since is when the lease was acquired, by the holder's clock.
	Since      time.Time
	Generation int64
	Duration   time.Duration
}

// String describes the holder for messages, such as "runner-1 (https://ci/run/7) since
// 2026-11-27T16:00:00Z, generation 12".
func (h Holder) String() string {
	host := h.Host
	if host == "" {
		host = "an unknown host"
	}
	text := visible.Text(host)
	if h.RunURL != "" {
		text += " (" + visible.Text(h.RunURL) + ")"
	}
	return fmt.Sprintf("%s since %s, generation %d", text, h.Since.UTC().Format(time.RFC3339), h.Generation)
}

// HeldError means that another run holds a lease.
type HeldError struct {
	Address string // of the lease's object
	Holder  Holder
	Waited  time.Duration
}

func (e *HeldError) Error() string {
	waited := ""
	if e.Waited >= time.Millisecond {
		waited = fmt.Sprintf("; waited %s", e.Waited.Round(time.Millisecond))
	}
	return fmt.Sprintf("the lease %s is held by %s%s", e.Address, e.Holder, waited)
}

// LostError says why a lease was lost.
type LostError struct {
	Address string // of the lease's object
	Why     string
	// Err says why the lease could not be renewed, if that was the reason and is known.
	Err error
}

func (e *LostError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "the lease %s was lost: %s", e.Address, e.Why)
	if e.Err != nil {
		fmt.Fprintf(&b, " (%v)", e.Err)
	}
	return b.String()
}

// Is reports whether target is [ErrLost].
func (e *LostError) Is(target error) bool { return target == ErrLost }

// Unwrap returns why the lease was not renewed.
func (e *LostError) Unwrap() error { return e.Err }
