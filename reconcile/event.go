package reconcile

import (
	"time"

	"github.com/secretsync/secretsync/applier"
	"github.com/secretsync/secretsync/manifest"
	"github.com/secretsync/secretsync/planner"
)

// Event is something that a person should know and that changes nothing: one of the types below,
// or [Progress], [PhaseEnded], [Waiting] and [WaitEnded]. The front end words it.
type Event interface{ event() }

// ManifestWarning is a remark about the manifest.
type ManifestWarning struct{ Mistake *manifest.Error }

// BindingsSkipped is a mistake in a wrangler configuration. Its bindings are not checked.
type BindingsSkipped struct{ Mistake *manifest.Error }

// AccountUnknown means that nothing names the account of an offline plan, so the plan's id
// cannot match an apply's.
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

// ValuesUnverified are live values that could not be verified although that was requested.
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

// Progress says how far a phase of a run is. The first event of each account has Done 0. Phases
// may overlap; [PhaseEnded] ends each.
type Progress struct {
	Phase Phase
	// Account is the account that the numbers are about; empty if they are not about a single one.
	Account planner.AccountID
	// Done and Total count the items of the phase. Total is 0 if it is not known.
	Done, Total int
}

// PhaseEnded means that a phase is over, completely or not.
type PhaseEnded struct{ Phase Phase }

// Phase is a part of a run that may take a while.
type Phase string

// The phases, and what [Progress] counts in them.
const (
	// PhaseValues reads the desired values from their sources. Total is how many; Done stays 0.
	PhaseValues Phase = "values"
	// PhaseStores reads what is in Cloudflare. It counts stores.
	PhaseStores Phase = "stores"
	// PhaseVerify has Workers compare live values. It counts secrets.
	PhaseVerify Phase = "verify"
	// PhaseAuditLogs reads who changed secrets. It counts accounts.
	PhaseAuditLogs Phase = "audit_logs"
	// PhaseReaders reads what is deployed. It counts accounts.
	PhaseReaders Phase = "readers"
	// PhaseApply executes a plan. It counts actions that were tried; each has an [ActionDone] too.
	PhaseApply Phase = "apply"
)

// Waiting means that the run waits for half a second or more. A later one for the same thing and
// account replaces it.
type Waiting struct {
	For WaitFor
	// Account is the account that is waited for; empty if it is not a single one. Accounts with
	// the same API token wait together for its rate limit, which is reported for one of them.
	Account planner.AccountID
	// Until is when the wait ends at the latest, by this machine's clock.
	Until time.Time
	// Reason says why a request waits. It has no text of an answer.
	Reason string
	// Secrets is how many secrets are waited for.
	Secrets int
	// Held says who holds the lockfile's lock or the lease.
	Held error
}

// WaitEnded means that a wait has ended. There is none for [WaitRateLimit] and [WaitRetry], which
// last until Waiting.Until.
type WaitEnded struct {
	For     WaitFor
	Account planner.AccountID
}

// WaitFor is what a run waits for.
type WaitFor string

// What a run waits for.
const (
	// WaitRateLimit is until Cloudflare's rate limit allows further requests. It is reported once
	// for all requests that it delays.
	WaitRateLimit WaitFor = "rate_limit"
	// WaitRetry is the pause before a request is sent again that failed.
	WaitRetry WaitFor = "retry"
	// WaitActive is for secrets that were written to become active.
	WaitActive WaitFor = "active"
	// WaitWorkers is for Workers to read the values that were written.
	WaitWorkers WaitFor = "workers"
	// WaitLock is for another process that holds the lockfile's lock.
	WaitLock WaitFor = "lock"
	// WaitLease is for another run that holds a lease.
	WaitLease WaitFor = "lease"
)

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
func (Progress) event()             {}
func (PhaseEnded) event()           {}
func (Waiting) event()              {}
func (WaitEnded) event()            {}

// progress returns a function that reports how far a phase is, and one that ends the phase.
func (p *Project) progress(phase Phase) (report func(account planner.AccountID, done, total int), end func()) {
	notify := p.cfg.Notify
	return func(account planner.AccountID, done, total int) {
			notify(Progress{phase, account, done, total})
		},
		func() { notify(PhaseEnded{phase}) }
}
