package emulator

import (
	"log/slog"
	"slices"
)

// maxRequests bounds the memory that the request log of a long run takes.
const maxRequests = 20_000

// Request is an entry of the request log. It holds nothing that a client sent
// but the path.
type Request struct {
	Method, Path string
	Status       int // 0 where no status was sent
}

// record notes a request before its answer is sent, so that whoever has the
// answer finds the request in the log.
func (s *Server) record(r Request) {
	s.opts.Log.Info("request", slog.String("method", r.Method), slog.String("path", r.Path), slog.Int("status", r.Status))
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.requests) == maxRequests {
		s.requests = slices.Delete(s.requests, 0, maxRequests/2)
	}
	s.requests = append(s.requests, r)
}

// Requests returns the requests since the start or the last
// [Server.ResetRequests], the latest ones if there are very many.
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
