package emulator

import (
	"log/slog"
	"slices"
)

// maxRequests limits the memory that the request log of a long run uses.
const maxRequests = 20_000

// Request is an entry of the request log. Of the request's content it only contains the
// path.
type Request struct {
	Method, Path string
	Status       int // 0 if no status was sent
}

// record logs a request before its response is sent, so that a client that has the response
// finds the request in the log.
func (s *Server) record(r Request) {
	s.opts.Log.Info("request", slog.String("method", r.Method), slog.String("path", r.Path), slog.Int("status", r.Status))
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.requests) == maxRequests {
		s.requests = slices.Delete(s.requests, 0, maxRequests/2)
	}
	s.requests = append(s.requests, r)
}

// Requests returns the requests since the start or the last [Server.ResetRequests]; the
// latest ones if the log was full.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// ResetRequests empties the request log.
func (s *Server) ResetRequests() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = nil
}
