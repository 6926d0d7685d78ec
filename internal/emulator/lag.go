package emulator

import (
	"context"
	"net/http"
	"slices"
	"time"
)

// maxPast bounds how many earlier states of an account are kept for reads that lag.
const maxPast = 100

// version is an account as it was until a write at some time replaced it.
type version struct {
	until   time.Time
	account account
}

// remember keeps the state that a write replaces.
func (s *Server) remember(id string, before account) {
	past := append(s.past[id], version{s.opts.Now(), before})
	s.past[id] = past[max(0, len(past)-maxPast):]
}

// before returns an account as it was some time ago; zero is before the latest write.
func (s *Server) before(id string, lag time.Duration) account {
	past := s.past[id]
	if lag == 0 && len(past) > 0 {
		return past[len(past)-1].account
	}
	then := s.opts.Now().Add(-lag)
	if i := slices.IndexFunc(past, func(v version) bool { return v.until.After(then) }); i >= 0 {
		return past[i].account
	}
	return s.state.Accounts[id]
}

type lagKey struct{}

// mark tells the endpoint that is to handle r of a [FaultLag].
func (f Fault) mark(r *http.Request) *http.Request {
	if f.Kind != FaultLag {
		return r
	}
	return r.WithContext(context.WithValue(r.Context(), lagKey{}, f.Lag))
}

// lag is how far a read lags, if it does.
func (s *Server) lag(r *http.Request) (time.Duration, bool) {
	if d, ok := r.Context().Value(lagKey{}).(time.Duration); ok {
		return d, true
	}
	return s.opts.Lag, s.opts.Lag > 0
}
