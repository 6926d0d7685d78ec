package emulator

import (
	"context"
	"net/http"
	"slices"
	"time"
)

// maxPast limits how many earlier states of an account are kept for reads that lag.
const maxPast = 100

// version is the state of an account until a write replaced it.
type version struct {
	until   time.Time
	account account
}

// remember keeps the state that a write replaces.
func (s *Server) remember(id string, before account) {
	past := append(s.past[id], version{s.opts.Now(), before})
	s.past[id] = past[max(0, len(past)-maxPast):]
}

// before returns an account's state some time ago; zero means before the latest write.
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

type shortKey struct{}

// mark passes a [FaultLag] or [FaultShort] to the endpoint that will handle r.
func (f Fault) mark(r *http.Request) *http.Request {
	switch f.Kind {
	case FaultLag:
		return r.WithContext(context.WithValue(r.Context(), lagKey{}, f.Lag))
	case FaultShort:
		return r.WithContext(context.WithValue(r.Context(), shortKey{}, true))
	}
	return r
}

// lag returns how far a read lags, and whether it does.
func (s *Server) lag(r *http.Request) (time.Duration, bool) {
	if d, ok := r.Context().Value(lagKey{}).(time.Duration); ok {
		return d, true
	}
	return s.opts.Lag, s.opts.Lag > 0
}
