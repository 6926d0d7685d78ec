// Package connect provides what the secretsync command itself uses to fill in a
// [reconcile.Config]: Cloudflare's API ([Cloudflare]), SOPS files ([SOPS]), and the buckets of
// leases and shared lockfiles ([Objects]).
package connect

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/secretsync/secretsync/applier"
	"github.com/secretsync/secretsync/internal/cloudflare"
	"github.com/secretsync/secretsync/internal/cloudflare/auditlog"
	"github.com/secretsync/secretsync/internal/cloudflare/deployed"
	"github.com/secretsync/secretsync/internal/cloudflare/edgepreview"
	"github.com/secretsync/secretsync/internal/cloudflare/pace"
	"github.com/secretsync/secretsync/internal/cloudflare/tokens"
	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/planner/outside"
	"github.com/secretsync/secretsync/reconcile"
)

// BaseURL is the address of Cloudflare's API.
const BaseURL = "https://api.cloudflare.com/client/v4"

// RegionURL returns the address of Cloudflare's API for a compliance region, as
// CLOUDFLARE_COMPLIANCE_REGION names it for wrangler: "fedramp_high", or "public" or "" for
// [BaseURL]. Any other region is an error.
func RegionURL(region string) (string, error) {
	switch region {
	case "", "public":
		return BaseURL, nil
	case "fedramp_high":
		return "https://api.fed.cloudflare.com/client/v4", nil
	}
	return "", fmt.Errorf("the compliance region %q is not known: want public or fedramp_high", region)
}

// TokenVariable is the environment variable of the API token if the manifest names none.
const TokenVariable = "CLOUDFLARE_API_TOKEN"

// Options say how Cloudflare's API is reached. The zero Options are usable.
type Options struct {
	// BaseURL is the API's address; [BaseURL] if empty. Anything but a loopback address
	// needs https.
	BaseURL string
	// Token returns the API token of an account. tokenEnv is the environment variable that
	// the manifest names for it; empty for none. If nil, the token is read from that
	// variable, else from [TokenVariable].
	Token func(account planner.AccountID, tokenEnv string) (string, error)
	// DefaultAccount is the account of stores that name none; it may be empty.
	DefaultAccount planner.AccountID
	// RequestTimeout is the limit for one request; 30 seconds if zero.
	RequestTimeout time.Duration
	// Parallelism is the maximum number of concurrent requests, to all accounts together;
	// [DefaultParallelism] if zero.
	Parallelism int
	// Transport sends the requests of all accounts; nil for a default one.
	Transport http.RoundTripper
	// Log receives every request at level debug, without headers and bodies; it may be nil.
	Log *slog.Logger
	// OnWait is called before a wait of half a second or more, with [reconcile.WaitRateLimit] or
	// [reconcile.WaitRetry]: once for a pause of all requests of a token. It may be nil, and may be
	// called from several goroutines at once.
	OnWait func(reconcile.Waiting)
	// UserAgent identifies the program to Cloudflare.
	UserAgent string
}

// DefaultParallelism is the maximum number of concurrent requests unless an option says
// otherwise.
const DefaultParallelism = applier.DefaultParallelism

// Cloudflare returns the API. It sends nothing yet. All accounts share connections and the
// limit of concurrent requests. Requests keep to Cloudflare's rate limit, which each API token
// has for itself: accounts with the same token share it.
func Cloudflare(o Options) (reconcile.API, error) {
	if o.BaseURL == "" {
		o.BaseURL = BaseURL
	}
	u, err := url.Parse(o.BaseURL)
	if err != nil {
		return nil, fmt.Errorf("the API's address %q: %w", o.BaseURL, err)
	}
	if o.Token == nil {
		o.Token = func(account planner.AccountID, tokenEnv string) (string, error) {
			return Token(os.LookupEnv, account, tokenEnv)
		}
	}
	o.Parallelism = cmp.Or(o.Parallelism, DefaultParallelism)
	if o.Transport == nil {
		o.Transport = cloudflare.NewTransport(o.Parallelism)
	}
	loopback := cloudflare.IsLoopback(u.Hostname())
	return &api{
		opts: o, loopback: loopback,
		paces: pace.NewPaces(loopback), slots: pace.NewSlots(o.Parallelism), clock: &cloudflare.Clock{},
		clients: map[planner.AccountID]account{},
	}, nil
}

// NoTokenError means that the environment variable that should hold an API token is unset.
type NoTokenError struct {
	// Variable is its name, or a description if the name might be a token.
	Variable string
	Account  planner.AccountID
	// APIKey says that the environment has a user's API key with an e-mail address, which
	// secretsync does not use: a key cannot be limited to one account or permission.
	APIKey bool
}

func (e *NoTokenError) Error() string {
	text := fmt.Sprintf("%s is not set: it holds the API token of account %s", e.Variable, e.Account)
	if e.APIKey {
		text += "; an API key (CLOUDFLARE_API_KEY with CLOUDFLARE_EMAIL) cannot be used instead of a token"
	}
	return text
}

// Token reads the API token of an account from the environment, as [Options.Token] does by
// default. The error is a [NoTokenError].
func Token(lookup func(string) (string, bool), account planner.AccountID, tokenEnv string) (string, error) {
	variable := cmp.Or(tokenEnv, TokenVariable)
	if token, _ := lookup(variable); token != "" {
		return token, nil
	}
	if strings.ToUpper(variable) != variable { // it may be a token that was entered instead of a variable's name
		variable = "the variable that token_env names"
	}
	key, _ := lookup("CLOUDFLARE_API_KEY")
	email, _ := lookup("CLOUDFLARE_EMAIL")
	return "", &NoTokenError{Variable: variable, Account: account, APIKey: key != "" && email != ""}
}

// api implements reconcile.API.
type api struct {
	opts     Options
	loopback bool
	paces    *pace.Paces
	slots    *pace.Slots
	clock    *cloudflare.Clock

	mu      sync.Mutex
	clients map[planner.AccountID]account
}

func (a *api) DefaultAccount() planner.AccountID { return a.opts.DefaultAccount }
func (a *api) Now() time.Time                    { return a.clock.Now() }
func (a *api) Loopback() bool                    { return a.loopback }

// Skew is how far Cloudflare's clock is ahead of this machine's, if an answer has said it.
func (a *api) Skew() (time.Duration, bool) { return a.clock.Skew() }

func (a *api) Account(id planner.AccountID, tokenEnv string) (reconcile.Account, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if c, found := a.clients[id]; found {
		return c, nil
	}
	token, err := a.opts.Token(id, tokenEnv)
	if err != nil {
		return nil, err
	}
	onWait := func(cloudflare.Wait) {}
	if a.opts.OnWait != nil {
		onWait = func(w cloudflare.Wait) {
			what := reconcile.WaitRetry
			if w.RateLimit {
				what = reconcile.WaitRateLimit
			}
			a.opts.OnWait(reconcile.Waiting{For: what, Account: id, Reason: w.Reason, Until: time.Now().Add(w.Delay)})
		}
	}
	c, err := cloudflare.New(cloudflare.Config{
		BaseURL: a.opts.BaseURL, Token: token, AccountID: string(id), RequestTimeout: a.opts.RequestTimeout,
		Transport: a.opts.Transport, Pace: a.paces.For(token), Slots: a.slots, Clock: a.clock,
		Log: a.opts.Log, OnWait: onWait, UserAgent: a.opts.UserAgent,
	})
	if err != nil {
		return nil, err
	}
	a.clients[id] = account{c, edgepreview.New(c), tokens.OwnerOf(token)}
	return a.clients[id], nil
}

// account implements [reconcile.Account] and [reconcile.Previewer].
type account struct {
	*cloudflare.Client
	*edgepreview.Previewer
	owner tokens.Owner
}

// CheckWrites implements [reconcile.WriteChecker]. A preview writes nothing, so it is not checked.
func (a account) CheckWrites(check func() error) reconcile.Account {
	return account{a.Client.CheckWrites(check), a.Previewer, a.owner}
}

// VerifyToken asks Cloudflare whether the account's token is valid.
func (a account) VerifyToken(ctx context.Context) (tokens.Status, error) {
	return tokens.Verify(ctx, a.Client, a.owner)
}

// Permits reports whether the account's token has a permission to read.
func (a account) Permits(ctx context.Context, permission string) (bool, error) {
	return tokens.Permits(ctx, a.Client, permission)
}

// AuditLog implements [reconcile.AuditLogReader].
func (a account) AuditLog(ctx context.Context, since, before time.Time) ([]outside.Entry, error) {
	return auditlog.Read(ctx, a.Client, since, before)
}

// Readers implements [reconcile.ReaderLister].
func (a account) Readers(ctx context.Context, before []outside.Reader) ([]outside.Reader, error) {
	return deployed.Read(ctx, a.Client, before)
}
