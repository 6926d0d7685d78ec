// Package tokens finds out about an API token by requests that change nothing: whether it is
// valid, until when, and what it may read (docs/cloudflare-api.md §17). What it may write cannot
// be known without writing.
package tokens

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/secretsync/secretsync/internal/cloudflare"
)

// Owner is whose token a token is: that decides which endpoint knows it.
type Owner string

// The owners.
const (
	User    Owner = "user"
	Account Owner = "account"
	// Unknown is the owner of a token whose form does not show it.
	Unknown Owner = ""
)

// prefixes are the prefixes of Cloudflare's newer tokens.
var prefixes = map[string]Owner{"cfut_": User, "cfat_": Account}

// OwnerOf returns whose token a token is, by its form.
func OwnerOf(token string) Owner {
	for prefix, owner := range prefixes {
		if strings.HasPrefix(token, prefix) {
			return owner
		}
	}
	return Unknown
}

// The states of a token. The first three are Cloudflare's words.
const (
	Active   = "active"
	Disabled = "disabled"
	Expired  = "expired"
	Invalid  = "invalid" // Cloudflare does not know it, or refuses it
)

// Status is what Cloudflare says about a token.
type Status struct {
	State string
	Owner Owner // Unknown for an invalid token whose form does not tell
	// NotBefore and Expires are zero if the token has no such limit.
	NotBefore, Expires time.Time
	// Reason says why the token is invalid.
	Reason string
}

// API sends requests for an account.
type API interface {
	Call(context.Context, cloudflare.Call) error
}

const verifying = "verifying the API token"

// Verify asks whether the token that api sends is valid. If its owner is unknown, both endpoints
// are asked at once. An error means that this could not be found out.
func Verify(ctx context.Context, api API, owner Owner) (Status, error) {
	if owner != Unknown {
		return verify(ctx, api, owner)
	}
	owners := [2]Owner{User, Account}
	var found [2]Status
	var failed [2]error
	var wg sync.WaitGroup
	for i := range owners {
		wg.Go(func() { found[i], failed[i] = verify(ctx, api, owners[i]) })
	}
	wg.Wait()
	for i := range owners {
		if failed[i] == nil && found[i].State != Invalid {
			return found[i], nil
		}
	}
	for _, err := range failed {
		if err != nil { // this endpoint may know the token
			return Status{}, err
		}
	}
	if found[0].Reason == invalidReason {
		found[0] = found[1]
	}
	found[0].Owner = Unknown
	return found[0], nil
}

const invalidReason = "Cloudflare does not know it: it was mistyped, rolled or deleted"

// codeInvalid is "Invalid API Token".
const codeInvalid = 1000

// answer is the result of both endpoints.
type answer struct {
	Status    string
	NotBefore string `json:"not_before"`
	Expires   string `json:"expires_on"`
}

func verify(ctx context.Context, api API, owner Owner) (Status, error) {
	var a answer
	err := api.Call(ctx, cloudflare.Call{
		Op: verifying, Method: http.MethodGet, Path: []string{"tokens", "verify"}, OfUser: owner == User,
		Read: func(result, _ json.RawMessage) bool {
			return json.Unmarshal(result, &a) == nil && (a.Status == Active || a.Status == Disabled || a.Status == Expired)
		},
	})
	failed, ok := errors.AsType[*cloudflare.Error](err)
	switch {
	case err == nil:
		return Status{State: a.Status, Owner: owner, NotBefore: when(a.NotBefore), Expires: when(a.Expires)}, nil
	case ok && failed.HasCode(codeInvalid) && (failed.Status == http.StatusUnauthorized || failed.Status == http.StatusForbidden):
		return Status{State: Invalid, Owner: owner, Reason: invalidReason}, nil
	case ok && failed.Denied():
		return Status{State: Invalid, Owner: owner, Reason: strings.TrimPrefix(err.Error(), verifying+": ")}, nil
	}
	return Status{}, err
}

// when returns the zero time for a text that is not a time.
func when(text string) time.Time {
	t, _ := time.Parse(time.RFC3339, text)
	return t
}

// probes are small requests that need a permission.
var probes = map[string]func() cloudflare.Call{
	"Workers Scripts Read": func() cloudflare.Call { return cloudflare.Call{Path: []string{"workers", "subdomain"}} },
	"AI Gateway Read": func() cloudflare.Call {
		return cloudflare.Call{Path: []string{"ai-gateway", "gateways"}, Query: url.Values{"per_page": {"1"}}}
	},
	"Account Settings Read": func() cloudflare.Call {
		now := time.Now().UTC()
		return cloudflare.Call{Path: []string{"logs", "audit"}, Query: url.Values{
			"since": {now.Add(-time.Minute).Format(time.RFC3339)}, "before": {now.Format(time.RFC3339)}, "limit": {"1"},
		}}
	},
}

// Permits reports whether the token has one of the read permissions for other products: "Workers
// Scripts Read", "AI Gateway Read" or "Account Settings Read".
func Permits(ctx context.Context, api API, permission string) (bool, error) {
	call := probes[permission]()
	call.Op, call.Method, call.Permission = "checking a permission", http.MethodGet, permission
	err := api.Call(ctx, call)
	failed, ok := errors.AsType[*cloudflare.Error](err)
	switch {
	case err == nil, ok && failed.Status == http.StatusNotFound: // an account without a subdomain
		return true, nil
	case ok && failed.Denied():
		return false, nil
	}
	return false, err
}
