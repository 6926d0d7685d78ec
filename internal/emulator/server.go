package emulator

import (
	"bytes"
	"io"
	"net/http"
	"path"
	"strings"
	"sync"

	"github.com/secretsync/secretsync/internal/emulator/internal/ratelimit"
	"github.com/secretsync/secretsync/internal/emulator/internal/state"
	"github.com/secretsync/secretsync/internal/emulator/preview"
)

// The prefixes of the endpoints' paths: of all, and of the Secrets Store's (docs/cloudflare-api.md §1).
const (
	accountRoot = "/client/v4/accounts/{account}"
	storeRoot   = accountRoot + "/secrets_store"
)

// Server is an [http.Handler] that behaves like Cloudflare's Secrets Store API. It serves
// any number of accounts, each with its own state.
type Server struct {
	opts Options
	mux  *http.ServeMux
	done chan struct{} // closed by Close

	previews *preview.Set
	limits   *ratelimit.Limits

	mu       sync.Mutex // guards the fields below
	state    *state.State
	requests []Request
}

// New creates a server, with the state in opts.StateFile if there is one. Call
// [Server.Close] to release that file.
func New(opts Options) (*Server, error) {
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &Server{
		opts: opts, done: make(chan struct{}),
		limits:   &ratelimit.Limits{Quota: opts.RateLimit, Window: opts.RateWindow, PerUser: opts.RateLimitPerUser},
		previews: preview.New(preview.Options{Dirs: opts.Miniflare, Lifetime: opts.PreviewFor, Now: opts.Now, Log: opts.Log}),
	}
	if s.state, err = state.Open(opts.StateFile, opts.KeepValues); err != nil {
		return nil, err
	}
	s.mux = http.NewServeMux()
	s.route(storeRoot, endpoints())
	s.route(accountRoot, readerEndpoints())
	s.route(accountRoot, workerEndpoints())
	for _, owner := range []string{"/client/v4/user", accountRoot} {
		s.mux.HandleFunc("GET "+owner+"/tokens/verify", s.verifyToken)
	}
	s.mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { writeEnvelope(w, nil, errNoRoute) })
	return s, nil
}

// route adds endpoints whose paths begin with a prefix.
func (s *Server) route(prefix string, added map[string]endpoint) {
	for pattern, e := range added {
		method, rest, _ := strings.Cut(pattern, " ")
		s.mux.Handle(method+" "+prefix+rest, s.handle(e))
	}
}

// endpoints returns the endpoints of docs/cloudflare-api.md §1, in its order.
func endpoints() map[string]endpoint {
	return map[string]endpoint{
		"GET /quota":                                      quota,
		"GET /stores":                                     listStores,
		"POST /stores":                                    createStore,
		"GET /stores/{store}":                             getStore,
		"DELETE /stores/{store}":                          deleteStore,
		"GET /stores/{store}/secrets":                     listSecrets,
		"POST /stores/{store}/secrets":                    createSecrets,
		"DELETE /stores/{store}/secrets":                  deleteSecrets,
		"GET /stores/{store}/secrets/{secret}":            getSecret,
		"PATCH /stores/{store}/secrets/{secret}":          patchSecret,
		"DELETE /stores/{store}/secrets/{secret}":         deleteSecret,
		"POST /stores/{store}/secrets/{secret}/duplicate": duplicateSecret,
	}
}

// workerEndpoints deploy Workers and preview them (docs/cloudflare-api.md §15).
func workerEndpoints() map[string]endpoint {
	return map[string]endpoint{
		"PUT /workers/scripts/{script}":               deployWorker,
		"GET /workers/subdomain":                      subdomain,
		"GET /workers/subdomain/edge-preview":         previewSession,
		"POST /workers/scripts/{script}/edge-preview": uploadPreview,
	}
}

// Close ends stalled requests and previews, refuses later requests and releases the state
// file.
func (s *Server) Close() error {
	if !s.close() {
		return nil
	}
	s.previews.Close() // not with mu, which a preview needs to end
	return s.state.Close()
}

// close reports whether it is the first to close the server.
func (s *Server) close() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed() {
		return false
	}
	close(s.done)
	return true
}

func (s *Server) closed() bool {
	select {
	case <-s.done:
		return true
	default:
		return false
	}
}

// ServeHTTP answers a request. The response is complete before any of it is sent, so that a
// fault can occur before it, after it or midway.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// One byte beyond the limit shows that the body is too large. The rest is read too, so
	// that the client can receive the response, and because net/http detects a disconnected
	// client only after the body has been read.
	body, err := io.ReadAll(io.LimitReader(r.Body, int64(s.opts.MaxBody)+1))
	if err == nil {
		_, err = io.Copy(io.Discard, r.Body)
	}
	if err != nil {
		panic(http.ErrAbortHandler) // the client disconnected while sending its request
	}
	fault := s.opts.Fault(r)
	a := &answer{header: http.Header{"Date": {s.opts.Now().UTC().Format(http.TimeFormat)}}}
	if fault.handles() {
		r.Body = io.NopCloser(bytes.NewReader(body))
		s.respond(a, fault.mark(r), len(body))
	}
	fault.spoil(a)
	s.record(Request{Method: r.Method, Path: r.URL.Path, Status: a.status})
	fault.send(w, r, a, s.done)
}

// respond applies the checks that Cloudflare applies to every request, and then routes it.
func (s *Server) respond(a *answer, r *http.Request, size int) {
	if s.servePreview(a, r) {
		return
	}
	wait := s.limits.Count(credential(r), s.opts.Now(), a.header)
	auth := s.authorize(r)
	switch {
	case wait > 0:
		a.Header().Set("Retry-After", ratelimit.Seconds(wait))
		writeEnvelope(a, nil, errTooManyRequests)
	case size > s.opts.MaxBody:
		writeEnvelope(a, nil, errBodyTooLarge)
	case auth != nil:
		writeEnvelope(a, nil, auth)
	case path.Clean(r.URL.Path) != r.URL.Path: // the mux would redirect
		writeEnvelope(a, nil, emptyID(r))
	default:
		s.mux.ServeHTTP(a, r)
	}
}

// emptyID returns the error for a path with an empty id. Bulk delete is known to differ
// from the other endpoints (docs/cloudflare-api.md §6).
func emptyID(r *http.Request) error {
	if r.Method == http.MethodDelete && strings.HasSuffix(r.URL.Path, "/stores//secrets") {
		return errStoreNotFound
	}
	return errNotFound
}

// HasValue reports whether a secret has exactly this value. It is for tests: the API itself
// has no such operation.
func (s *Server) HasValue(account, store, name string, value []byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	stores := s.state.Accounts[account].Stores
	for i := range stores {
		if stores[i].Name != store {
			continue
		}
		if r := stores[i].Secrets.Named(name); r != nil {
			return r.Value.Matches(value)
		}
	}
	return false
}
