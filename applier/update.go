package applier

import (
	"context"
	"errors"
	"fmt"

	"github.com/secretsync/secretsync/planner"
)

var errNoValue = errors.New("its value is not available")

func (r *run) update(ctx context.Context, res *Result) (planner.LiveSecret, error) {
	a := res.Action
	t, err := r.target(a)
	if err != nil {
		return planner.LiveSecret{}, err
	}
	p, err := r.patch(a)
	if err != nil {
		return planner.LiveSecret{}, err
	}
	return t.UpdateSecret(ctx, a.StoreID, a.ID, p)
}

// patch returns the patch of an action: only the fields that the action changes.
func (r *run) patch(a planner.Action) (Patch, error) {
	p := Patch{Before: a.Current.Comment}
	if a.SetValue {
		v, err := r.value(a)
		if err != nil {
			return Patch{}, err
		}
		p.Value = v
	}
	if a.Scopes != nil {
		p.Scopes = a.Scopes.After
	}
	if a.Comment != nil {
		p.Comment = &a.Comment.After
	}
	return p, nil
}

func (r *run) value(a planner.Action) (Value, error) {
	v, ok := r.cfg.Value(a.Store.Secret(a.Secret))
	if !ok {
		return Value{}, errNoValue
	}
	return v, nil
}

func (r *run) deleteSecret(ctx context.Context, res *Result) (planner.LiveSecret, error) {
	a := res.Action
	t, err := r.target(a)
	if err != nil {
		return planner.LiveSecret{}, err
	}
	return planner.LiveSecret{}, t.DeleteSecret(ctx, a.StoreID, a.ID)
}

// rename duplicates a secret under the new name and deletes the original. The duplicate's id is
// journaled in between: it proves that the duplicate is ours. If only the duplicate succeeds,
// the outcome is unknown, so that both names stay pending.
func (r *run) rename(ctx context.Context, res *Result) (planner.LiveSecret, error) {
	a := res.Action
	t, err := r.target(a)
	if err != nil {
		return planner.LiveSecret{}, err
	}
	d := Duplicate{Name: a.Secret, Scopes: a.Scopes.After, Comment: &a.Comment.After}
	live, err := t.DuplicateSecret(ctx, a.StoreID, a.ID, d, func() error { return r.resend(res) })
	if err != nil {
		return live, err
	}
	if err := r.duplicated(res, live); err != nil {
		return live, fmt.Errorf("%w: the secret exists under its new name, and was not deleted under the old one: %w", ErrOutcomeUnknown, err)
	}
	if err := t.DeleteSecret(ctx, a.StoreID, a.ID); err != nil {
		return live, fmt.Errorf("%w: the secret exists under its new name, but could not be deleted under the old one: %w", ErrOutcomeUnknown, err)
	}
	return live, nil
}

// renameAll renames secrets side by side, and then, one after another, those for which the account
// had no room. Each takes a slot only until the secret is deleted under its old name, so that one
// free slot is enough for all of them.
func (r *run) renameAll(ctx context.Context) {
	all := r.pendingWrites(planner.OpRename)
	r.forEach(ctx, all, r.rename)
	for _, res := range all {
		if res.Outcome != Failed || !errors.Is(res.Err, ErrQuota) {
			continue
		}
		res.Outcome, res.Err = Skipped, nil
		r.forEach(ctx, []*Result{res}, r.rename)
		if errors.Is(res.Err, ErrQuota) { // there is no room for a single one
			return
		}
	}
}

// deleteStores deletes stores. It runs last, because Cloudflare refuses to delete a store
// that is not empty.
func (r *run) deleteStores(ctx context.Context) {
	sideBySide(r.cfg.Parallelism, r.pendingWrites(planner.OpDeleteStore), func(res *Result) {
		if r.stopped(ctx) != nil {
			return
		}
		t, err := r.target(res.Action)
		if err == nil {
			err = t.DeleteStore(ctx, res.Action.StoreID)
		}
		res.conclude(planner.LiveSecret{}, err)
		r.settle(res)
	})
}
