package planner

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
}

// Op is what an action does.
type Op string

// The operations, in the order in which a plan does them.
const (
	OpCreateStore Op = "create-store"
	OpCreate      Op = "create"
	OpUpdate      Op = "update"
	OpDelete      Op = "delete"
	// OpForget stops managing a secret and leaves Cloudflare as it is.
	OpForget Op = "forget"
	// OpRecord notes a changed policy in the lockfile and leaves Cloudflare as it is.
	OpRecord Op = "record"
)

// Writes reports whether the operation changes anything in Cloudflare.
func (o Op) Writes() bool { return o != OpForget && o != OpRecord }

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
)

// Action is one step of a plan.
type Action struct {
	Op    Op
	Store StoreKey
	// StoreID is empty where the store is still to be created.
	StoreID StoreID
	// Secret is the secret's name; empty for OpCreateStore.
	Secret string
	// ID is the live secret to update or delete.
	ID      SecretID
	Reasons []Reason
	// SetValue says that the value is sent. An update without it leaves the value alone.
	SetValue bool
	// Scopes and Comment are what is sent: nil leaves them alone.
	Scopes  *Change[[]string]
	Comment *Change[string]
	// Source tells where the value comes from, in words for people.
	Source string
	// Pos is where the manifest asks for it, where it does.
	Pos Position
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
	// NoteInterrupted is a record whose last write was cut short.
	NoteInterrupted NoteKind = "interrupted"
	// NoteValueUnknown is a value that could not be compared.
	NoteValueUnknown NoteKind = "value_unknown"
	// NoteOtherStore is a store that an account has, where the plan creates one:
	// an account has had one store at most until now (CLOUDFLARE_API.md 5).
	NoteOtherStore NoteKind = "other_store"
)

// Note is something worth knowing that changes nothing.
type Note struct {
	Kind   NoteKind
	Store  StoreKey
	Secret string
}

// ProblemKind is why a plan cannot be applied.
type ProblemKind string

// The kinds of problems.
const (
	// ProblemConflict is a desired secret that exists and isn't ours.
	ProblemConflict ProblemKind = "conflict"
)

// Problem forbids applying a plan.
type Problem struct {
	Kind   ProblemKind
	Store  StoreKey
	Secret string
	Pos    Position
}

// Writes counts the actions that change something in Cloudflare.
func (p *Plan) Writes() int {
	n := 0
	for _, a := range p.Actions {
		if a.Op.Writes() {
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
