// Package cloudflare talks to Cloudflare's Secrets Store. It is the only package
// that does, and it implements [applier.Target].
//
// Call [New] with a [Config], and then the methods of [Client].
//
// Each request is built by the typed services of cloudflare-go v4, and sent by this
// package (request.go). What that SDK gets wrong (docs/cloudflare-api.md §10) is dealt
// with in one place each:
//
//	retry.go     it retries POSTs, and its pauses are too short and ignore the context (§10.13,
//	             §10.14): the only retries are ours
//	envelope.go  it ignores "success", drops the scopes, takes an object for an empty page, and
//	             its errors print the answer (§10.1, §10.10, §10.15, §10.17): answers are decoded here
//	body.go      its bodies lack fields or have the wrong shape (§10.1, §10.5, §10.6, §10.8):
//	             they are replaced
//	list.go      its pager reads one page too many, and may never end (§10.12): pages are requested here
//	client.go    it does not escape ids in a path (§10.16): they are checked
//	config.go    its options are not safe to share between calls
//
// An [Error] has no text of Cloudflare's, which may quote a request, and so a value.
package cloudflare

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"sync/atomic"
	"time"

	"github.com/cloudflare/cloudflare-go/v4/option"
	"github.com/cloudflare/cloudflare-go/v4/secrets_store"
	"github.com/secretsync/secretsync/applier"
	"github.com/secretsync/secretsync/internal/cloudflare/pace"
	"github.com/secretsync/secretsync/planner"
)

var _ applier.Target = (*Client)(nil)

// Client is the client of one account. It is safe for concurrent use.
//
// When a context ends, no further request is sent, and waits and reads end at once. A write
// in flight is finished, within the request timeout, since its outcome would be unknown
// otherwise.
type Client struct {
	account string
	base    *url.URL
	// authorize sets the headers that every request to the API has. It is a function so that no
	// formatting can print the token.
	authorize func(http.Header)
	userAgent string // empty for the default

	stores  *secrets_store.StoreService
	quota   *secrets_store.QuotaService
	http    *http.Client
	timeout time.Duration
	paced   *pace.Pace
	slots   *pace.Slots
	clock   *Clock
	log     *slog.Logger
	onWait  func(Wait)
	worked  *atomic.Bool // the token was accepted in this run
	// mayWrite is called right before each request that writes; nil for never.
	mayWrite func() error
}

// CheckWrites returns a copy of the client that calls check right before each request that
// writes. If check returns an error, the request is not sent, and that error is the cause of the
// method's.
func (c *Client) CheckWrites(check func() error) *Client {
	checked := *c
	checked.mayWrite = check
	return &checked
}

// idPattern is stricter than a path needs: ids are at most 32 characters by
// specification, 32 hexadecimal digits in examples (docs/cloudflare-api.md §1, §1.2).
var idPattern = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// checkID keeps anything but an id out of the path, into which the SDK inserts it
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
	const op = "listing stores"
	found, err := list[wireStore](ctx, c, op, func(page ...option.RequestOption) *request {
		r := &request{op: op}
		var p secrets_store.StoreListParams
		p.AccountID.Value = c.account
		_, r.err = c.stores.List(ctx, p, r.options(page...)...)
		return r
	})
	if err != nil && !errors.Is(err, applier.ErrIncomplete) {
		return nil, err
	}
	stores := make([]planner.LiveStore, len(found))
	for i, s := range found {
		stores[i] = planner.LiveStore{
			Key: planner.StoreKey{Account: planner.AccountID(c.account), Name: s.Name},
			ID:  planner.StoreID(s.ID),
		}
	}
	return stores, err
}

// CreateStore creates a store. It does not retry after an unknown outcome.
func (c *Client) CreateStore(ctx context.Context, name string) (planner.StoreID, error) {
	const op = "creating a store"
	body, err := storeBody(name)
	if err != nil {
		return "", fmt.Errorf("%s: %w", op, err)
	}
	r := &request{op: op, body: body}
	var p secrets_store.StoreNewParams
	p.AccountID.Value = c.account
	_, r.err = c.stores.New(ctx, p, r.options()...)
	s, err := send(ctx, c, r, readResult[wireStore])
	return planner.StoreID(s.ID), err
}

// DeleteStore deletes a store. Cloudflare refuses that if the store holds secrets. It is not an
// error if the store does not exist.
func (c *Client) DeleteStore(ctx context.Context, id planner.StoreID) error {
	const op = "deleting a store"
	if err := checkID("store", string(id)); err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	r := &request{op: op}
	var p secrets_store.StoreDeleteParams
	p.AccountID.Value = c.account
	_, r.err = c.stores.Delete(ctx, string(id), p, r.options()...)
	return ignore(c.do(ctx, r), "store_not_found")
}

// GetQuota returns how many secrets the whole account has, and may have.
func (c *Client) GetQuota(ctx context.Context) (usage, quota int, err error) {
	r := &request{op: "reading the quota"}
	var p secrets_store.QuotaGetParams
	p.AccountID.Value = c.account
	_, r.err = c.quota.Get(ctx, p, r.options()...)
	q, err := send(ctx, c, r, readResult[wireQuota])
	if err != nil {
		return 0, 0, err
	}
	return *q.Secrets.Usage, *q.Secrets.Quota, nil
}
