package machines

import (
	"context"

	"github.com/secretsync/secretsync/applier"
	"github.com/secretsync/secretsync/planner"
)

// Checked returns a client that calls check before each call that writes. If check returns an
// error, nothing is sent, and that is the error of the call.
func Checked(t applier.Target, check func() error) applier.Target { return checked{t, check} }

// checked calls check before each call that writes.
type checked struct {
	applier.Target
	check func() error
}

func (t checked) CreateStore(ctx context.Context, name string) (planner.StoreID, error) {
	if err := t.check(); err != nil {
		return "", err
	}
	return t.Target.CreateStore(ctx, name)
}

func (t checked) CreateSecrets(
	ctx context.Context, store planner.StoreID, secrets []applier.NewSecret, before applier.BeforeSend,
) ([]planner.LiveSecret, error) {
	if err := t.check(); err != nil {
		return nil, err
	}
	return t.Target.CreateSecrets(ctx, store, secrets, before)
}

func (t checked) UpdateSecret(
	ctx context.Context, store planner.StoreID, id planner.SecretID, p applier.Patch,
) (planner.LiveSecret, error) {
	if err := t.check(); err != nil {
		return planner.LiveSecret{}, err
	}
	return t.Target.UpdateSecret(ctx, store, id, p)
}

func (t checked) DuplicateSecret(
	ctx context.Context, store planner.StoreID, id planner.SecretID, d applier.Duplicate, before applier.BeforeSend,
) (planner.LiveSecret, error) {
	if err := t.check(); err != nil {
		return planner.LiveSecret{}, err
	}
	return t.Target.DuplicateSecret(ctx, store, id, d, before)
}

func (t checked) DeleteStore(ctx context.Context, store planner.StoreID) error {
	if err := t.check(); err != nil {
		return err
	}
	return t.Target.DeleteStore(ctx, store)
}

func (t checked) DeleteSecret(ctx context.Context, store planner.StoreID, id planner.SecretID) error {
	if err := t.check(); err != nil {
		return err
	}
	return t.Target.DeleteSecret(ctx, store, id)
}
