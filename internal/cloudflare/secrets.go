package cloudflare

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/cloudflare/cloudflare-go/v4/option"
	"github.com/cloudflare/cloudflare-go/v4/secrets_store"
	"github.com/secretsync/secretsync/applier"
	"github.com/secretsync/secretsync/planner"
)

// statusDeleted is the status of a secret that no longer exists (docs/cloudflare-api.md §1.2).
const statusDeleted = "deleted"

// ListSecrets lists all secrets of a store that are not deleted.
func (c *Client) ListSecrets(ctx context.Context, store planner.StoreID) ([]planner.LiveSecret, error) {
	const op = "listing secrets"
	if err := checkID("store", string(store)); err != nil {
		return nil, fmt.Errorf("%s: %w", op, err)
	}
	found, err := list[wireSecret](ctx, c, op, func(page ...option.RequestOption) *request {
		r := &request{op: op}
		var p secrets_store.StoreSecretListParams
		p.AccountID.Value = c.account
		_, r.err = c.stores.Secrets.List(ctx, string(store), p, r.options(page...)...)
		return r
	})
	if err != nil && !errors.Is(err, applier.ErrIncomplete) {
		return nil, err
	}
	var live []planner.LiveSecret
	for _, s := range found {
		if s.Status != statusDeleted {
			live = append(live, s.live())
		}
	}
	return live, err
}

// GetSecret reads one secret. Its error is [applier.ErrNotFound] if there is none.
func (c *Client) GetSecret(ctx context.Context, store planner.StoreID, id planner.SecretID) (planner.LiveSecret, error) {
	const op = "reading a secret"
	if err := checkIDs(store, id); err != nil {
		return planner.LiveSecret{}, fmt.Errorf("%s: %w", op, err)
	}
	r := &request{op: op}
	var p secrets_store.StoreSecretGetParams
	p.AccountID.Value = c.account
	_, r.err = c.stores.Secrets.Get(ctx, string(store), string(id), p, r.options()...)
	s, err := send(ctx, c, r, readResult[wireSecret])
	switch {
	case err != nil:
		return planner.LiveSecret{}, err
	case s.Status == statusDeleted:
		return planner.LiveSecret{}, fmt.Errorf("%s: %w", op, applier.ErrNotFound)
	}
	return s.live(), nil
}

// CreateSecrets creates secrets in one request and returns them in the order of the
// argument. It does not retry after an unknown outcome.
func (c *Client) CreateSecrets(
	ctx context.Context, store planner.StoreID, secrets []applier.NewSecret, beforeSend applier.BeforeSend,
) ([]planner.LiveSecret, error) {
	if len(secrets) == 0 {
		return nil, nil
	}
	op := "creating a secret"
	if n := len(secrets); n > 1 {
		op = fmt.Sprintf("creating %d secrets", n)
	}
	if err := checkID("store", string(store)); err != nil {
		return nil, fmt.Errorf("%s: %w", op, err)
	}
	body, err := createBody(secrets)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", op, err)
	}
	r := &request{op: op, body: body, beforeSend: beforeSend}
	var p secrets_store.StoreSecretNewParams
	p.AccountID.Value = c.account
	_, r.err = c.stores.Secrets.New(ctx, string(store), p, r.options()...)
	return send(ctx, c, r, func(env *envelope) ([]planner.LiveSecret, bool) { return readCreated(env, secrets) })
}

// readCreated decodes the answer to a create, in the order of asked. It returns false if
// one of the secrets is missing.
func readCreated(env *envelope, asked []applier.NewSecret) ([]planner.LiveSecret, bool) {
	var answered []wireSecret
	if json.Unmarshal(env.Result, &answered) != nil {
		return nil, false
	}
	byName := map[string]wireSecret{}
	for _, s := range answered {
		byName[s.Name] = s
	}
	live := make([]planner.LiveSecret, len(asked))
	for i, n := range asked {
		s := byName[n.Name]
		if !s.valid() {
			return nil, false
		}
		live[i] = s.after(n.Comment, "")
	}
	return live, true
}

// UpdateSecret changes the fields that patch sets.
func (c *Client) UpdateSecret(
	ctx context.Context, store planner.StoreID, id planner.SecretID, patch applier.Patch,
) (planner.LiveSecret, error) {
	const op = "updating a secret"
	if err := checkIDs(store, id); err != nil {
		return planner.LiveSecret{}, fmt.Errorf("%s: %w", op, err)
	}
	body, err := patchBody(patch)
	if err != nil {
		return planner.LiveSecret{}, fmt.Errorf("%s: %w", op, err)
	}
	r := &request{op: op, body: body}
	var p secrets_store.StoreSecretEditParams
	p.AccountID.Value = c.account
	_, r.err = c.stores.Secrets.Edit(ctx, string(store), string(id), p, r.options()...)
	s, err := send(ctx, c, r, func(env *envelope) (wireSecret, bool) { return readUpdated(env, id) })
	if err != nil {
		return planner.LiveSecret{}, err
	}
	if s.Modified == "" { // the only sign of a change by another client, later on
		if live, err := c.GetSecret(ctx, store, id); err == nil {
			s.Modified = live.Modified
		}
	}
	return s.after(patch.Comment, patch.Before), nil
}

// readUpdated decodes the answer to an update, which may omit the id.
func readUpdated(env *envelope, id planner.SecretID) (wireSecret, bool) {
	s := wireSecret{ID: string(id)}
	ok := len(env.Result) == 0 || json.Unmarshal(env.Result, &s) == nil && s.ID == string(id)
	return s, ok
}

// DuplicateSecret creates another secret with the same value, which never leaves
// Cloudflare. It does not retry after an unknown outcome.
func (c *Client) DuplicateSecret(
	ctx context.Context, store planner.StoreID, id planner.SecretID, d applier.Duplicate, beforeSend applier.BeforeSend,
) (planner.LiveSecret, error) {
	const op = "duplicating a secret"
	if err := checkIDs(store, id); err != nil {
		return planner.LiveSecret{}, fmt.Errorf("%s: %w", op, err)
	}
	body, err := duplicateBody(d)
	if err != nil {
		return planner.LiveSecret{}, fmt.Errorf("%s: %w", op, err)
	}
	r := &request{op: op, body: body, beforeSend: beforeSend}
	var p secrets_store.StoreSecretDuplicateParams
	p.AccountID.Value = c.account
	_, r.err = c.stores.Secrets.Duplicate(ctx, string(store), string(id), p, r.options()...)
	s, err := send(ctx, c, r, readResult[wireSecret])
	if err != nil {
		return planner.LiveSecret{}, err
	}
	return s.after(d.Comment, ""), nil
}

// DeleteSecret deletes a secret. It is not an error if the secret does not exist.
func (c *Client) DeleteSecret(ctx context.Context, store planner.StoreID, id planner.SecretID) error {
	const op = "deleting a secret"
	if err := checkIDs(store, id); err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	r := &request{op: op}
	var p secrets_store.StoreSecretDeleteParams
	p.AccountID.Value = c.account
	_, r.err = c.stores.Secrets.Delete(ctx, string(store), string(id), p, r.options()...)
	return ignore(c.do(ctx, r), "secret_not_found")
}

// ignore returns nil if err is Cloudflare's error of that name, and err otherwise.
func ignore(err error, known string) error {
	if e, ok := errors.AsType[*Error](err); ok && e.Known == known {
		return nil
	}
	return err
}
