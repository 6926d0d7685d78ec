package keyring

import (
	"context"
	"errors"
	"fmt"
)

// Status is where a lockfile's key was looked for, and what was found there. It
// holds no key.
type Status struct {
	// From is [Variable], [FromSealed], the key file's path, or empty where no key is at hand.
	From string
	// ID is the id of the key that was found, or empty.
	ID string
	// Fits says that it is the lockfile's.
	Fits bool
	// Err says why what is there cannot be used, or what is missing.
	Err error
}

// Status looks for the key with the given id as [Ring.Find] does.
func (r Ring) Status(ctx context.Context, id string, sealed []byte) Status {
	key, from, err := r.look(ctx, id, sealed)
	s := Status{From: from, Err: err}
	switch {
	case err != nil:
	case !key.IsSet():
		s.From = ""
	default:
		s.ID, s.Fits = key.ID(), id == "" || key.ID() == id
	}
	if s.Err == nil {
		s.Err = r.CheckPin(id)
	}
	if s.Err == nil && !s.Fits && id != "" {
		_, s.Err = r.Find(ctx, id, sealed)
	}
	return s
}

// Beside returns the id of the key file's key, where that is another than the lockfile's
// with the given id, and "" where it is not, or there is none.
func (r Ring) Beside(id string) string {
	key, err := readFile(r.KeyFile())
	if err != nil || !key.IsSet() || key.ID() == id {
		return ""
	}
	return key.ID()
}

// What the errors of a [Ring] are about, where a caller may have more to say about it.
var (
	// ErrNotAtHand is the error of [Ring.Find] where the lockfile's key is nowhere, or
	// another one is in its place.
	ErrNotAtHand = errors.New("the lockfile's fingerprint key is not at hand")
	// ErrNotPinned is the error where a key is not the pinned one.
	ErrNotPinned = errors.New("not the fingerprint key that is pinned")
	// ErrBadPin is the error where what is pinned is no id.
	ErrBadPin = errors.New("not the id of a fingerprint key")
)

// kindError is an error in words of its own. The kind is what [errors.Is] finds.
type kindError struct {
	kind error
	what string
}

func (e *kindError) Error() string { return e.what }
func (e *kindError) Unwrap() error { return e.kind }

func errorf(kind error, format string, args ...any) error {
	return &kindError{kind, fmt.Sprintf(format, args...)}
}
