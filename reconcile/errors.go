package reconcile

import (
	"errors"
	"fmt"

	"github.com/secretsync/secretsync/internal/hexid"
	"github.com/secretsync/secretsync/internal/keyring"
	"github.com/secretsync/secretsync/planner/planfile"
)

// Errors that a front end can give advice on. Their texts say what is wrong, not which of
// its options would help.
var (
	// ErrNoAccount says that nothing names the account of a store.
	ErrNoAccount = errors.New("no Cloudflare account is set")
	// ErrBadAccount says that an account id is none. It does not quote it: a token may have
	// been put in its place by mistake.
	ErrBadAccount = hexid.ErrAccount
	// ErrNoAPI says that Config.API is needed and unset.
	ErrNoAPI = errors.New("no API is configured")
	// ErrNoKey says that the lockfile has no fingerprint key.
	ErrNoKey = errors.New("has no fingerprint key to change")
	// ErrKeyNotAtHand says that the lockfile's fingerprint key was not found, or that another
	// one is in its place.
	ErrKeyNotAtHand = keyring.ErrNotAtHand
	// ErrKeyNotPinned says that a fingerprint key is not the one that [KeyIDVariable] allows.
	ErrKeyNotPinned = keyring.ErrNotPinned
	// ErrNoRecords says that nothing was ever applied with the lockfile.
	ErrNoRecords = errors.New("has no records: nothing was applied with it")
	// ErrHasRecords says that the lockfile has records, and none is replaced.
	ErrHasRecords = errors.New("is there and has records: import --lock-only rebuilds a lost lockfile, and replaces none")
	// ErrNotRefreshed says that everything was applied, but not recorded where the values that
	// did not change come from now.
	ErrNotRefreshed = errors.New("recording where unchanged values come from")
	// ErrProblems says that a plan has problems and cannot be applied.
	ErrProblems = errors.New("the plan has problems")
)

// OtherAPIError says that a lockfile belongs to Cloudflare and the API is an emulator, or
// the other way round. Mixed up, each would look as if everything had been deleted.
type OtherAPIError struct {
	Lockfile string
	// Emulator says that the lockfile was written against an emulator.
	Emulator bool
}

func (e *OtherAPIError) Error() string {
	written, now := "Cloudflare", "an emulator"
	if e.Emulator {
		written, now = now, written
	}
	return fmt.Sprintf("%s was made against %s, and this run talks to %s", e.Lockfile, written, now)
}

// ValuesError says that values could not be read.
type ValuesError struct{ Err error }

func (e *ValuesError) Error() string { return e.Err.Error() }

// Unwrap returns the mistakes.
func (e *ValuesError) Unwrap() error { return e.Err }

// StaleError says that a plan goes further than the reviewed one, or is another.
type StaleError struct {
	// Difference is what differs from a reviewed plan file; nil where only an id was
	// reviewed.
	Difference *planfile.Difference
	// PlanID is the id of the plan made now.
	PlanID string
}

func (e *StaleError) Error() string {
	return "the reviewed plan no longer holds: nothing was changed"
}
