// Package emulator serves Cloudflare's Secrets Store API on this machine, as
// faithfully as docs/cloudflare-api.md allows, for trying things out and for tests.
//
// Call [Listen] for a server on a loopback address, or [Embed] for one on a port
// that is free. [New] makes the [net/http.Handler] alone. The zero [Options]
// behave as Cloudflare does; where nobody knows how it behaves (section 12
// there), an option switches between the possibilities or a comment says which
// of them was chosen.
//
// Values are write-only here too: no answer holds one, and what is kept of a
// value can only say whether another is equal to it ([Server.HasValue]).
package emulator

import (
	"cmp"
	"fmt"
	"log/slog"
	"net/http"
	"time"
)

// Options say how a [Server] behaves. A zero field means its default.
type Options struct {
	// StateFile keeps the state from one process to the next. Default: memory alone.
	StateFile string

	MaxStores      int // stores an account may have; default 1
	MaxSecrets     int // secrets an account may have, in all its stores; default 100
	DefaultPerPage int // items in a page of a list where none are asked for; default 20
	MaxPerPage     int // items in a page at most; default 100
	MaxBody        int // bytes of a request's body at most; default 16 MiB

	// PendingFor is how long a new secret stays pending. By default it is pending
	// in the answer that makes it and active whenever it is read.
	PendingFor time.Duration
	// Lag is how far all reads lag behind writes. By default they don't; nobody
	// knows by how much Cloudflare's do (docs/cloudflare-api.md §3).
	Lag time.Duration
	// PartialBulkCreate keeps the secrets that precede the refused one in a bulk
	// create. By default such a request makes none.
	PartialBulkCreate bool
	// BareNameConflict leaves out of the message which name is in use.
	BareNameConflict bool
	// NameConflictStatus answers a name that is in use: 400 (default) or 409.
	NameConflictStatus int
	// TotalPages adds total_pages to lists, which Cloudflare's specification has
	// and its servers leave out (docs/cloudflare-api.md §2).
	TotalPages bool

	// RateLimit is the number of requests in a RateWindow; default 1200 in 5
	// minutes. A negative limit is none.
	RateLimit  int
	RateWindow time.Duration

	// Tokens are the API tokens and the users' API keys there are. By default any may write.
	Tokens map[string]Permission

	// Fault decides, request by request, what goes wrong; see [ParseFault] too. It
	// may be called concurrently and must leave the request's body alone.
	Fault func(*http.Request) Fault
	// Now is the clock; default [time.Now].
	Now func() time.Time
	// Log hears of every request: method, path and status. Default: nobody.
	Log *slog.Logger
}

// withDefaults fills in what is zero and refuses what makes no sense.
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
		return o, fmt.Errorf("emulator: a limit of %d makes no sense: it must be positive, or 0 for the default", lowest)
	}
	if s := o.NameConflictStatus; s != http.StatusBadRequest && s != http.StatusConflict {
		return o, fmt.Errorf("emulator: a name conflict is answered with 400 or 409, not %d", s)
	}
	return o, nil
}
