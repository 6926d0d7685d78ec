// Package cloudflare talks to Cloudflare's Secrets Store. It is the only package
// that does, and it implements [applier.Target].
//
// Call [New] with a [Config], and then the methods of [Client]. They go through
// the typed services of cloudflare-go v4, which build the requests. What that SDK
// gets wrong (docs/cloudflare-api.md §10) is put right here:
//
//	config.go    its retries are off (§10.13, §10.14), its options are safe to share
//	attempt.go   it sees no answer (§10.10, §10.15, §10.17)
//	body.go      the bodies that it builds wrongly are replaced (§10.1, §10.5, §10.6, §10.8)
//	list.go      lists are paged by hand (§10.12)
//	client.go    ids are checked before they go into a path (§10.16)
//
// Retries are one policy, in retry.go. An [Error] is made of this package's own
// words: what Cloudflare answers may quote a request, and so a value.
package cloudflare

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"time"

	"github.com/cloudflare/cloudflare-go/v4/option"
	"github.com/cloudflare/cloudflare-go/v4/secrets_store"
	"github.com/secretsync/secretsync/applier"
	"github.com/secretsync/secretsync/planner"
)

var _ applier.Target = (*Client)(nil)

// Client is one account. Its methods may be called at once from any number of
// goroutines.
//
// When a context ends, no further request is sent, waits end at once and reads
// are cut short. A write that is under way is finished, within the request
// timeout, since its outcome would be unknown otherwise.
type Client struct {
	account string
	stores  *secrets_store.StoreService
	quota   *secrets_store.QuotaService
	http    *http.Client
	timeout time.Duration
	paced   *Pace
	clock   *Clock
	log     *slog.Logger
	onWait  func(Wait)
}

// call is one request to be made, however many attempts it takes.
type call struct {
	op     string // what for, as an error begins: "listing stores"
	method string
	body   *payload // nil for none
	// beforeSend is called before a request that had to wait is sent; nil for never.
	beforeSend applier.BeforeSend
	// send makes one attempt through a method of the SDK.
	send sender
	// read takes a successful answer's result. False: it isn't what was asked for.
	read func(*envelope) bool
}

// sender calls a method of the SDK. What that returns is of no use: the answer
// comes another way (attempt.go).
type sender func(ctx context.Context, opts ...option.RequestOption)

// idPattern is stricter than a path needs: ids are at most 32 characters by
// specification, 32 hexadecimal digits in examples (docs/cloudflare-api.md §1, §1.2).
var idPattern = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// checkID keeps what is no id out of a path, where the SDK would put it
// unescaped (docs/cloudflare-api.md §10.16).
func checkID(kind, id string) error {
	if !idPattern.MatchString(id) {
		return fmt.Errorf("%.64q is not the id of a %s: want 1 to 64 letters, digits, - and _", id, kind)
	}
	return nil
}

func checkIDs(store planner.StoreID, id planner.SecretID) error {
	if err := checkID("store", string(store)); err != nil {
		return err
	}
	return checkID("secret", string(id))
}

// ListStores lists the account's stores, without their secrets.
func (c *Client) ListStores(ctx context.Context) ([]planner.LiveStore, error) {
	found, err := list[wireStore](ctx, c, "listing stores", func(ctx context.Context, opts ...option.RequestOption) {
		var p secrets_store.StoreListParams
		p.AccountID.Value = c.account
		_, _ = c.stores.List(ctx, p, opts...)
	})
	if err != nil {
		return nil, err
	}
	stores := make([]planner.LiveStore, len(found))
	for i, s := range found {
		stores[i] = planner.LiveStore{
			Key: planner.StoreKey{Account: planner.AccountID(c.account), Name: s.Name},
			ID:  planner.StoreID(s.ID),
		}
	}
	return stores, nil
}

// CreateStore makes a store. It is never repeated after an unknown outcome.
func (c *Client) CreateStore(ctx context.Context, name string) (planner.StoreID, error) {
	const op = "creating a store"
	body, err := storeBody(name)
	if err != nil {
		return "", fmt.Errorf("%s: %w", op, err)
	}
	var made wireStore
	err = c.do(ctx, &call{
		op: op, method: http.MethodPost, body: body,
		send: func(ctx context.Context, opts ...option.RequestOption) {
			var p secrets_store.StoreNewParams
			p.AccountID.Value = c.account
			_, _ = c.stores.New(ctx, p, opts...)
		},
		read: func(env *envelope) bool {
			return json.Unmarshal(env.Result, &made) == nil && made.valid()
		},
	})
	return planner.StoreID(made.ID), err
}

// DeleteStore deletes an empty store: one that holds secrets is refused. One that
// is gone already is no error.
func (c *Client) DeleteStore(ctx context.Context, id planner.StoreID) error {
	const op = "deleting a store"
	if err := checkID("store", string(id)); err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	err := c.do(ctx, &call{
		op: op, method: http.MethodDelete,
		send: func(ctx context.Context, opts ...option.RequestOption) {
			var p secrets_store.StoreDeleteParams
			p.AccountID.Value = c.account
			_, _ = c.stores.Delete(ctx, string(id), p, opts...)
		},
	})
	return ignore(err, "store_not_found")
}

// GetQuota tells how many secrets the whole account holds, and may hold.
func (c *Client) GetQuota(ctx context.Context) (usage, quota int, err error) {
	var result struct {
		Secrets struct{ Usage, Quota *int }
	}
	err = c.do(ctx, &call{
		op: "reading the quota", method: http.MethodGet,
		send: func(ctx context.Context, opts ...option.RequestOption) {
			var p secrets_store.QuotaGetParams
			p.AccountID.Value = c.account
			_, _ = c.quota.Get(ctx, p, opts...)
		},
		read: func(env *envelope) bool {
			return json.Unmarshal(env.Result, &result) == nil && result.Secrets.Usage != nil && result.Secrets.Quota != nil
		},
	})
	if err != nil {
		return 0, 0, err
	}
	return *result.Secrets.Usage, *result.Secrets.Quota, nil
}
