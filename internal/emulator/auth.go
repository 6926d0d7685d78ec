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

// credential is a request's API token or a user's API key, which comes with an email
// address: wrangler prefers the key if both are set (docs/cloudflare-api.md §9).
func credential(r *http.Request) string {
	if token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		return token
	}
	if r.Header.Get("X-Auth-Email") == "" {
		return ""
	}
	return r.Header.Get("X-Auth-Key")
}

// authorize returns the error if the request's credential does not permit it.
func (s *Server) authorize(r *http.Request) error {
	held := credential(r)
	if held == "" {
		return errUnauthenticated
	}
	if len(s.opts.Tokens) == 0 {
		return nil
	}
	permission, known := s.opts.Tokens[held]
	reads := r.Method == http.MethodGet || r.Method == http.MethodHead
	switch {
	case !known:
		return errUnknownToken
	case permission == PermissionWrite, permission == PermissionRead && reads:
		return nil
	}
	return errForbidden
}
