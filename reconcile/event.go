package reconcile

import (
	"github.com/secretsync/secretsync/applier"
	"github.com/secretsync/secretsync/manifest"
	"github.com/secretsync/secretsync/planner"
)

// Event is something that a person should hear of and that changes nothing: one of the
// types below. The words for it are the front end's.
type Event interface{ event() }

// ManifestWarning is a remark about the manifest.
type ManifestWarning struct{ Mistake *manifest.Error }

// BindingsSkipped is a mistake in a wrangler configuration whose bindings are therefore not
// checked.
type BindingsSkipped struct{ Mistake *manifest.Error }

// AccountUnknown says that nothing names the account of an offline plan, so that its id
// cannot be that of an apply.
type AccountUnknown struct{}

// QuotaUnread says that the quota could not be read, so the plan is not checked against it.
// Cloudflare still enforces it for each request.
type QuotaUnread struct {
	Account planner.AccountID
	Err     error
}

// KeySealed says that a new fingerprint key was sealed for so many SOPS recipients.
type KeySealed struct{ Recipients int }

// KeyCreated says that a fingerprint key was created. File is where it was written; empty
// where it lies sealed in the lockfile.
type KeyCreated struct{ ID, File string }

// KeyNotPinned says that the environment does not say which sealed fingerprint key is the
// project's own, so that a pull request could plant another one.
type KeyNotPinned struct{ ID string }

// NoFingerprintMatches says that none of several fingerprints matches its value: either all
// values were changed, or the key was replaced.
type NoFingerprintMatches struct {
	Lockfile, KeyID string
	Compared        int
}

// OtherKey says that a key file beside the lockfile holds another key than the one that is
// sealed in it.
type OtherKey struct {
	File, FileKeyID string
	Lockfile, KeyID string
}

// ActionDone is the outcome of one action of an apply.
type ActionDone struct{ Result applier.Result }

func (ManifestWarning) event()      {}
func (BindingsSkipped) event()      {}
func (AccountUnknown) event()       {}
func (QuotaUnread) event()          {}
func (KeySealed) event()            {}
func (KeyCreated) event()           {}
func (KeyNotPinned) event()         {}
func (NoFingerprintMatches) event() {}
func (OtherKey) event()             {}
func (ActionDone) event()           {}
