package cloudflare

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/cloudflare/cloudflare-go/v4/option"
	"github.com/cloudflare/cloudflare-go/v4/secrets_store"
	"github.com/secretsync/secretsync/applier"
	"github.com/secretsync/secretsync/internal/cloudflare/pace"
	"github.com/secretsync/secretsync/internal/hexid"
	"github.com/secretsync/secretsync/planner"
)

// defaultTimeout bounds one attempt if the configuration has no timeout.
const defaultTimeout = 30 * time.Second

// Config says how to reach one account. BaseURL, Token and AccountID are required.
type Config struct {
	// BaseURL is the API's address, "https://api.cloudflare.com/client/v4" for
	// Cloudflare's. Only a loopback address may go without https.
	BaseURL string
	// Token is the API token. Printing a Config doesn't show it.
	Token string `json:"-"`
	// AccountID is 32 hexadecimal digits, in either case.
	AccountID string
	// RequestTimeout bounds each attempt, from the connection to the last byte of
	// the answer; 30 seconds if zero.
	RequestTimeout time.Duration
	// Transport sends the requests; nil for one with the usual settings.
	Transport http.RoundTripper
	// Slots limit the requests that are under way at once; nil for [applier.DefaultParallelism] of them.
	Slots *pace.Slots
	// Pace delays requests. Clients of the same token share one, from [pace.Paces]. If it is nil,
	// the client has its own.
	Pace *pace.Pace
	// Clock learns Cloudflare's time from the answers. It may be nil.
	Clock *Clock
	// Log gets a record of every request at level debug, without headers and bodies.
	// It may be nil.
	Log *slog.Logger
	// OnWait is called before each wait of half a second or more, and once for a pause that
	// delays all requests of a token. It may be called from several goroutines at once, and may
	// be nil.
	OnWait func(Wait)
	// UserAgent names the program to Cloudflare; the SDK's name if empty.
	UserAgent string
}

// Format prints a Config, for every verb, without its token.
func (c Config) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprintf(f, "cloudflare.Config{BaseURL:%q AccountID:%q}", c.BaseURL, c.AccountID)
}

// New returns a client of one account. It sends nothing yet.
func New(cfg Config) (*Client, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	account, err := ParseAccountID(cfg.AccountID)
	if err != nil {
		return nil, err
	}
	if cfg.Transport == nil {
		cfg.Transport = NewTransport(applier.DefaultParallelism)
	}
	if cfg.Slots == nil {
		cfg.Slots = pace.NewSlots(applier.DefaultParallelism)
	}
	if cfg.Pace == nil {
		cfg.Pace = pace.NewPaces(false).For(cfg.Token)
	}
	base, err := url.Parse(strings.TrimRight(cfg.BaseURL, "/"))
	if err != nil {
		return nil, errors.New("the API base URL is not a URL")
	}
	opts := cfg.options()
	return &Client{
		worked:  new(atomic.Bool),
		account: string(account),
		base:    base, authorize: cfg.authorize, userAgent: cfg.UserAgent,
		stores: secrets_store.NewStoreService(opts...),
		quota:  secrets_store.NewQuotaService(opts...),
		http: &http.Client{
			Transport: cfg.Transport,
			// A redirect would take the token and the body elsewhere.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		timeout: cmp.Or(cfg.RequestTimeout, defaultTimeout),
		paced:   cfg.Pace,
		slots:   cfg.Slots,
		log:     cmp.Or(cfg.Log, slog.New(slog.DiscardHandler)),
		clock:   cfg.Clock,
		onWait:  cfg.OnWait,
	}, nil
}

// options are the options that all calls share. They make concurrent calls safe, which
// the SDK's services alone do not: the services append to the given slice, so it has no
// spare capacity; and a base URL without its final slash would get one at every call, in
// a URL that all calls share.
func (c Config) options() []option.RequestOption {
	opts := []option.RequestOption{
		option.WithBaseURL(strings.TrimRight(c.BaseURL, "/") + "/"),
		option.WithAPIToken(c.Token), // in a closure, where no printing reaches it
		option.WithMaxRetries(0),     // it only builds requests (request.go)
	}
	if c.UserAgent != "" {
		opts = append(opts, option.WithHeader("User-Agent", c.UserAgent))
	}
	return slices.Clip(opts)
}

// authorize sets what options set for the SDK's requests.
func (c Config) authorize(h http.Header) {
	h.Set("Authorization", "Bearer "+c.Token)
	if c.UserAgent != "" {
		h.Set("User-Agent", c.UserAgent)
	}
}

// check never quotes a token.
func (c Config) check() error {
	if err := checkBaseURL(c.BaseURL); err != nil {
		return err
	}
	if c.Token == "" {
		return errors.New("the API token is empty")
	}
	if wrong := checkToken(c.Token); wrong != "" {
		return errors.New(wrong)
	}
	if c.RequestTimeout < 0 {
		return fmt.Errorf("the request timeout %s is negative", c.RequestTimeout)
	}
	return nil
}

// ParseAccountID returns an account's id in lower case. The error never quotes the text: a
// token may have been put in its place by mistake, so parse an id before it is shown.
func ParseAccountID(text string) (planner.AccountID, error) {
	id, ok := hexid.Parse(text)
	if !ok {
		return "", hexid.ErrAccount
	}
	return planner.AccountID(id), nil
}

// checkBaseURL quotes no address that may hold a password.
func checkBaseURL(base string) error {
	u, err := url.Parse(base)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return errors.New("the API base URL must be like https://api.cloudflare.com/client/v4, without user name, query or fragment")
	case u.Scheme == "https" || u.Scheme == "http" && IsLoopback(u.Hostname()):
		return nil
	}
	return fmt.Errorf("the API base URL %q must begin with https://: only a loopback address may go without", base)
}

// IsLoopback reports whether a host is this machine under a loopback name or address.
func IsLoopback(host string) bool {
	return strings.EqualFold(host, "localhost") || net.ParseIP(host).IsLoopback()
}

// NewTransport returns a transport with the usual settings. Clients that share it share its
// connections. It keeps as many open as there are requests at once, for servers without HTTP/2.
func NewTransport(parallelism int) *http.Transport {
	return &http.Transport{
		Proxy: http.ProxyFromEnvironment,
		// The error of net/http quotes what the proxy says.
		OnProxyConnectResponse: func(_ context.Context, _ *url.URL, _ *http.Request, answer *http.Response) error {
			if answer.StatusCode == http.StatusOK {
				return nil
			}
			return proxyError{answer.StatusCode}
		},
		DialContext:         (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
		TLSHandshakeTimeout: 10 * time.Second,
		ForceAttemptHTTP2:   true,
		MaxIdleConnsPerHost: parallelism,
		IdleConnTimeout:     90 * time.Second,
	}
}
