package keyring

import (
	"context"
	"errors"
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

// NotAtHand is the error of [Ring.Find] where the lockfile's key is nowhere, or
// another one is in its place.
type NotAtHand struct{ what string }

func (e *NotAtHand) Error() string { return e.what }

// Hint says what to do about err, where that is [NotAtHand] or of [Ring.CheckPin].
func Hint(err error) string {
	if planted := new(pinMismatch); errors.As(err, &planted) {
		return "if nobody changed the key on purpose, somebody planted one: do not apply, look at fingerprint_key in the lockfile's history"
	}
	var lost *NotAtHand
	if !errors.As(err, &lost) {
		return ""
	}
	return "lock rekey needs that key too; if it is lost, move the lockfile away and rebuild it with import --lock-only"
}
