// Package secretsynctest helps to test programs that use package reconcile. It starts an
// emulator of Cloudflare's Secrets Store API on a loopback address:
//
//	func TestDeploy(t *testing.T) {
//		server := secretsynctest.Start(t)
//		project, err := reconcile.Open(ctx, reconcile.Config{Manifest: file, API: server.API()})
//		// plan and apply
//		if !server.HasValue("prod", "stripe-key", "sk_live_1") {
//			t.Error("the value was not written")
//		}
//	}
//
// The emulator behaves as Cloudflare does as far as that is known, and rejects what
// Cloudflare rejects. Its state is in memory and ends with the test. As with Cloudflare, no
// value can be read back; [Server.HasValue] only compares, and with [WithValues] Workers can
// read values, as verification does. [Server.SetFaults] makes requests fail, and
// [Server.Requests] lists the requests that were sent.
package secretsynctest

import (
	"context"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/secretsync/secretsync/connect"
	"github.com/secretsync/secretsync/internal/emulator"
	"github.com/secretsync/secretsync/internal/emulator/faultrule"
	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/reconcile"
)

const (
	// Account is the account of every [Server]. It has no stores yet.
	Account planner.AccountID = "0123456789abcdef0123456789abcdef"
	// Token is an API token that may read and write.
	Token = "secretsynctest-write"
	// ReadToken is an API token that may only read, as in the job that plans pull requests.
	ReadToken = "secretsynctest-read"
)

// Server is an emulator of Cloudflare's API that runs in this process.
type Server struct {
	// BaseURL is what clients use instead of https://api.cloudflare.com/client/v4.
	BaseURL string

	emulator *emulator.Embedded
	fault    atomic.Pointer[fault]
}

type fault func(*http.Request) emulator.Fault

// Option changes how a [Server] behaves.
type Option struct{ set func(*emulator.Options) }

// WithQuota limits the account to a number of secrets; the default is 100.
func WithQuota(secrets int) Option {
	return Option{func(o *emulator.Options) { o.MaxSecrets = secrets }}
}

// WithStores limits the account to a number of stores; the default is one, as with
// Cloudflare.
func WithStores(stores int) Option {
	return Option{func(o *emulator.Options) { o.MaxStores = stores }}
}

// WithPending keeps new secrets pending for a time before they become active.
func WithPending(d time.Duration) Option {
	return Option{func(o *emulator.Options) { o.PendingFor = d }}
}

// WithLag makes all reads lag behind writes by a time, like reads from a replica.
func WithLag(d time.Duration) Option {
	return Option{func(o *emulator.Options) { o.Lag = d }}
}

// WithValues keeps values, so that they can be verified, as by [reconcile.Project.Verify]. The
// witness is imitated, unless [WithMiniflare] is used too. By default no value can be read.
func WithValues() Option { return Option{func(o *emulator.Options) { o.KeepValues = true }} }

// WithMiniflare runs the witness, and any other Worker that is uploaded as a preview, in the
// workerd of the wrangler or Miniflare that is installed in a project's folder. It needs
// Node.js; without either the witness is imitated.
func WithMiniflare(dir string) Option {
	return Option{func(o *emulator.Options) { o.Miniflare = append(o.Miniflare, dir) }}
}

// WithPermissions limits [Token] to permissions, by Cloudflare's names: "Secrets Store Read",
// "Secrets Store Write", "Workers Scripts Read", "Workers Scripts Edit", "AI Gateway Read",
// "AI Gateway Edit", "Workers Containers Read", "Workers Containers Write" and
// "Account Settings Read". By default it has all of them. An unknown name is an error of [New].
func WithPermissions(names ...string) Option {
	return Option{func(o *emulator.Options) {
		o.Tokens[Token] = nil
		for _, name := range names {
			o.Tokens[Token] = append(o.Tokens[Token], emulator.Permission(name))
		}
	}}
}

// WithDeployMoves makes binding a Worker to a secret move the secret's time of modification.
// Whether it does at Cloudflare is unknown.
func WithDeployMoves() Option { return Option{func(o *emulator.Options) { o.DeployMoves = true }} }

// Start starts a server that ends with the test.
func Start(t testing.TB, options ...Option) *Server {
	t.Helper()
	s, err := New(options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// New starts a server outside a test, as in TestMain or an example. Close it.
func New(options ...Option) (*Server, error) {
	s := new(Server)
	o := emulator.Options{
		Tokens: map[string][]emulator.Permission{Token: emulator.Permissions(), ReadToken: {emulator.SecretsStoreRead}},
		Fault: func(r *http.Request) emulator.Fault {
			if f := s.fault.Load(); f != nil {
				return (*f)(r)
			}
			return emulator.Fault{}
		},
	}
	for _, option := range options {
		option.set(&o)
	}
	e, err := emulator.Embed(context.Background(), o)
	if err != nil {
		return nil, err
	}
	s.emulator, s.BaseURL = e, e.BaseURL()
	return s, nil
}

// Close ends the server and closes its connections. Closing again does nothing.
func (s *Server) Close() { s.emulator.Stop() }

// API is a client of the server for [reconcile.Config], with [Token].
func (s *Server) API() reconcile.API {
	api, err := connect.Cloudflare(s.Options())
	if err != nil {
		panic(err) // it refuses only malformed addresses
	}
	return api
}

// Options are the options of [Server.API], for tests that need to change them.
func (s *Server) Options() connect.Options {
	return connect.Options{
		BaseURL: s.BaseURL, DefaultAccount: Account, UserAgent: "secretsynctest",
		Token: func(planner.AccountID, string) (string, error) { return Token, nil },
	}
}

// HasValue reports whether a secret of [Account] exists and has this value.
func (s *Server) HasValue(store, name, value string) bool {
	return s.emulator.HasValue(string(Account), store, name, []byte(value))
}

// Request is a request that the server received.
type Request struct {
	Method, Path string
	// Status is the status of the response; 0 if none was sent.
	Status int
}

// Requests returns the requests since the start or the last ResetRequests; only the latest
// 10,000 are certain to be kept.
func (s *Server) Requests() []Request {
	var all []Request
	for _, r := range s.emulator.Requests() {
		all = append(all, Request(r))
	}
	return all
}

// ResetRequests empties what Requests returns.
func (s *Server) ResetRequests() { s.emulator.ResetRequests() }

// SetFaults makes requests fail by rules, which replace the previous ones; without rules
// nothing fails. A rule is
//
//	METHOD PATH KIND[-after][=TIME] [once | COUNT]
//
// PATH is the end of a path, and * stands for any method or any one part of the path. The
// first rule that fits a request decides; without a count it is for all requests. With
// -after, the request takes effect and only the response is lost.
//
// The kinds are HTTP errors (500, 502, 503, 403, 404, 429; 971 is the rate limit in a
// response with status 200), broken connections (cut, reset, stall), broken responses
// (truncated, malformed, empty) and lag, a read that misses the latest writes. TIME is what
// Retry-After asks for, or how far a read lags. For example:
//
//	POST /secrets cut-after once
//	* /secrets/* 429=2s 3
//	GET /secrets lag=5m
func (s *Server) SetFaults(rules ...string) error {
	f, err := faultrule.Parse(rules...)
	if err != nil {
		return err
	}
	set := fault(f)
	s.fault.Store(&set)
	return nil
}
