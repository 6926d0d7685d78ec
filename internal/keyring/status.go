package keyring

import (
	"context"
	"errors"
	"fmt"
)

// Status says where a lockfile's key was looked for and what was found. It holds no key.
type Status struct {
	// From is [Variable], [FromSealed], the key file's path, or empty if there is no key.
	From string
	// ID is the id of the key that was found, or empty.
	ID string
	// Fits says that it is the lockfile's key.
	Fits bool
	// Err says why the key cannot be used, or that it is missing.
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

// Beside returns the id of the key in the key file if it differs from id, the lockfile's.
// Otherwise, and if there is no key file, it returns "".
func (r Ring) Beside(id string) string {
	key, err := readFile(r.KeyFile())
	if err != nil || !key.IsSet() || key.ID() == id {
		return ""
	}
	return key.ID()
}

// Kinds of errors that callers may have more advice on. [errors.Is] finds them.
var (
	// ErrUnavailable means that the lockfile's key was not found, or another key instead.
	ErrUnavailable = errors.New("the lockfile's fingerprint key is not available")
	// ErrEncrypted means that the key that was found is encrypted with SOPS, which someone did by hand.
	ErrEncrypted = errors.New("the fingerprint key is still encrypted with SOPS")
	// ErrNotPinned means that a key is not the pinned one.
	ErrNotPinned = errors.New("not the fingerprint key that is pinned")
	// ErrBadPin means that [PinVariable] holds something other than an id.
	ErrBadPin = errors.New("not the id of a fingerprint key")
)

// kindError is an error whose kind [errors.Is] finds.
type kindError struct {
	kind error
	what string
}

func (e *kindError) Error() string { return e.what }
func (e *kindError) Unwrap() error { return e.kind }

func errorf(kind error, format string, args ...any) error {
	return &kindError{kind, fmt.Sprintf(format, args...)}
}
