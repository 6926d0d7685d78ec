package reconcile

import (
	"github.com/secretsync/secretsync/applier"
	"github.com/secretsync/secretsync/manifest"
	"github.com/secretsync/secretsync/planner"
)

// Event is something worth telling a person that changes nothing: one of the types below,
// or [Progress], [PhaseEnded], [Waiting] and [WaitEnded]. The front end words it.
type Event interface{ event() }

// ManifestWarning is a remark about the manifest.
type ManifestWarning struct{ Mistake *manifest.Error }

// BindingsSkipped is a mistake in a wrangler configuration. Its bindings are not checked.
type BindingsSkipped struct{ Mistake *manifest.Error }

// AccountUnknown means that nothing names the account of an offline plan, so its id cannot
// match that of an apply.
type AccountUnknown struct{}

// QuotaUnread means that the quota could not be read, so the plan is not checked against it.
// Cloudflare still enforces it for each request.
type QuotaUnread struct {
	Account planner.AccountID
	Err     error
}

// LeaseNotReleased means that a lease could not be released, or was lost before.
type LeaseNotReleased struct{ Err error }

// KeySealed means that a new fingerprint key was sealed for a number of SOPS recipients.
type KeySealed struct{ Recipients int }

// KeyNotOpened means that this process could not open the fingerprint key that it had just
// sealed, so the next run here cannot use it.
type KeyNotOpened struct{ Err error }

// KeyCreated means that a fingerprint key was created. File is where it was written; empty
// if it is sealed in the lockfile.
type KeyCreated struct{ ID, File string }

// KeyNotPinned means that the environment does not name the project's sealed fingerprint
// key, so a pull request could plant another one.
type KeyNotPinned struct{ ID string }

// NoFingerprintMatches means that none of several fingerprints matches its value: either all
// values were changed, or the key was replaced.
type NoFingerprintMatches struct {
	Lockfile, KeyID string
	Compared        int
}

// OtherKey means that a key file beside the lockfile holds another key than the one sealed
// in the lockfile.
type OtherKey struct {
	File, FileKeyID string
	Lockfile, KeyID string
}

// KeyFileRemoved says that the fingerprint key's file was removed during an apply, and was
// written again unless Err is set.
type KeyFileRemoved struct {
	File string
	Err  error
}

// VerificationFailed means that the live values of an account, or of all if it is empty, could not
// be verified, and are not known.
type VerificationFailed struct {
	Account planner.AccountID
	Err     error
}

// ValuesUnverified are live values about which nothing is known although they were to be verified.
type ValuesUnverified struct {
	Reason  UnverifiedReason
	Secrets []planner.SecretKey
}

// AuditLogUnread means that an account's audit log could not be read, or not completely, so that
// who changed secrets is not known.
type AuditLogUnread struct {
	Account planner.AccountID
	Err     error
}

// ReadersUnread means that what is deployed in an account could not be read, or not completely.
type ReadersUnread struct {
	Account planner.AccountID
	Err     error
}

// ActionDone is the outcome of one action of an apply.
type ActionDone struct{ Result applier.Result }

func (ManifestWarning) event()      {}
func (BindingsSkipped) event()      {}
func (AccountUnknown) event()       {}
func (QuotaUnread) event()          {}
func (LeaseNotReleased) event()     {}
func (KeySealed) event()            {}
func (KeyNotOpened) event()         {}
func (KeyCreated) event()           {}
func (KeyNotPinned) event()         {}
func (NoFingerprintMatches) event() {}
func (OtherKey) event()             {}
func (KeyFileRemoved) event()       {}
func (VerificationFailed) event()   {}
func (ValuesUnverified) event()     {}
func (AuditLogUnread) event()       {}
func (ReadersUnread) event()        {}
func (ActionDone) event()           {}
