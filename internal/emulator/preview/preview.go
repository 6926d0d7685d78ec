// Package preview runs the Workers that the emulator's clients upload as edge previews
// (docs/cloudflare-api.md §15). A Worker runs in workerd, with the Miniflare that a project
// has installed. Without Miniflare, a double answers for secretsync's own witness.
//
// Call [New], then [Set.Session], [Set.Add] and [Set.Serve] in a client's order.
package preview

import (
	"cmp"
	"crypto/rand"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/secretsync/secretsync/internal/witness/witnesstest"
)

// Options are optional.
type Options struct {
	// Dirs are folders of projects. The first one with a Miniflare provides it. If Dirs is empty,
	// no Worker runs in workerd.
	Dirs []string
	// Lifetime is how long a session and a preview last; default 5 minutes.
	Lifetime time.Duration
	// Now is the clock; default time.Now.
	Now func() time.Time
	// Log receives what Workers run in; default: no log.
	Log *slog.Logger
}

// defaultLifetime is a guess: Cloudflare documents none.
const defaultLifetime = 5 * time.Minute

// Set holds the sessions and the previews of a server. It is safe for concurrent use.
type Set struct {
	opts Options

	mu       sync.Mutex
	sessions map[string]session  // by token
	previews map[string]*preview // by token
	running  []*preview          // those with a process, the one that was used last at the end
	closed   bool
}

// session permits uploads to an account.
type session struct {
	account string
	until   time.Time
	// exchanged is whether the token comes from [Set.Exchange].
	exchanged bool
}

// preview is an uploaded Worker.
type preview struct {
	worker Worker
	read   Reader
	until  time.Time

	doubled sync.Once
	double  *witnesstest.Worker

	mu      sync.Mutex // guards the fields below, and is held while a process starts
	process *process
	runs    string // identifies the values that process was started with
}

// Reader returns what a binding's get() resolves to or, as an error, rejects with. The error
// wraps [ErrNotFound] if the secret does not exist. It is called with every request.
type Reader func(SecretBinding) (string, error)

// New returns an empty set. Close it.
func New(opts Options) *Set {
	opts.Lifetime = cmp.Or(opts.Lifetime, defaultLifetime)
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	return &Set{opts: opts, sessions: map[string]session{}, previews: map[string]*preview{}}
}

// Session starts a session of an account and returns its token.
func (s *Set) Session(account string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.session(account, false)
}

func (s *Set) session(account string, exchanged bool) string {
	token := rand.Text()
	s.sessions[token] = session{account, s.opts.Now().Add(s.opts.Lifetime), exchanged}
	return token
}

// Exchange returns another token for a session's. A token can be exchanged once.
func (s *Set) Exchange(token string) (string, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sweep()
	old, found := s.sessions[token]
	if !found || old.exchanged {
		return "", false
	}
	old.exchanged = true
	s.sessions[token] = old
	return s.session(old.account, true), true
}

// Permits reports whether a session's token permits uploads to an account.
func (s *Set) Permits(token, account string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sweep()
	session, found := s.sessions[token]
	return found && session.account == account
}

// Add adds an uploaded Worker, which reads its secrets with read, and returns the preview's
// token. The Worker starts with the first request.
func (s *Set) Add(w Worker, read Reader) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sweep()
	token := rand.Text()
	s.previews[token] = &preview{worker: w, read: read, until: s.opts.Now().Add(s.opts.Lifetime)}
	return token
}

// Serve answers a request to the Worker with this name, as the preview with this token. The
// Worker sees the URL's path.
func (s *Set) Serve(w http.ResponseWriter, r *http.Request, name, token string) {
	s.mu.Lock()
	s.sweep()
	p := s.previews[token]
	s.mu.Unlock()
	if p == nil || p.worker.Name != name {
		http.Error(w, "Invalid Workers Preview configuration", http.StatusBadRequest)
		return
	}
	s.serve(w, r, p)
}

// sweep forgets what has ended.
func (s *Set) sweep() {
	now := s.opts.Now()
	for token, session := range s.sessions {
		if !session.until.After(now) {
			delete(s.sessions, token)
		}
	}
	for token, p := range s.previews {
		if !p.until.After(now) {
			delete(s.previews, token)
			go p.stop()
		}
	}
}

// Close ends all previews and waits for their processes.
func (s *Set) Close() {
	s.mu.Lock()
	s.closed = true
	running := s.running
	s.running, s.previews = nil, map[string]*preview{}
	s.mu.Unlock()
	var ended sync.WaitGroup
	for _, p := range running {
		ended.Go(p.stop)
	}
	ended.Wait()
}
