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
	// StoreID is a store's id in Cloudflare.
	StoreID string
	// SecretID is a secret's id in Cloudflare.
	SecretID string
)

// UnknownAccount stands for the account of an offline plan, where nothing names one.
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

// Position is a place in a file, such as the manifest.
type Position = position.Position

// Input is everything a plan depends on.
type Input struct {
	Desired  []DesiredStore
	Recorded []RecordedStore
	// Live are the existing stores. Those that neither Desired nor Recorded name may be left
	// out, or come without their secrets.
	Live []LiveStore
	// UnreadStores are desired or recorded stores whose accounts could not be read. Desired,
	// Recorded and Live are without all stores of these accounts, about which nothing is decided.
	UnreadStores []StoreKey
	// References are the known bindings of secrets.
	References []Reference
	// Unread are the configurations whose bindings could not be read.
	Unread []Position
	// Quotas are the accounts' quotas, as far as they are known. An account without one is not
	// checked.
	Quotas map[AccountID]Quota
	// UnreadReaders are the accounts whose deployed readers of secrets could not all be read.
	UnreadReaders []AccountID
	// Outside are the changes by others of recorded secrets, as far as audit logs were read. A store
	// that is gone is under an empty name.
	Outside map[SecretKey]OutsideChange
	// Forged are recorded fingerprints that no apply can have written.
	Forged Forgery
	// Now is the time of the plan.
	Now     time.Time
	Options Options
}

// Quota is an account's number of secrets, and how many it may have.
type Quota struct{ Usage, Limit int }

// Forgery describes fingerprints of the lockfile that do not match their values although
// the ciphertexts are unchanged: the fingerprint key or the records were replaced. The caller
// finds them, because the planner sees neither values nor fingerprints. The zero Forgery
// means that there are none.
type Forgery struct {
	// Secrets are the secrets whose fingerprints do not match, in any order.
	Secrets []SecretKey
	// Matched counts the fingerprints that do match.
	Matched int
	// KeyID is the id of the lockfile's fingerprint key.
	KeyID string
	// Pos names the lockfile.
	Pos Position
}

// Options limit what a plan may do.
type Options struct {
	// Targets, if there are any, limit the plan to the secrets whose "store/secret" or
	// "account/store/secret" matches one of these globs.
	Targets []string
	// Rotate, if there are any globs, limits the plan to rotations: the generated secrets whose
	// "store/secret", "account/store/secret" or name alone matches one of them get new values,
	// and nothing else is done.
	Rotate []string
	// Destroy says that the caller left Desired empty on request, whatever the manifest has. It
	// changes reasons only.
	Destroy bool
	// MaxDeletes is the largest number of deletions that a plan may have; nil for any.
	MaxDeletes *int
	// Offline says that Live is a copy of Recorded, so that other secrets may exist too.
	Offline bool
	// StrictBindings makes it a problem if a plan breaks a Worker, or if it is unknown whether it
	// does because of UnreadReaders.
	StrictBindings bool
	// VerifyLater says that an apply verifies live values that this plan does not know, where that
	// decides: under AdoptVerify, the plan assumes that they are the desired ones.
	VerifyLater bool
	// AdoptRequested says that an adopt policy was requested for this plan, apart from what the
	// manifest says. It does nothing for recorded secrets, which a note says then.
	AdoptRequested bool
}

// Targeted reports whether a plan under these options may touch a secret.
func (o Options) Targeted(store StoreKey, name string) bool {
	return len(o.Targets) == 0 || slices.ContainsFunc(o.Targets, func(glob string) bool {
		return strings.Contains(glob, "/") && Matches(glob, store.Secret(name))
	})
}

// rotates reports whether a rotation was requested for a secret.
func (o Options) rotates(store StoreKey, name string) bool {
	return slices.ContainsFunc(o.Rotate, func(glob string) bool { return Matches(glob, store.Secret(name)) })
}

// Matches reports whether a glob matches a secret: its "store/secret", its
// "account/store/secret", or, without a slash, its name. "*" matches no slash, and a store's
// name may have some: the number of slashes says which form the glob has.
func Matches(glob string, k SecretKey) bool {
	ok, err := path.Match(glob, k.Like(glob))
	return err == nil && ok
}

// Like returns a secret's name in the form that a glob has, judged by its slashes.
func (k SecretKey) Like(glob string) string {
	named := k.Store.Name + "/" + k.Name
	switch strings.Count(glob, "/") {
	case 0:
		return k.Name
	case strings.Count(named, "/"):
		return named
	}
	return string(k.Store.Account) + "/" + named
}

// Reference is a Worker's binding of a secret, or another product's use of one.
type Reference struct {
	StoreID StoreID
	Secret  string
	// Reader is what reads it, and Worker its name.
	Reader ReaderKind
	Worker string
	// Binding is the name of the binding, or the provider that a gateway uses it for; it may be
	// empty, and is for a container registry.
	Binding string
	// Pos is where the Worker's configuration says so; zero for what is deployed.
	Pos Position
}

// DesiredStore is a store that the manifest describes. Several may have the same key,
// each with some of the store's secrets.
type DesiredStore struct {
	Key StoreKey
	// Prefix is how the names of its secrets begin. Other secrets of the store are ignored,
	// so that environments can share a store.
	Prefix string
	// Unmanaged is what to do about secrets that the manifest does not declare.
	Unmanaged UnmanagedPolicy
	// Delete says that the store is to be deleted once it has left the manifest and is empty.
	Delete bool
	// Create confirms that the store is to be created even if its account has another one.
	Create  bool
	Pos     Position
	Secrets []DesiredSecret
}

// DesiredSecret is a secret that the manifest describes.
type DesiredSecret struct {
	// Name is its name in Cloudflare.
	Name string
	// Scopes are the products that may use it, in any order.
	Scopes []string
	// Comment is nil if the manifest does not manage the comment.
	Comment *string
	// Value is how the value compares with the last applied one.
	Value ValueState
	// Requested says that an interrupted creation asked for this value, as far as is known: a
	// plan without keys may not know it.
	Requested bool
	// ValueID identifies the value in plans, without revealing it. The planner copies it.
	ValueID string
	// Source describes for people where the value comes from; SourceDigest covers the details
	// that the description leaves out. The planner copies both.
	Source, SourceDigest string
	// Delete is the policy for when it leaves the manifest: true deletes it, false forgets it.
	Delete bool
	// Adopt is what to do about an existing secret of that name that isn't ours.
	Adopt AdoptPolicy
	// RenamedFrom is the name that it had before, or empty.
	RenamedFrom string
	// Generated says that apply generates the value at random.
	Generated bool
	// RotateAfter is the age at which the value is due for rotation; 0 for never.
	RotateAfter time.Duration
	// Overlap is how long the value that a new one replaces stays readable under the name
	// Previous; 0 for not at all.
	Overlap time.Duration
	// Previous is empty without an Overlap.
	Previous string
	// External says that it is managed elsewhere: it must exist, and is never written.
	External bool
	Pos      Position
}

// AdoptPolicy says what to do about an existing secret that isn't ours.
type AdoptPolicy string

// The policies. The zero value is a conflict.
const (
	// AdoptOverwrite takes it over and sets its value.
	AdoptOverwrite AdoptPolicy = "overwrite"
	// AdoptKeep takes it over and keeps its value.
	AdoptKeep AdoptPolicy = "keep"
	// AdoptVerify takes it over if its value is proven to be the desired one. Otherwise it is a
	// problem.
	AdoptVerify AdoptPolicy = "verify"
)

// ValueState says how a desired value compares with the last applied one.
type ValueState int

// The zero ValueState is invalid, so that it cannot be left out by mistake.
const (
	// ValueNew is a value with no fingerprint to compare with.
	ValueNew ValueState = iota + 1
	// ValueSame is a value whose fingerprint is the recorded one.
	ValueSame
	// ValueChanged is a value whose fingerprint is not the recorded one.
	ValueChanged
	// ValueReencrypted is a value whose ciphertext differs from the recorded one. Without the
	// keys it is unknown whether the value does.
	ValueReencrypted
	// ValueEdited is a value whose ciphertext differs from the recorded one, while others in
	// its file do not: the file was edited, not encrypted again as a whole.
	ValueEdited
	// ValueUnknown is a value that could not be read or compared.
	ValueUnknown
)

// UnmanagedPolicy says what to do about live secrets that the manifest does not declare.
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
	// Delete says that the store is to be deleted once it has left the manifest and is empty.
	Delete  bool
	Secrets []RecordedSecret
}

// RecordedSecret is a secret as the last apply left it.
type RecordedSecret struct {
	Name string
	// ID is empty while the outcome of its creation is unknown.
	ID      SecretID
	Scopes  []string
	Comment string
	// Modified is the modification time that Cloudflare reported for our last write; empty if
	// it reported none.
	Modified Modified
	// Status is StatusPending if Cloudflare had not activated our last write when it was last
	// looked at; otherwise empty.
	Status string
	// Applied is when the value was last sent.
	Applied time.Time
	// Accepted says that the user accepted a live state that we did not write, so that the
	// live value is not known: it may not be the recorded one.
	Accepted bool
	// Delete is the policy for when it leaves the manifest: true deletes it, false forgets it.
	Delete bool
	// PreviousOf is the secret whose earlier value it keeps; empty for other secrets.
	PreviousOf string
	// KeptSince is when that secret got another value. It is zero while both have the same one.
	KeptSince time.Time
	// Pending is a write that the last apply began and whose outcome it did not learn.
	Pending *Pending
}

// Pending is a write whose outcome is unknown.
type Pending struct {
	Op Op
	// Since is when the first request was about to be sent, and Until when the last one will
	// have ended.
	Since, Until time.Time
	// ListedAt is when the list was read that the write was decided on; zero if unknown.
	ListedAt time.Time
	// PreviousID is the id that a secret to be created had before a list lacked it. The list
	// may have lagged, so that the secret still exists. For a rename, it is the id of the
	// duplicate, once Cloudflare has reported it. For a retirement, it is the id of the secret
	// that is deleted.
	PreviousID SecretID
	// Value says that the write included the value, and not metadata alone.
	Value bool
}

// LiveStore is a store as Cloudflare reports it.
type LiveStore struct {
	Key     StoreKey
	ID      StoreID
	Secrets []LiveSecret
	// Incomplete says that Cloudflare's list of secrets was known to lack some. Secrets has the
	// recorded ones in any case, because they were read by their ids; others may be missing.
	Incomplete bool
}

// The values of [LiveSecret.Status] (docs/cloudflare-api.md §1.2). A secret is pending for a
// while after it was written, and active once it can be used.
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
	// Value is how the live value compares with the record's fingerprint.
	Value LiveValue
	// DesiredValue is how it compares with the desired one.
	DesiredValue LiveValue
	// RequestedValue is how it compares with the value that an interrupted creation asked for.
	RequestedValue LiveValue
}
