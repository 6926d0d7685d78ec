package emulator

import (
	"context"
	"net/http"
	"time"
)

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
