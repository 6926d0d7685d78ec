package reconcile

import (
	"errors"
	"fmt"

	"github.com/secretsync/secretsync/internal/hexid"
	"github.com/secretsync/secretsync/internal/keyring"
	"github.com/secretsync/secretsync/planner/planfile"
	"github.com/secretsync/secretsync/reconcile/internal/pattern"
)

// Errors that a front end can give advice on. Their texts say what is wrong, not which of
// the front end's options would help.
var (
	// ErrNoAccount means that nothing names the account of a store.
	ErrNoAccount = errors.New("no Cloudflare account is set")
	// ErrBadAccount means that an account id is malformed. It does not quote the id, which
	// may be a token in the wrong place.
	ErrBadAccount = hexid.ErrAccount
	// ErrNoAPI means that Config.API is required and unset.
	ErrNoAPI = errors.New("no API is configured")
	// ErrNoKey means that the lockfile has no fingerprint key.
	ErrNoKey = errors.New("has no fingerprint key to change")
	// ErrKeyUnavailable means that the lockfile's fingerprint key was not found, or that
	// another key was found in its place.
	ErrKeyUnavailable = keyring.ErrUnavailable
	// ErrKeyNotPinned means that a fingerprint key is not the one that [KeyIDVariable]
	// allows.
	ErrKeyNotPinned = keyring.ErrNotPinned
	// ErrNoRecords means that nothing was ever applied with the lockfile.
	ErrNoRecords = errors.New("has no records: nothing was applied with it")
	// ErrHasRecords means that the lockfile already has records, which are not replaced.
	ErrHasRecords = errors.New("is there and has records: import --lock-only rebuilds a lost lockfile, and replaces none")
	// ErrNotRefreshed means that everything was applied, but the lockfile could not be
	// updated with new sources of unchanged values.
	ErrNotRefreshed = errors.New("recording where unchanged values come from")
	// ErrProblems means that a plan has problems and cannot be applied.
	ErrProblems = errors.New("the plan has problems")
)

// OtherAPIError means that the lockfile belongs to Cloudflare and the API is an emulator, or
// the other way round. With the wrong API, every secret would look deleted.
type OtherAPIError struct {
	Lockfile string
	// Emulator says whether the lockfile was written against an emulator.
	Emulator bool
}

func (e *OtherAPIError) Error() string {
	written, now := "Cloudflare", "an emulator"
	if e.Emulator {
		written, now = now, written
	}
	return fmt.Sprintf("%s was written against %s, and this run talks to %s", e.Lockfile, written, now)
}

// ValuesError means that values could not be read.
type ValuesError struct{ Err error }

func (e *ValuesError) Error() string { return e.Err.Error() }

// Unwrap returns the mistakes.
func (e *ValuesError) Unwrap() error { return e.Err }

// StaleError means that a plan does more than the reviewed one, or has another id.
type StaleError struct {
	// Difference lists what differs from what was reviewed; nil if only ids were reviewed, and
	// none of them has an action of the plan.
	Difference *planfile.Difference
	// PlanID is the id of the current plan.
	PlanID string
}

func (e *StaleError) Error() string {
	return "the reviewed plan no longer holds: nothing was changed"
}

// PatternError says that an argument does not name secrets: it matches none, or it is a name
// that several secrets have. Its Pattern is the argument, Among says where it was looked for,
// Matching are the secrets that a name without a store matches, and Known are all that could
// have been named.
type PatternError = pattern.Error
