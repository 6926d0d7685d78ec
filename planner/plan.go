package planner

import "time"

// Plan is what has to be done, as plain data: it can be shown, saved, compared
// and hashed. It holds no value.
type Plan struct {
	// Actions are in the order in which they have to be done.
	Actions []Action
	// Notes are worth knowing and change nothing.
	Notes []Note
	// Problems forbid applying the plan.
	Problems []Problem
	// Unchanged counts the desired secrets that are as they should be.
	Unchanged int
	// Targeted says that the plan was limited to some secrets.
	Targeted bool
	// RotateOnly says that the plan was limited to rotations, and what their overlaps take ([Options.Rotate]). Unchanged is
	// not counted then.
	RotateOnly bool
	// Destroy says that nothing is desired on request ([Options.Destroy]).
	Destroy bool
}

// Op is what an action does.
type Op string

// The operations, in the order in which a plan does them.
const (
	OpCreateStore Op = "create-store"
	OpCreate      Op = "create"
	// OpRename duplicates a secret under its new name and deletes the old one. The value
	// never leaves Cloudflare.
	OpRename Op = "rename"
	// OpPrepare duplicates a secret under another name, where its value stays readable for a
	// while when it gets a new one. The value never leaves Cloudflare. A secret that the plan also
	// writes, without replacing its value, is duplicated after that.
	OpPrepare Op = "prepare"
	// OpRetire deletes a duplicate with an earlier value and duplicates the secret again.
	OpRetire Op = "retire"
	// OpAdopt takes over an existing secret.
	OpAdopt  Op = "adopt"
	OpUpdate Op = "update"
	// OpRotate gives a generated secret a new value. Whatever would send the value of another
	// secret again (it was changed outside, or a write was interrupted) does this to a
	// generated one, because its old value cannot be restored.
	OpRotate Op = "rotate"
	OpDelete Op = "delete"
	// OpDeleteStore deletes a store whose secrets are all gone.
	OpDeleteStore Op = "delete-store"
	// OpForget stops managing a secret and leaves Cloudflare as it is.
	OpForget Op = "forget"
	// OpRecord notes a changed policy, or a live state whose value is proven to be the desired one,
	// in the lockfile and leaves Cloudflare as it is.
	OpRecord Op = "record"
)

// CreatesSecret reports whether an operation creates a secret under its name.
func (o Op) CreatesSecret() bool { return o == OpCreate || o == OpRename || o.Duplicates() }

// Duplicates reports whether an operation duplicates a secret that keeps its name.
func (o Op) Duplicates() bool { return o == OpPrepare || o == OpRetire }

// Reason is why an action is in the plan. The renderer has the words for it.
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
	// ReasonValueChangedOutside is a live value that is proven not to be the recorded one.
	ReasonValueChangedOutside Reason = "value_changed_outside"
	// ReasonProven is a live value that is proven to be the desired one, so that it is not sent.
	ReasonProven Reason = "value_proven"
	// ReasonUnproven is a secret that an interrupted creation of ours or another client created.
	ReasonUnproven    Reason = "unproven"
	ReasonInterrupted Reason = "interrupted"
	ReasonNotDesired  Reason = "not_in_manifest"
	ReasonDestroy     Reason = "destroy"
	ReasonKeepPolicy  Reason = "delete_false"
	ReasonGone        Reason = "already_gone"
	ReasonPolicy      Reason = "delete_policy_changed"
	ReasonAdopted     Reason = "adopted"
	ReasonAdoptedKept Reason = "adopted_value_kept"
	// ReasonAdoptedProven is a secret that is adopted because its value is proven to be the desired
	// one.
	ReasonAdoptedProven Reason = "adopted_value_proven"
	// ReasonAdoptedIfProven is a secret that an apply adopts if that is proven.
	ReasonAdoptedIfProven Reason = "adopted_if_proven"
	ReasonRenamed         Reason = "renamed"
	ReasonRotationDue     Reason = "rotation_due"
	ReasonRotationAsked   Reason = "rotation_asked_for"
	ReasonExternal        Reason = "became_external"
	ReasonUnmanaged       Reason = "unmanaged"
	// ReasonReencrypted is a value that was encrypted again with its file: it may be unchanged.
	ReasonReencrypted Reason = "reencrypted"
	// ReasonOverlapOver is an earlier value that was kept long enough.
	ReasonOverlapOver Reason = "overlap_over"
	// ReasonReplacedAgain is an earlier value that can no longer be kept, because the value that
	// replaced it is replaced too.
	ReasonReplacedAgain Reason = "replaced_again"
	// ReasonEdited is a value that was encrypted again while others in its file were not: it
	// has changed, unless an edit was reverted.
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
	// From is the old name, for OpRename, and the secret that is duplicated, for OpPrepare and
	// OpRetire.
	From string
	// FromID is the id of the secret that is duplicated, for OpPrepare and OpRetire. It is empty
	// if the same plan creates it.
	FromID SecretID
	// Previous is the secret that has the value which the action replaces, and keeps it; empty
	// if none does.
	Previous string
	// ID is the live secret to update, rename, retire or delete, and Current its state when the
	// plan was built. Together they are the action's precondition.
	ID      SecretID
	Current LiveState
	Reasons []Reason
	// SetValue says that the value is sent. An update without it leaves the value alone.
	SetValue bool
	// Proven says that the live value is proven to be the desired one, and is recorded as such. It is
	// not part of a plan file: each plan proves it again.
	Proven bool
	// ValueID is DesiredSecret.ValueID of the value that is sent, or that a renamed secret
	// keeps.
	ValueID string
	// Scopes and Comment are the metadata that is sent; nil leaves it alone.
	Scopes  *Change[[]string]
	Comment *Change[string]
	// Delete is the policy to record for when the secret or the store leaves the manifest; nil
	// if no record remains.
	Delete *bool
	// Recovery is what the applier needs to recognize the work of an interrupted apply.
	Recovery Recovery
	// BeforeCreates makes a deletion run before the creations, because the quota leaves no
	// room otherwise.
	BeforeCreates bool
	// Source and SourceDigest are copied from the DesiredSecret.
	Source, SourceDigest string
	// Pos is where the manifest asks for it; zero if it does not.
	Pos Position
}

// Recovery is what is known about earlier requests for the secret of an action, whose
// outcome may be unknown. It is not part of a plan file: each plan works it out again.
type Recovery struct {
	// ListedAt is when the list was read that a creation, update or rename was decided on.
	ListedAt time.Time
	// SentWindow is when an interrupted apply may have created the secret; nil if none did.
	SentWindow *Window
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

// Change is a piece of metadata before and after. Before is the zero value for a secret that
// is created.
type Change[T any] struct {
	Before, After T
}

// NoteKind is what a note is about.
type NoteKind string

// The kinds of notes.
const (
	// NoteAccountUnread is a store that the plan leaves out, because its account could not be
	// read. These notes come first: the plan is incomplete.
	NoteAccountUnread NoteKind = "account_unread"
	// NoteUnmanaged is a live secret that the manifest does not declare.
	NoteUnmanaged NoteKind = "unmanaged"
	// NoteLagging is a list that shows an older state than our last write.
	NoteLagging NoteKind = "lagging_read"
	// NoteBackwards is a secret whose last change is older than our last write, although that
	// is too long ago for a list to lag: the lockfile was edited, or the store was restored.
	NoteBackwards NoteKind = "modified_backwards"
	// NoteActivated is a secret that became active after the last apply had ended, which moved
	// its modification time. It is assumed to have the value that was sent.
	NoteActivated NoteKind = "activated"
	// NoteListIncomplete is a store whose list of secrets was known to lack some.
	NoteListIncomplete NoteKind = "list_incomplete"
	// NoteMayExist is a secret that was missing from such a list, and is not recorded.
	NoteMayExist NoteKind = "may_exist"
	// NoteAssumedChanged is a secret whose modification time moved, while its scopes and comment
	// did not. Values cannot be read, so a changed one is assumed, and it is sent again.
	// Whether deploying a Worker that binds a secret moves its time is not known
	// (docs/cloudflare-api.md §12).
	NoteAssumedChanged NoteKind = "assumed_changed"
	// NoteValueLagging is a secret whose value was sent moments ago, while Workers still read another
	// one. They may not have the new value yet.
	NoteValueLagging NoteKind = "value_lagging"
	// NoteVerifiedAtApply is a secret that an apply adopts only if its value is proven to be the
	// desired one.
	NoteVerifiedAtApply NoteKind = "verified_at_apply"
	// NoteInterrupted is a record whose last write was interrupted.
	NoteInterrupted NoteKind = "interrupted"
	// NoteValueUnknown is a value that could not be compared.
	NoteValueUnknown NoteKind = "value_unknown"
	// NoteUnproven is a secret that an interrupted creation of ours, or another client, created
	// as it is desired. It is left alone.
	NoteUnproven NoteKind = "unproven"
	// NoteAccepted is a secret whose live state was accepted: its value is not known, and the
	// manifest's value is not sent until it changes.
	NoteAccepted NoteKind = "accepted"
	// NoteKeptOther is a secret that was adopted under AdoptKeep, and whose value is proven to differ
	// from the manifest's, which is not sent until it changes.
	NoteKeptOther NoteKind = "adopted_value_differs"
	// NoteAdoptIgnored is an adopt policy that does nothing, because the secret is recorded
	// already.
	NoteAdoptIgnored NoteKind = "adopt_ignored"
	// NoteOtherStore is an existing store of an account in which the plan creates one, and which
	// the manifest describes or whose creation it confirms. So far, Cloudflare has allowed one
	// store per account (docs/cloudflare-api.md §5).
	NoteOtherStore NoteKind = "other_store"
	// NoteRenamed is an old name that will be gone, so that its bindings break.
	NoteRenamed NoteKind = "renamed"
	// NoteMaybeRenamed is a secret with a new name that is created, because it is unknown
	// whether its value is the same. With the keys, it would be renamed if it is.
	NoteMaybeRenamed NoteKind = "maybe_renamed"
	// NoteRotationOverdue is a value past its rotate_after that is not generated, so that
	// apply cannot rotate it.
	NoteRotationOverdue NoteKind = "rotation_overdue"
	// NoteRotateNotDesired and the kinds that follow are secrets that match [Options.Rotate] and
	// cannot be rotated. This one left the manifest.
	NoteRotateNotDesired NoteKind = "not_rotated_not_in_manifest"
	// NoteRotateOtherSource is a secret whose value is not generated.
	NoteRotateOtherSource NoteKind = "not_rotated_other_source"
	// NoteRotateExternal is an external secret, which is never written.
	NoteRotateExternal NoteKind = "not_rotated_external"
	// NoteRotateNotLive is a secret that does not exist in Cloudflare.
	NoteRotateNotLive NoteKind = "not_rotated_not_live"
	// NoteRotateNotRecorded is a secret that exists and isn't ours.
	NoteRotateNotRecorded NoteKind = "not_rotated_not_in_lockfile"
	// NoteRotatePending is a secret whose creation, deletion, rename or adoption was
	// interrupted.
	NoteRotatePending NoteKind = "not_rotated_interrupted"
	// NoteKept is a secret that left the manifest under delete: false, in a store whose
	// unmanaged secrets are deleted. It stays recorded, so that it is not deleted.
	NoteKept NoteKind = "kept"
	// NoteStoreKept is a store that is not deleted because it has other secrets in it.
	NoteStoreKept NoteKind = "store_kept"
	// NoteBreaksWorker is a secret that Worker binds, at Pos or as it is deployed, and can no
	// longer use: it is deleted or renamed, or loses the scope that Worker needs. By Reader,
	// Worker may be an AI Gateway or a container registry.
	NoteBreaksWorker NoteKind = "breaks_worker"
	// NoteBindingsUnread is a configuration, named at Pos, whose bindings could not be read:
	// it is unknown whether its Worker breaks.
	NoteBindingsUnread NoteKind = "bindings_unread"
	// NoteChangedBy is a secret that others changed, or a store that they deleted, and who did:
	// Outside.
	NoteChangedBy NoteKind = "changed_by"
	// NoteReadersUnread is an account whose deployed readers of secrets could not all be read: it
	// is unknown which of them breaks.
	NoteReadersUnread NoteKind = "readers_unread"
)

// Note is something worth knowing that changes nothing.
type Note struct {
	Kind   NoteKind
	Store  StoreKey
	Secret string
	// Value is what is known about the live value, for NoteAccepted and NoteAssumedChanged.
	Value LiveValue
	// Reader and Worker are set for NoteBreaksWorker.
	Reader ReaderKind
	Worker string
	// Pos is set for NoteBreaksWorker, unless the Worker is deployed, and for NoteBindingsUnread.
	Pos Position
	// Outside is set for NoteChangedBy.
	Outside *OutsideChange
}

// ReaderKind is what reads a secret.
type ReaderKind string

// The kinds of readers.
const (
	// ReaderConfigured is a Worker as its wrangler configuration describes it.
	ReaderConfigured ReaderKind = ""
	// ReaderDeployed is a Worker as it is deployed.
	ReaderDeployed ReaderKind = "deployed_worker"
	// ReaderDispatched is a Worker that is deployed in a dispatch namespace. Its name is
	// NAMESPACE/WORKER.
	ReaderDispatched ReaderKind = "dispatched_worker"
	// ReaderGateway is an AI Gateway.
	ReaderGateway ReaderKind = "ai_gateway"
	// ReaderRegistry is a registry that containers pull images from. Its name is its domain.
	ReaderRegistry ReaderKind = "container_registry"
)

// ScopeWorkers is the scope of secrets that Workers may use.
const ScopeWorkers = "workers"

// ScopeAIGateway is the scope of secrets that AI Gateways may use.
const ScopeAIGateway = "ai_gateway"

// ScopeContainers is the scope of secrets that containers' registries may use.
const ScopeContainers = "containers"

// scope is the scope that a secret needs for this kind of reader.
func (k ReaderKind) scope() string {
	switch k {
	case ReaderGateway:
		return ScopeAIGateway
	case ReaderRegistry:
		return ScopeContainers
	}
	return ScopeWorkers
}

// ProblemKind is why a plan cannot be applied.
type ProblemKind string

// The kinds of problems.
const (
	// ProblemConflict is a desired secret that exists and isn't ours.
	ProblemConflict ProblemKind = "conflict"
	// ProblemUnproven is a desired secret that an interrupted creation of ours, or another
	// client at the same time, created: which of the two cannot be known.
	ProblemUnproven ProblemKind = "unproven"
	// ProblemAdoptOther is a secret under AdoptVerify whose value is proven not to be the desired one.
	ProblemAdoptOther ProblemKind = "adopt_value_differs"
	// ProblemAdoptUnreadable is one whose value no Worker can read.
	ProblemAdoptUnreadable ProblemKind = "adopt_unreadable"
	// ProblemAdoptUnverified is one whose value could not be verified.
	ProblemAdoptUnverified ProblemKind = "adopt_unverified"
	// ProblemExternalMissing is an external secret that does not exist.
	ProblemExternalMissing ProblemKind = "external_missing"
	// ProblemExternalScopes is an external secret that lacks scopes: Missing.
	ProblemExternalScopes ProblemKind = "external_scopes"
	// ProblemOtherPrefix is a recorded secret outside the store's prefix: the lockfile belongs
	// to another environment.
	ProblemOtherPrefix ProblemKind = "other_prefix"
	// ProblemOtherAccount is a recorded store whose account the manifest does not name, while
	// it names an account without records: the lockfile belongs to another account.
	ProblemOtherAccount ProblemKind = "other_account"
	// ProblemTooManyDeletes is a plan with Count deletions, while Limit are allowed.
	ProblemTooManyDeletes ProblemKind = "too_many_deletes"
	// ProblemQuota is an account that needs Count slots and has Limit.
	ProblemQuota ProblemKind = "quota"
	// ProblemBreaksWorker is NoteBreaksWorker under StrictBindings; Pos is in the
	// Worker's configuration.
	ProblemBreaksWorker ProblemKind = "breaks_worker"
	// ProblemReadersUnread is NoteReadersUnread under StrictBindings.
	ProblemReadersUnread ProblemKind = "readers_unread"
	// ProblemPreviousTaken is a name under which a secret should keep its earlier value, but which
	// belongs to another secret that isn't ours.
	ProblemPreviousTaken ProblemKind = "previous_taken"
	// ProblemNothingToRotate is a plan limited to rotations that has none. Notes say why not.
	ProblemNothingToRotate ProblemKind = "nothing_to_rotate"
	// ProblemOtherStore is a store to be created in an account that already has others, Existing,
	// which the manifest does not describe.
	ProblemOtherStore ProblemKind = "other_store"
	// ProblemSeveralStores is a store to be created in an account for which the manifest describes
	// others, Existing, which exist or are created by the same plan.
	ProblemSeveralStores ProblemKind = "several_stores"
	// ProblemForged is a lockfile, named at Pos, with Count fingerprints that no apply wrote with the
	// lockfile's key KeyID: those of Secrets. Matched other fingerprints match; see Input.Forged.
	ProblemForged ProblemKind = "forged_fingerprints"
)

// Problem forbids applying a plan.
type Problem struct {
	Kind   ProblemKind
	Store  StoreKey
	Secret string
	Pos    Position
	// Reader and Worker are set for ProblemBreaksWorker.
	Reader ReaderKind
	Worker string
	// KeyID, Secrets (as STORE/SECRET) and Matched are set for ProblemForged.
	KeyID   string
	Secrets []string
	Matched int
	// Missing are the missing scopes, for ProblemExternalScopes.
	Missing []string
	// Existing are the names of the account's stores, for ProblemOtherStore and
	// ProblemSeveralStores.
	Existing []string
	// Count and Limit are the requested and the allowed number.
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

// UnreadAccounts counts the accounts that the plan leaves out, because they could not be read.
func (p *Plan) UnreadAccounts() int {
	accounts := map[AccountID]bool{}
	for _, n := range p.Notes {
		if n.Kind == NoteAccountUnread {
			accounts[n.Store.Account] = true
		}
	}
	return len(accounts)
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
