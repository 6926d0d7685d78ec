package planfile

import (
	"slices"

	"github.com/secretsync/secretsync/planner"
)

// Action is one step.
type Action struct {
	// Op is what is done.
	Op planner.Op `json:"op"`
	// AccountID is the account's id, which may be empty in a plan without one (--offline).
	AccountID string `json:"account_id"`
	// Store is the store's name in Cloudflare.
	Store string `json:"store"`
	// Secret is empty for the actions on a store.
	Secret string `json:"secret,omitempty"`
	// From is the old name, for a rename, and the secret that is duplicated, for a preparation or a
	// retirement.
	From string `json:"from,omitempty"`
	// Previous is the secret that keeps the value which the action replaces.
	Previous string `json:"previous,omitempty"`

	// Reasons are why.
	Reasons []planner.Reason `json:"reasons"`
	// Value identifies the value that is sent, or that a renamed secret keeps. Other actions
	// have none.
	Value string `json:"value,omitempty" jsonschema:"pattern=^(unverified|(hmac-)?sha256:[0-9a-f]{64})$"`
	// Scopes are the scopes that are sent; absent if they are left alone.
	Scopes *Change[[]string] `json:"scopes,omitempty"`
	// Comment is the comment that is sent; absent if it is left alone.
	Comment *Change[string] `json:"comment,omitempty"`
	// Delete is the policy to record for when it leaves the manifest: true deletes it, false
	// forgets it.
	Delete *bool `json:"delete,omitempty"`
	// Source describes for people where the value comes from.
	Source string `json:"source,omitempty"`
	// SourceDigest covers the details that Source leaves out, such as a command's arguments, if
	// the value is unverified.
	SourceDigest string `json:"source_digest,omitempty" jsonschema:"pattern=^sha256:[0-9a-f]{64}$"`
	// Early says that a deletion comes before the creations, because the quota leaves no room.
	Early bool `json:"early,omitempty"`
	// Precondition is the state of the live secret or store that the action expects.
	Precondition *Precondition `json:"precondition,omitempty"`
	// Position is where the manifest declares the secret or the store.
	Position planner.Position `json:"position,omitzero"`
}

// Change is a piece of metadata before and after.
type Change[T any] struct {
	// Before is what the live secret has.
	Before T `json:"before"`
	// After is what is sent.
	After T `json:"after"`
}

// Precondition is the state of a live secret or store when the plan was built.
type Precondition struct {
	// StoreID is the store's id.
	StoreID string `json:"store_id"`
	// ID is the secret's id; absent for a store.
	ID string `json:"id,omitempty"`
	// Modified is when the secret was last changed, as Cloudflare writes it.
	Modified string `json:"modified,omitempty"`
	// Scopes are the secret's scopes, sorted.
	Scopes []string `json:"scopes,omitempty"`
	// Comment is the secret's comment.
	Comment string `json:"comment,omitempty"`
}

func fromAction(a planner.Action) Action {
	f := Action{
		Op: a.Op, AccountID: string(a.Store.Account), Store: a.Store.Name, Secret: a.Secret, From: a.From, Previous: a.Previous,
		Reasons: append([]planner.Reason{}, a.Reasons...), Value: a.ValueID, Delete: a.Delete, Early: a.BeforeCreates, Position: a.Pos,
	}
	if a.SetValue || a.Op == planner.OpRename {
		f.Source = a.Source
		if f.Value == "" {
			f.Value = Unverified
		}
		if f.Value == Unverified {
			f.SourceDigest = a.SourceDigest
		}
	}
	if a.Scopes != nil {
		f.Scopes = &Change[[]string]{Before: list(a.Scopes.Before), After: list(a.Scopes.After)}
	}
	if a.Comment != nil {
		f.Comment = &Change[string]{a.Comment.Before, a.Comment.After}
	}
	switch {
	case a.ID != "":
		f.Precondition = &Precondition{
			StoreID: string(a.StoreID), ID: string(a.ID), Modified: string(a.Current.Modified),
			Scopes: slices.Sorted(slices.Values(a.Current.Scopes)), Comment: a.Current.Comment,
		}
	case a.Op == planner.OpDeleteStore:
		f.Precondition = &Precondition{StoreID: string(a.StoreID)}
	}
	return f
}

// list keeps an empty list from becoming null.
func list(scopes []string) []string { return append([]string{}, scopes...) }

func (f Action) action() planner.Action {
	a := planner.Action{
		Op: f.Op, Store: planner.StoreKey{Account: planner.AccountID(f.AccountID), Name: f.Store}, Secret: f.Secret, From: f.From, Previous: f.Previous,
		Reasons: f.Reasons, SetValue: f.Value != "" && f.Op != planner.OpRename, ValueID: f.Value, Delete: f.Delete,
		Source: f.Source, SourceDigest: f.SourceDigest, BeforeCreates: f.Early, Pos: f.Position,
	}
	if f.Scopes != nil {
		a.Scopes = &planner.Change[[]string]{Before: f.Scopes.Before, After: f.Scopes.After}
	}
	if f.Comment != nil {
		a.Comment = &planner.Change[string]{Before: f.Comment.Before, After: f.Comment.After}
	}
	if p := f.Precondition; p != nil {
		a.StoreID, a.ID = planner.StoreID(p.StoreID), planner.SecretID(p.ID)
		a.Current = planner.LiveState{Metadata: planner.Metadata{Scopes: p.Scopes, Comment: p.Comment}, Modified: planner.Modified(p.Modified)}
	}
	return a
}

// Warning is something worth knowing that changes nothing.
type Warning struct {
	// Kind is what the warning is about.
	Kind planner.NoteKind `json:"kind"`
	// AccountID is the account's id; absent if the warning is about no account.
	AccountID string `json:"account_id,omitempty"`
	// Store is the store's name in Cloudflare; absent if the warning is about no store.
	Store string `json:"store,omitempty"`
	// Secret is the secret's name; absent if the warning is about no secret.
	Secret string `json:"secret,omitempty"`
	// Value is what is known about the live value: same, other or unreadable. It is absent if
	// nothing is.
	Value planner.LiveValue `json:"value,omitempty" jsonschema:"enum=same,enum=other,enum=unreadable"`
	// Worker is the Worker, AI Gateway or container registry that breaks.
	Worker string `json:"worker,omitempty"`
	// Reader is which of them Worker is; absent for a Worker by its configuration.
	Reader planner.ReaderKind `json:"reader,omitempty"`
	// Position is where the Worker's configuration binds the secret, or the manifest declares it; what
	// is deployed has none.
	Position planner.Position `json:"position,omitzero"`
	// ChangedBy is who made the change that the warning is about.
	ChangedBy *ChangedBy `json:"changed_by,omitempty"`
}

// ChangedBy is what an audit log says about a change by others.
type ChangedBy struct {
	// Logged is false if the audit log does not have the change yet. The other fields are absent
	// then.
	Logged bool `json:"logged"`
	// Time is when the change was made.
	Time string `json:"time,omitempty"`
	// Actor is an e-mail address, the name of an API token, or an id.
	Actor string `json:"actor,omitempty"`
	// Channel is how the change was made, in Cloudflare's words: dash, api_token, api_key, oauth.
	Channel string `json:"channel,omitempty"`
	// ValueModified says whether the change set a value; absent if that is not known.
	ValueModified *bool `json:"value_modified,omitempty"`
	// ValueModifiedBefore says that this change set no value, but an earlier one since the last apply
	// did.
	ValueModifiedBefore bool `json:"value_modified_before,omitempty"`
	// MetadataOnly says that no change since the last apply set a value.
	MetadataOnly bool `json:"metadata_only,omitempty"`
}

// NewChangedBy describes a change; nil for nil.
func NewChangedBy(o *planner.OutsideChange) *ChangedBy {
	if o == nil {
		return nil
	}
	c := &ChangedBy{Logged: o.At != "", Time: string(o.At), Actor: o.Actor, Channel: o.Channel, MetadataOnly: o.MetadataOnly,
		ValueModifiedBefore: o.ValueBefore}
	if o.Value != "" {
		c.ValueModified = new(o.Value == planner.ValueModified)
	}
	return c
}

func (c *ChangedBy) outside() *planner.OutsideChange {
	if c == nil {
		return nil
	}
	o := &planner.OutsideChange{At: planner.Modified(c.Time), Actor: c.Actor, Channel: c.Channel, ValueBefore: c.ValueModifiedBefore,
		MetadataOnly: c.MetadataOnly}
	switch {
	case c.ValueModified == nil:
	case *c.ValueModified:
		o.Value = planner.ValueModified
	default:
		o.Value = planner.ValueKept
	}
	return o
}

func fromNote(n planner.Note) Warning {
	return Warning{n.Kind, string(n.Store.Account), n.Store.Name, n.Secret, n.Value, n.Worker, n.Reader, n.Pos, NewChangedBy(n.Outside)}
}

func (w Warning) note() planner.Note {
	return planner.Note{
		Kind: w.Kind, Store: planner.StoreKey{Account: planner.AccountID(w.AccountID), Name: w.Store}, Secret: w.Secret,
		Value: w.Value, Worker: w.Worker, Reader: w.Reader, Pos: w.Position, Outside: w.ChangedBy.outside(),
	}
}

// Problem is why a plan cannot be applied.
type Problem struct {
	// Kind is what the problem is about.
	Kind planner.ProblemKind `json:"kind"`
	// AccountID is the account's id; absent if the problem is about no account.
	AccountID string `json:"account_id,omitempty"`
	// Store is the store's name in Cloudflare; absent if the problem is about no store.
	Store string `json:"store,omitempty"`
	// Secret is the secret's name; absent if the problem is about no secret.
	Secret string `json:"secret,omitempty"`
	// Worker is the Worker, AI Gateway or container registry that breaks.
	Worker string `json:"worker,omitempty"`
	// Reader is which of them Worker is, as in a warning.
	Reader planner.ReaderKind `json:"reader,omitempty"`
	// KeyID is the fingerprint key that the lockfile names, if fingerprints were forged.
	KeyID string `json:"key_id,omitempty"`
	// Missing are the missing scopes.
	Missing []string `json:"missing,omitempty"`
	// Existing are the stores that the account has, if the plan would create another.
	Existing []string `json:"existing,omitempty"`
	// Count is the number that the plan asks for.
	Count int `json:"count,omitempty"`
	// Limit is the number that is allowed.
	Limit int `json:"limit,omitempty"`
	// Secrets are the secrets, as STORE/SECRET, whose fingerprints do not match that key.
	Secrets []string `json:"secrets,omitempty"`
	// Matched counts the fingerprints that match it.
	Matched int `json:"matched,omitempty"`
	// Position is where the manifest declares what the problem is about, or the Worker binds it.
	Position planner.Position `json:"position,omitzero"`
}

func fromProblem(q planner.Problem) Problem {
	return Problem{
		q.Kind, string(q.Store.Account), q.Store.Name, q.Secret, q.Worker, q.Reader, q.KeyID, q.Missing, q.Existing, q.Count, q.Limit,
		q.Secrets, q.Matched, q.Pos,
	}
}

func (q Problem) problem() planner.Problem {
	return planner.Problem{
		Kind: q.Kind, Store: planner.StoreKey{Account: planner.AccountID(q.AccountID), Name: q.Store}, Secret: q.Secret,
		Worker: q.Worker, Reader: q.Reader, KeyID: q.KeyID, Secrets: q.Secrets, Matched: q.Matched, Missing: q.Missing, Existing: q.Existing,
		Count: q.Count, Limit: q.Limit, Pos: q.Position,
	}
}
