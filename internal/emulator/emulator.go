// Package emulator serves Cloudflare's Secrets Store API on this machine, as faithfully as
// docs/cloudflare-api.md allows, for experiments and tests.
//
// Call [Listen] for a server on a loopback address, or [Embed] for one on a free port.
// [New] returns only the [net/http.Handler]. The zero [Options] behave as Cloudflare does.
// Where Cloudflare's behaviour is unknown (section 12 of that document), an option selects
// one of the possibilities, or a comment says which one was chosen.
//
// Values are write-only here too: no response of the API contains one, and what the emulator
// stores of a value can only confirm that another value is equal ([Server.HasValue]), unless
// [Options.KeepValues] is set. Then Workers can read them, in previews (docs/cloudflare-api.md
// §15) below the path /__preview/.
package emulator

import (
	"cmp"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"time"
)

// Options say how a [Server] behaves. A zero field means its default.
type Options struct {
	// StateFile keeps the state between processes. Default: in memory only.
	StateFile string

	MaxStores      int // stores an account may have; default 1
	MaxSecrets     int // secrets an account may have, in all its stores; default 100
	DefaultPerPage int // items per page of a list if the request names no number; default 20
	MaxPerPage     int // maximum items per page; default 100
	MaxBody        int // maximum size of a request's body in bytes; default 16 MiB

	// PendingFor is how long a new secret stays pending. By default it is pending in the
	// response that creates it, and active whenever it is read.
	PendingFor time.Duration
	// ActivationMoves makes a secret pending after each write of its value, and makes its
	// activation move its modification time. By default, only a new secret is pending, and
	// its activation moves nothing; what happens at Cloudflare is unknown
	// (docs/cloudflare-api.md §3).
	ActivationMoves bool
	// DeployMoves makes the deployment or preview of a Worker move the modification times of the
	// secrets that it binds. By default it does not; what happens at Cloudflare is unknown
	// (docs/cloudflare-api.md §12).
	DeployMoves bool
	// AuditDelay is how late the audit log shows a change. By default it shows it at once; how
	// late Cloudflare's does is unknown (docs/cloudflare-api.md §16).
	AuditDelay time.Duration
	// Lag is how far all reads lag behind writes. By default they do not; by how much
	// Cloudflare's do is unknown (docs/cloudflare-api.md §3).
	Lag time.Duration
	// PartialBulkCreate makes a bulk create keep the secrets that precede the refused one.
	// By default such a request creates none.
	PartialBulkCreate bool
	// BareNameConflict omits the conflicting name from the message.
	BareNameConflict bool
	// NameConflictStatus is the HTTP status for a name that is in use: 400 (default) or
	// 409.
	NameConflictStatus int
	// TotalPages adds total_pages to lists. Cloudflare's specification has it, but its
	// servers omit it (docs/cloudflare-api.md §2).
	TotalPages bool

	// RateLimit is the number of requests per token and RateWindow; default 1200 per 5
	// minutes. A negative number means no limit.
	RateLimit  int
	RateWindow time.Duration
	// RateLimitPerUser counts the requests of all tokens together, as if they were one
	// user's. By default each token has a limit of its own; which of them is true of the
	// tokens of one user is unclear (docs/cloudflare-api.md §7, §13).
	RateLimitPerUser bool

	// Tokens are the valid API tokens and user API keys, with their permissions. By default
	// any token is valid and has all of them.
	Tokens map[string][]Permission
	// TokenStates are what else is true of the tokens in Tokens. By default they are users', active
	// and without an end.
	TokenStates map[string]TokenState

	// KeepValues keeps values in plaintext, in the state file too, so that Workers can read
	// them. By default a Worker's binding cannot be read. Values kept by an earlier run are
	// removed from the state file.
	KeepValues bool
	// PreviewFor is how long a preview of a Worker lives; default 5 minutes, which is a guess.
	PreviewFor time.Duration
	// Miniflare names folders of projects: the wrangler or Miniflare that one of them has
	// installed runs the Workers of previews. By default, and if none is installed, a double
	// takes the place of secretsync's witness, and no other Worker can be previewed.
	Miniflare []string
	// NoSubdomain makes accounts have no workers.dev subdomain, which previews need.
	NoSubdomain bool

	// Fault decides for each request what goes wrong; package faultrule parses rules for it. It may be
	// called concurrently and must not read the request's body.
	Fault func(*http.Request) Fault
	// Now is the clock; default [time.Now].
	Now func() time.Time
	// Log receives the method, path and status of every request. Default: no log.
	Log *slog.Logger
}

// withDefaults sets the defaults of zero fields, and refuses invalid options.
func (o Options) withDefaults() (Options, error) {
	o.MaxStores = cmp.Or(o.MaxStores, 1)
	o.MaxSecrets = cmp.Or(o.MaxSecrets, 100)
	o.MaxPerPage = cmp.Or(o.MaxPerPage, 100)
	o.DefaultPerPage = min(cmp.Or(o.DefaultPerPage, 20), o.MaxPerPage)
	o.MaxBody = cmp.Or(o.MaxBody, 16<<20)
	o.NameConflictStatus = cmp.Or(o.NameConflictStatus, http.StatusBadRequest)
	o.RateLimit = cmp.Or(o.RateLimit, 1200)
	o.RateWindow = cmp.Or(o.RateWindow, 5*time.Minute)
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Fault == nil {
		o.Fault = func(*http.Request) Fault { return Fault{} }
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if lowest := min(o.MaxStores, o.MaxSecrets, o.DefaultPerPage, o.MaxPerPage, o.MaxBody); lowest < 0 {
		return o, fmt.Errorf("emulator: a limit of %d is invalid: it must be positive, or 0 for the default", lowest)
	}
	for _, held := range o.Tokens {
		for _, p := range held {
			if !slices.Contains(Permissions(), p) {
				return o, fmt.Errorf("emulator: unknown permission %q: want some of %q", p, Permissions())
			}
		}
	}
	if s := o.NameConflictStatus; s != http.StatusBadRequest && s != http.StatusConflict {
		return o, fmt.Errorf("emulator: a name conflict is answered with 400 or 409, not %d", s)
	}
	return o, nil
}
