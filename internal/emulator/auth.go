package emulator

import (
	"net/http"
	"strings"
)

// Permission is what a token may do with an account's Secrets Store.
type Permission string

// The permissions, as Cloudflare's token groups "Secrets Store Read" and
// "Secrets Store Write". A token without either is valid and may do nothing here.
const (
	PermissionNone  Permission = "none"
	PermissionRead  Permission = "read"
	PermissionWrite Permission = "write"
)

// authorize returns why the request's token doesn't allow it.
func (s *Server) authorize(r *http.Request) error {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok || token == "" {
		return errUnauthenticated
	}
	if len(s.opts.Tokens) == 0 {
		return nil
	}
	permission, known := s.opts.Tokens[token]
	reads := r.Method == http.MethodGet || r.Method == http.MethodHead
	switch {
	case !known:
		return errUnknownToken
	case permission == PermissionWrite, permission == PermissionRead && reads:
		return nil
	}
	return errForbidden
}
