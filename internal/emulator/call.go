package emulator

import (
	"net/http"
	"regexp"
	"time"

	"github.com/secretsync/secretsync/internal/emulator/internal/audit"
	"github.com/secretsync/secretsync/internal/emulator/internal/state"
)

// endpoint handles a request for one account. It may modify the account, a copy that
// replaces the original if no error is returned.
type endpoint func(*call) (any, error)

// call is a request being handled by an [endpoint].
type call struct {
	*Server
	*http.Request
	account state.Account
	keep    bool // keep the change despite the error
	facts   audit.Facts
}

// isAccountID matches what Cloudflare's router accepts as an account id.
var isAccountID = regexp.MustCompile(`^[0-9a-f]{32}$`)

// tick returns the time of a change.
func (s *Server) tick() time.Time { return s.state.Tick(s.opts.Now()) }

func (s *Server) handle(e endpoint) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		result, err := s.do(r, e)
		writeEnvelope(w, result, err)
	})
}

func (s *Server) do(r *http.Request, e endpoint) (any, error) {
	id := r.PathValue("account")
	if !isAccountID.MatchString(id) {
		return nil, errCouldNotRoute.with("Could not route to %s, perhaps your object identifier is invalid?", r.URL.Path)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed() {
		return nil, errClosed
	}
	reads := isRead(r)
	c := &call{Server: s, Request: r, account: s.state.Accounts[id].Clone()}
	if lag, ok := s.lag(r); ok && reads {
		c.account = s.state.Before(id, lag, s.opts.Now()).Clone()
	}
	last := s.state.Last
	result, err := e(c)
	if reads || (err != nil && !c.keep) {
		return result, err
	}
	c.log(last)
	if err := s.state.Commit(id, c.account, s.opts.Now()); err != nil {
		return nil, errState.with("the emulator cannot keep its state: %v", err)
	}
	return result, err
}
