package planner

import (
	"path"
	"slices"
	"strings"
	"time"

	"github.com/secretsync/secretsync/internal/position"
)

// The identifiers are distinct types so that the compiler catches a swap.
type (
	// AccountID is a Cloudflare account's id, 32 hexadecimal digits.
	AccountID string
	// StoreID is a store's id, as Cloudflare gave it.
	StoreID string
	// SecretID is a secret's id, as Cloudflare gave it.
	SecretID string
)

// UnknownAccount stands for the account of a plan made offline, where nothing names one.
const UnknownAccount AccountID = "unknown"

// StoreKey names a store: an account's stores have distinct names.
type StoreKey struct {
	Account AccountID
	Name    string
}

// SecretKey names a secret: a store's secrets have distinct names.
type SecretKey struct {
	Store StoreKey
	Name  string
}

// Secret returns the key of a secret of the store.
func (k StoreKey) Secret(name string) SecretKey { return SecretKey{Store: k, Name: name} }

// Position is where in the manifest something is said.
type Position = position.Position

// Input is everything a plan depends on.
type Input struct {
	Desired  []DesiredStore
	Recorded []RecordedStore
	// Live holds the existing stores. Those that neither Desired nor Recorded name
	// may be left out, or come without their secrets.
	Live []LiveStore
	// References are what is known to read secrets.
	References []Reference
	// Unread are places of references that could not be read.
	Unread []Position
	// Quotas are the accounts' quotas, as far as they are known. A plan is not held to one
	// that is missing.
	Quotas map[AccountID]Quota
	// Forged are recorded fingerprints that no apply can have written.
	Forged Forgery
	// Now is the time the plan is made at.
	Now     time.Time
	Options Options
}

// Quota is an account's number of secrets, and how many it may have.
type Quota struct{ Usage, Limit int }

// Forgery describes fingerprints of the lockfile that do not match their values although
// the ciphertexts are the recorded ones: the fingerprint key or the records were replaced.
// Who holds the values finds them, since the planner sees no fingerprint. The zero Forgery
// is none.
type Forgery struct {
	// Secrets are those whose fingerprint does not match, in any order.
	Secrets []SecretKey
	// Matched counts the fingerprints that do match.
	Matched int
	// KeyID is the lockfile's fingerprint key.
	KeyID string
	// Pos is the lockfile.
	Pos Position
}

// Options limit what a plan may do.
type Options struct {
	// Targets, where there are some, limit the plan to secrets whose "store/secret" or
	// "account/store/secret" matches one of these globs.
	Targets []string
	// MaxDeletes is the largest number of deletions a plan may have; nil for any.
	MaxDeletes *int
	// Offline says that Live is what was recorded: what isn't recorded may exist.
	Offline bool
	// StrictBindings makes a plan that breaks a Worker a problem.
	StrictBindings bool
}

// Targeted reports whether a plan under these options may touch a secret.
func (o Options) Targeted(store StoreKey, name string) bool {
	return len(o.Targets) == 0 || slices.ContainsFunc(o.Targets, func(glob string) bool {
		full := store.Name + "/" + name
		if strings.Count(glob, "/") == 2 {
			full = string(store.Account) + "/" + full
		}
		ok, err := path.Match(glob, full)
		return err == nil && ok
	})
}

// Reference is a Worker's binding of a secret.
type Reference struct {
	StoreID StoreID
	Secret  string
	Worker  string
	// Pos is where the Worker's configuration says so.
	Pos Position
}

// DesiredStore is a store that the manifest describes. Several may bear one key,
// each with some of the store's secrets.
type DesiredStore struct {
	Key StoreKey
	// Prefix is what the names of its secrets begin with. Nothing else in the store
	// is looked at, so that environments can share one.
	Prefix string
	// Unmanaged is what to do about secrets that nobody declared.
	Unmanaged UnmanagedPolicy
	// Delete is the policy for the day the store leaves the manifest: true deletes
	// it, if it is empty then.
	Delete  bool
	Pos     Position
	Secrets []DesiredSecret
}

// DesiredSecret is a secret as the manifest wants it.
type DesiredSecret struct {
	// Name is its name in Cloudflare.
	Name string
	// Scopes are what may use it, in any order.
	Scopes []string
	// Comment is nil where the manifest leaves the comment alone.
	Comment *string
	// Value is how its value compares with the recorded fingerprint.
	Value ValueState
	// ValueID stands for the value in plans, and cannot be turned back into it. The
	// planner hands it on.
	ValueID string
	// Source tells where the value comes from, in words for people, and SourceDigest what
	// the words leave out. The planner hands them on.
	Source, SourceDigest string
	// Delete is the policy for the day it leaves the manifest: false forgets it.
	Delete bool
	// Adopt is what to do about a secret of that name that isn't ours.
	Adopt AdoptPolicy
	// RenamedFrom is the name it had before, or empty.
	RenamedFrom string
	// Generated says that the value is drawn at random when it is first applied.
	Generated bool
	// RotateAfter is the age at which a value is due for rotation; 0 for never.
	RotateAfter time.Duration
	// Rotate asks for a new generated value now.
	Rotate bool
	// External says that somebody else supplies it: it must exist, and is never written.
	External bool
	Pos      Position
}

// AdoptPolicy says what to do about an existing secret that isn't ours.
type AdoptPolicy string

// The policies. The zero value is a conflict.
const (
	// AdoptOverwrite takes it over and sets its value.
	AdoptOverwrite AdoptPolicy = "overwrite"
	// AdoptKeep takes it over with the value that it has.
	AdoptKeep AdoptPolicy = "keep"
)

// ValueState is how a desired value compares with the one last applied.
type ValueState int

// The zero ValueState is not valid, so that it cannot be left out.
const (
	// ValueNew is a value with no fingerprint to compare with.
	ValueNew ValueState = iota + 1
	// ValueSame is a value whose fingerprint is the recorded one.
	ValueSame
	// ValueChanged is a value whose fingerprint is not the recorded one.
	ValueChanged
	// ValueReencrypted is a value whose ciphertext is not the recorded one, with no key
	// at hand to tell whether the value is.
	ValueReencrypted
	// ValueEdited is ValueReencrypted where others of its file were left as they are.
	ValueEdited
	// ValueUnknown is a value that could not be read or compared.
	ValueUnknown
)

// UnmanagedPolicy says what becomes of live secrets that nobody declared.
type UnmanagedPolicy string

// The policies. The zero value means UnmanagedReport.
const (
	UnmanagedReport UnmanagedPolicy = "report"
	UnmanagedIgnore UnmanagedPolicy = "ignore"
	// UnmanagedFail counts them as drift.
	UnmanagedFail UnmanagedPolicy = "fail"
	// UnmanagedDelete deletes them.
	UnmanagedDelete UnmanagedPolicy = "delete"
)

// RecordedStore is a store as the last apply left it.
type RecordedStore struct {
	Key StoreKey
	ID  StoreID
	// Delete is the policy for the day the store leaves the manifest.
	Delete  bool
	Secrets []RecordedSecret
}

// RecordedSecret is a secret as the last apply left it.
type RecordedSecret struct {
	Name string
	// ID is empty while the outcome of its creation is unknown.
	ID       SecretID
	Scopes   []string
	Comment  string
	Modified Modified
	// Applied is when its value was last sent.
	Applied time.Time
	// Delete is the policy for the day it leaves the manifest: false forgets it.
	Delete bool
	// Pending is set when the last apply was cut short before it knew the outcome
	// of a write.
	Pending *Pending
}

// Pending is a write whose outcome is unknown.
type Pending struct {
	Op Op
	// Since is when it was first about to be sent, and Until when the last request for it
	// will have ended.
	Since, Until time.Time
	// ListedAt is when the list was read that it was decided on; zero where that isn't known.
	ListedAt time.Time
	// PreviousID is the id of the secret that seemed to be gone, and was to be made again: lists
	// may have lagged.
	PreviousID SecretID
	// Value says that the value was to be sent, not metadata alone.
	Value bool
}

// LiveStore is a store as Cloudflare reports it.
type LiveStore struct {
	Key     StoreKey
	ID      StoreID
	Secrets []LiveSecret
}

// What [LiveSecret.Status] is told apart by (docs/cloudflare-api.md §1.2): a secret is
// pending for a while after it was written, and active when it can be used.
const (
	StatusPending = "pending"
	StatusActive  = "active"
)

// LiveSecret is a secret as Cloudflare reports it.
type LiveSecret struct {
	ID       SecretID
	Name     string
	Scopes   []string
	Comment  string
	Status   string
	Created  Modified
	Modified Modified
}
