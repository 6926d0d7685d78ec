package planner

import "time"

// Plan is what has to be done, as plain data: it can be shown, saved, compared
// and hashed. It holds no value.
type Plan struct {
	// Actions are in the order in which they have to be done.
	Actions []Action
	// Notes tell what is worth knowing and changes nothing.
	Notes []Note
	// Problems forbid applying the plan.
	Problems []Problem
	// Unchanged counts the desired secrets that are as they should be.
	Unchanged int
	// Targeted says that the plan was limited to some secrets.
	Targeted bool
}

// Op is what an action does.
type Op string

// The operations, in the order in which a plan does them.
const (
	OpCreateStore Op = "create-store"
	OpCreate      Op = "create"
	// OpRename duplicates a secret under its new name and deletes the old one: its
	// value never leaves Cloudflare.
	OpRename Op = "rename"
	// OpAdopt takes over an existing secret.
	OpAdopt  Op = "adopt"
	OpUpdate Op = "update"
	// OpRotate gives a generated secret a new value.
	OpRotate Op = "rotate"
	OpDelete Op = "delete"
	// OpDeleteStore deletes a store whose secrets are all gone.
	OpDeleteStore Op = "delete-store"
	// OpForget stops managing a secret and leaves Cloudflare as it is.
	OpForget Op = "forget"
	// OpRecord notes a changed policy in the lockfile and leaves Cloudflare as it is.
	OpRecord Op = "record"
)

// Reason is why an action is there. Words for it live in the renderer.
type Reason string

// The reasons.
const (
	ReasonNew            Reason = "new"
	ReasonDeletedOutside Reason = "deleted_outside"
	ReasonValue          Reason = "value_changed"
	ReasonScopes         Reason = "scopes_changed"
	ReasonComment        Reason = "comment_changed"
	ReasonChangedOutside Reason = "changed_outside"
	ReasonReplaced       Reason = "replaced_outside"
	ReasonInterrupted    Reason = "interrupted"
	ReasonNotDesired     Reason = "not_in_manifest"
	ReasonKeepPolicy     Reason = "delete_false"
	ReasonGone           Reason = "already_gone"
	ReasonPolicy         Reason = "delete_policy_changed"
	ReasonAdopted        Reason = "adopted"
	ReasonAdoptedKept    Reason = "adopted_value_kept"
	ReasonRenamed        Reason = "renamed"
	ReasonRotationDue    Reason = "rotation_due"
	ReasonRotationAsked  Reason = "rotation_asked_for"
	ReasonExternal       Reason = "supplied_by_somebody_else"
	ReasonUnmanaged      Reason = "unmanaged"
	// ReasonReencrypted is a value whose whole file was encrypted again: it may be the same.
	ReasonReencrypted Reason = "reencrypted"
	// ReasonEdited is a value that was encrypted again, and others of its file were not: it
	// is another, unless it was changed back.
	ReasonEdited Reason = "ciphertext_changed"
)

// Action is one step of a plan.
type Action struct {
	Op    Op
	Store StoreKey
	// StoreID is empty where the store is still to be created.
	StoreID StoreID
	// Secret is the secret's name; empty for OpCreateStore.
	Secret string
	// From is the name before, for OpRename.
	From string
	// ID is the live secret to update, rename or delete, and Current its state when the
	// plan was made. Together they are the action's precondition.
	ID      SecretID
	Current LiveState
	Reasons []Reason
	// SetValue says that the value is sent. An update without it leaves the value alone.
	SetValue bool
	// ValueID stands for the value that is sent, or that a renamed secret keeps:
	// DesiredSecret.ValueID.
	ValueID string
	// Scopes and Comment are what is sent: nil leaves them alone.
	Scopes  *Change[[]string]
	Comment *Change[string]
	// Delete is the policy that is recorded for the day the secret, or the store, leaves the
	// manifest: nil where nothing stays recorded.
	Delete *bool
	// Recovery is what the applier needs to recognize the work of an interrupted apply.
	Recovery Recovery
	// BeforeCreates makes a deletion run before the creations, because the quota leaves no
	// room otherwise.
	BeforeCreates bool
	// Source tells where the value comes from, in words for people, and SourceDigest what
	// the words leave out.
	Source, SourceDigest string
	// Pos is where the manifest asks for it, where it does.
	Pos Position
}

// Recovery is what is known about earlier requests for the secret of an action, whose
// outcome may be unknown. It is not part of a plan file: each plan works it out again.
type Recovery struct {
	// ListedAt is when the list was read that a creation, update or rename was decided on.
	ListedAt time.Time
	// SentWindow is when an interrupted apply may have created the secret; zero if none did.
	SentWindow Window
	// PreviousID is the id that a secret to be created had, before a list lacked it. A list
	// that lags may lack it although it exists.
	PreviousID SecretID
	// ValueUnchanged says that an update sends the value that was last applied: a write of
	// the metadata alone was interrupted, and the value may have been changed since then.
	ValueUnchanged bool
}

// Writes reports whether the action changes anything in Cloudflare.
func (a Action) Writes() bool {
	switch a.Op {
	case OpForget, OpRecord:
		return false
	case OpAdopt:
		return a.SetValue || a.Scopes != nil || a.Comment != nil
	}
	return true
}

// Change is a piece of metadata before and after. Before is the zero value for
// a secret that is created.
type Change[T any] struct {
	Before, After T
}

// NoteKind is what a note is about.
type NoteKind string

// The kinds of notes.
const (
	// NoteUnmanaged is a live secret that nobody declared.
	NoteUnmanaged NoteKind = "unmanaged"
	// NoteLagging is a list that shows an older state than our last write.
	NoteLagging NoteKind = "lagging_read"
	// NoteBackwards is a secret that was last changed before our last write, too long
	// ago for a list that lags: the lockfile was edited, or the store put back.
	NoteBackwards NoteKind = "modified_backwards"
	// NoteInterrupted is a record whose last write was cut short.
	NoteInterrupted NoteKind = "interrupted"
	// NoteValueUnknown is a value that could not be compared.
	NoteValueUnknown NoteKind = "value_unknown"
	// NoteOtherStore is a store that an account has, where the plan creates one:
	// an account has had one store at most until now (docs/cloudflare-api.md §5).
	NoteOtherStore NoteKind = "other_store"
	// NoteRenamed is an old name that is about to go: who binds it breaks.
	NoteRenamed NoteKind = "renamed"
	// NoteMaybeRenamed is a secret that is made and had another name before: with a key at
	// hand it is renamed, if its value is the same.
	NoteMaybeRenamed NoteKind = "maybe_renamed"
	// NoteRotationOverdue is a value past its rotate_after that we cannot make anew.
	NoteRotationOverdue NoteKind = "rotation_overdue"
	// NoteKept is a secret that left the manifest under delete: false, in a store
	// whose unmanaged secrets are deleted: it stays recorded, so that it stays.
	NoteKept NoteKind = "kept"
	// NoteStoreKept is a store that would be deleted, were nobody else's secrets in it.
	NoteStoreKept NoteKind = "store_kept"
	// NoteBreaksWorker is a secret that Worker binds, as said at Pos, and that goes, gets
	// another name, or can be used by Workers no longer.
	NoteBreaksWorker NoteKind = "breaks_worker"
	// NoteBindingsUnread is a configuration, named at Pos, whose bindings could not be
	// read: whether a Worker breaks is not known.
	NoteBindingsUnread NoteKind = "bindings_unread"
)

// Note is something worth knowing that changes nothing.
type Note struct {
	Kind   NoteKind
	Store  StoreKey
	Secret string
	// Worker is of NoteBreaksWorker.
	Worker string
	// Pos is of NoteBreaksWorker and NoteBindingsUnread.
	Pos Position
}

// ProblemKind is why a plan cannot be applied.
type ProblemKind string

// The kinds of problems.
const (
	// ProblemConflict is a desired secret that exists and isn't ours.
	ProblemConflict ProblemKind = "conflict"
	// ProblemExternalMissing is an external secret that does not exist.
	ProblemExternalMissing ProblemKind = "external_missing"
	// ProblemExternalScopes is an external secret that lacks scopes: Missing.
	ProblemExternalScopes ProblemKind = "external_scopes"
	// ProblemOtherPrefix is a recorded secret outside the store's prefix: the
	// lockfile is another environment's.
	ProblemOtherPrefix ProblemKind = "other_prefix"
	// ProblemOtherAccount is a recorded store whose account nobody names any more,
	// while another account is new: the records are not of the account that is meant.
	ProblemOtherAccount ProblemKind = "other_account"
	// ProblemTooManyDeletes is a plan with Count deletions where Limit are allowed.
	ProblemTooManyDeletes ProblemKind = "too_many_deletes"
	// ProblemQuota is an account that needs Count slots where there are Limit.
	ProblemQuota ProblemKind = "quota"
	// ProblemBreaksWorker is NoteBreaksWorker under StrictBindings; Pos is in the
	// Worker's configuration.
	ProblemBreaksWorker ProblemKind = "breaks_worker"
	// ProblemForged is a lockfile, named at Pos, with Count fingerprints, of Secrets, that no
	// apply wrote under its key KeyID, while Matched are its: Input.Forged.
	ProblemForged ProblemKind = "forged_fingerprints"
)

// Problem forbids applying a plan.
type Problem struct {
	Kind   ProblemKind
	Store  StoreKey
	Secret string
	Pos    Position
	// Worker is of ProblemBreaksWorker.
	Worker string
	// KeyID, Secrets, as STORE/SECRET, and Matched are of ProblemForged.
	KeyID   string
	Secrets []string
	Matched int
	// Missing are scopes.
	Missing []string
	// Count and Limit are what is asked for and what is allowed.
	Count, Limit int
}

// Writes counts the actions that change something in Cloudflare.
func (p *Plan) Writes() int {
	n := 0
	for _, a := range p.Actions {
		if a.Writes() {
			n++
		}
	}
	return n
}

// Count counts the actions of one operation.
func (p *Plan) Count(op Op) int {
	n := 0
	for _, a := range p.Actions {
		if a.Op == op {
			n++
		}
	}
	return n
}
