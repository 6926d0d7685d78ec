package main

import (
	"context"
	"log/slog"

	"github.com/secretsync/secretsync/applier"
	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/reconcile"
)

// audited is an API that logs every creation.
type audited struct {
	reconcile.API
	log *slog.Logger
}

func (a audited) Account(id planner.AccountID, tokenEnv string) (reconcile.Account, error) {
	account, err := a.API.Account(id, tokenEnv)
	if err != nil {
		return nil, err
	}
	return auditedAccount{account, a.log}, nil
}

type auditedAccount struct {
	reconcile.Account
	log *slog.Logger
}

func (a auditedAccount) CreateSecrets(ctx context.Context, store planner.StoreID, secrets []applier.NewSecret,
	beforeSend applier.BeforeSend) ([]planner.LiveSecret, error) {
	for _, s := range secrets {
		a.log.Info("create", "name", s.Name, "value", s.Value) // a value is logged as [redacted]
	}
	return a.Account.CreateSecrets(ctx, store, secrets, beforeSend)
}
