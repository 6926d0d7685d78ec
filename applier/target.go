package applier

import (
	"context"
	"errors"

	"github.com/secretsync/secretsync/planner"
)

// BatchSize is the largest number of secrets created in one request. Cloudflare
// documents no limit. 100 is an account's quota, and what other clients send
// (docs/cloudflare-api.md §1.3).
const BatchSize = 100

// Target is one Cloudflare account.
//
// Its methods retry a request by themselves if that can do no harm. Their errors match the
// sentinel errors of this package with errors.Is.
type Target interface {
	// ListStores lists the account's stores, without their secrets. If the list is incomplete, it
	// returns it together with an ErrIncomplete.
	ListStores(ctx context.Context) ([]planner.LiveStore, error)
	// ListSecrets lists all secrets of a store that are not deleted. If the list is incomplete, it
	// returns it together with an ErrIncomplete.
	ListSecrets(ctx context.Context, store planner.StoreID) ([]planner.LiveSecret, error)
	// CreateStore creates a store. It does not retry after an unknown outcome.
	CreateStore(ctx context.Context, name string) (planner.StoreID, error)
	// CreateSecrets creates up to BatchSize secrets in one request and returns them
	// in the order of the argument. It does not retry after an unknown outcome.
	CreateSecrets(ctx context.Context, store planner.StoreID, secrets []NewSecret, beforeSend BeforeSend) ([]planner.LiveSecret, error)
	// UpdateSecret changes the fields that p sets.
	UpdateSecret(ctx context.Context, store planner.StoreID, id planner.SecretID, p Patch) (planner.LiveSecret, error)
	// DuplicateSecret creates a secret with the value of another, which never leaves
	// Cloudflare. It does not retry after an unknown outcome.
	DuplicateSecret(ctx context.Context, store planner.StoreID, id planner.SecretID, d Duplicate, beforeSend BeforeSend) (planner.LiveSecret, error)
	// DeleteStore deletes a store. Cloudflare refuses that if the store holds secrets.
	DeleteStore(ctx context.Context, store planner.StoreID) error
	// DeleteSecret deletes a secret. It is not an error if the secret does not exist.
	DeleteSecret(ctx context.Context, store planner.StoreID, id planner.SecretID) error
}

// NewSecret is a secret to create.
type NewSecret struct {
	Name   string
	Value  Value
	Scopes []string
	// Comment is nil for none.
	Comment *string
}

// Duplicate is the secret that DuplicateSecret creates with the value of another.
type Duplicate struct {
	Name   string
	Scopes []string
	// Comment is nil for none.
	Comment *string
}

// Patch is what an update changes: fields that are unset stay as they are.
type Patch struct {
	Value   Value
	Scopes  []string
	Comment *string
	// Before is the current comment. The result has it if neither the answer nor the patch
	// has a comment.
	Before string
}

// ResendAfter is the shortest delay after which a POST is journaled again before it is sent.
const ResendAfter = planner.ResendAfter

// BeforeSend journals that a POST which creates secrets is sent now, later than the journal
// says: a secret that it creates is recognized by the time of the request.
//
// A [Target] calls it right before it sends a request that waited ResendAfter or longer, as
// for the rate limit, since the method was called or the request was last sent. If BeforeSend
// returns an error, the request is not sent, and that error is the cause of the method's. It is
// nil if nothing has to be journaled.
type BeforeSend func() error

// What an error of a [Target] can mean. Any other error means that the request
// was refused and changed nothing.
var (
	// ErrOutcomeUnknown means that a request may or may not have taken effect.
	ErrOutcomeUnknown = errors.New("the outcome is unknown")
	// ErrNameTaken means that a secret of that name exists already. The error may have a
	// method NameTaken(name string) bool, which reports whether name is in conflict.
	ErrNameTaken = errors.New("a secret of that name exists already")
	// ErrNotFound means that the store or secret does not exist.
	ErrNotFound = errors.New("not found")
	// ErrInvalid means that the request was refused because of its content.
	ErrInvalid = errors.New("refused as invalid")
	// ErrTooLarge means that the request was refused because of its size.
	ErrTooLarge = errors.New("the request is too large")
	// ErrIncomplete means that a list is known to lack entries: the API counts more than it
	// lists. The list that comes with the error has the others. That something is missing from
	// it proves nothing.
	ErrIncomplete = errors.New("the list is incomplete")
	// ErrQuota means that the account has no room for more secrets or stores.
	ErrQuota = errors.New("the quota is used up")
)
