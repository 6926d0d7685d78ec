// Package appliertest tests implementations of [applier.Target] for the parts of its
// contract that the applier's crash safety rests on and that types cannot express.
package appliertest

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/secretsync/secretsync/applier"
	"github.com/secretsync/secretsync/internal/secret"
	"github.com/secretsync/secretsync/planner"
)

// Fixture is a target whose account has a store with one secret.
type Fixture struct {
	Target applier.Target
	Store  planner.StoreID
	Secret planner.SecretID
	// Delay makes the target wait this long before it sends the next POST that creates secrets.
	Delay func(time.Duration)
	// Created counts the secrets that were created since open.
	Created func() int
}

// posts are the methods that take an [applier.BeforeSend].
var posts = map[string]func(context.Context, Fixture, applier.BeforeSend) error{
	"CreateSecrets": func(ctx context.Context, f Fixture, before applier.BeforeSend) error {
		s := applier.NewSecret{Name: "created", Value: secret.New([]byte("v")), Scopes: []string{"workers"}}
		_, err := f.Target.CreateSecrets(ctx, f.Store, []applier.NewSecret{s}, before)
		return err
	},
	"DuplicateSecret": func(ctx context.Context, f Fixture, before applier.BeforeSend) error {
		d := applier.Duplicate{Name: "duplicate", Scopes: []string{"workers"}}
		_, err := f.Target.DuplicateSecret(ctx, f.Store, f.Secret, d, before)
		return err
	},
}

// TestBeforeSend checks when a target calls [applier.BeforeSend], and that an error from
// it stops the request. open is called in a [synctest] bubble, once for each case.
func TestBeforeSend(t *testing.T, open func(*testing.T) Fixture) {
	full := errors.New("disk full")
	for _, tt := range []struct {
		name  string
		delay time.Duration
		err   error
		calls int
	}{
		{name: "sent at once"},
		{name: "sent after less than ResendAfter", delay: applier.ResendAfter - time.Nanosecond},
		{name: "sent after ResendAfter", delay: applier.ResendAfter, calls: 1},
		{name: "sent after minutes", delay: 3 * time.Minute, calls: 1},
		{name: "not journaled", delay: time.Minute, err: full, calls: 1},
	} {
		for method, post := range posts {
			t.Run(method+"/"+tt.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					f, calls, start := open(t), 0, time.Now()
					if tt.delay > 0 {
						f.Delay(tt.delay)
					}
					err := post(t.Context(), f, func() error {
						calls++
						if waited := time.Since(start); waited < tt.delay || f.Created() != 0 {
							t.Errorf("called after %s with %d secrets created, want after %s and before the request", waited, f.Created(), tt.delay)
						}
						return tt.err
					})
					if calls != tt.calls {
						t.Errorf("called %d times, want %d", calls, tt.calls)
					}
					if !errors.Is(err, tt.err) || errors.Is(err, applier.ErrOutcomeUnknown) {
						t.Errorf("error %v, want %v", err, tt.err)
					}
					if sent := f.Created() == 1; sent != (tt.err == nil) {
						t.Errorf("sent: %v, beforeSend returned %v", sent, tt.err)
					}
				})
			})
		}
	}
	for method, post := range posts {
		t.Run(method+"/nothing to journal", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := open(t)
				f.Delay(time.Minute)
				if err := post(t.Context(), f, nil); err != nil || f.Created() != 1 {
					t.Errorf("%d created, error %v", f.Created(), err)
				}
			})
		})
	}
}
