package emulator

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// Permission is a permission group that a token can have for every account.
type Permission string

// The permission groups, by Cloudflare's names (docs/cloudflare-api.md §8, §14, §16). A permission
// to write includes the one to read. A token without permissions is valid and may do nothing.
const (
	SecretsStoreRead    Permission = "Secrets Store Read"
	SecretsStoreWrite   Permission = "Secrets Store Write"
	WorkersScriptsRead  Permission = "Workers Scripts Read"
	WorkersScriptsEdit  Permission = "Workers Scripts Edit"
	AIGatewayRead       Permission = "AI Gateway Read"
	AIGatewayEdit       Permission = "AI Gateway Edit"
	ContainersRead      Permission = "Workers Containers Read"
	ContainersWrite     Permission = "Workers Containers Write"
	AccountSettingsRead Permission = "Account Settings Read"
)

// Permissions are all permission groups that the emulator knows.
func Permissions() []Permission {
	return []Permission{
		SecretsStoreRead, SecretsStoreWrite, WorkersScriptsRead, WorkersScriptsEdit, AIGatewayRead, AIGatewayEdit,
		ContainersRead, ContainersWrite, AccountSettingsRead,
	}
}

// guard says which permission reads and which one writes the paths of an account that begin
// with a prefix.
type guard struct {
	prefix      string
	read, write Permission
}

// guards are searched in order. An account's other paths do not exist, and are answered so.
var guards = []guard{
	{"secrets_store/", SecretsStoreRead, SecretsStoreWrite},
	{"workers/subdomain/edge-preview", WorkersScriptsEdit, WorkersScriptsEdit},
	{"workers/", WorkersScriptsRead, WorkersScriptsEdit},
	{"ai-gateway/", AIGatewayRead, AIGatewayEdit},
	{"containers/", ContainersRead, ContainersWrite},
	{"logs/", AccountSettingsRead, ""},
}

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
	switch {
	case isVerify(r):
		return nil
	case held == "":
		return errUnauthenticated
	}
	if len(s.opts.Tokens) == 0 {
		return nil
	}
	if _, known := s.opts.Tokens[held]; !known {
		return errUnknownToken
	}
	account, path, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/client/v4/accounts/"), "/")
	switch state := s.opts.TokenStates[held]; {
	case !state.usable(s.opts.Now()):
		return errEndedToken
	case state.Account != "" && state.Account != account:
		return errForbidden
	}
	for _, g := range guards {
		switch {
		case !strings.HasPrefix(path, g.prefix):
			continue
		case s.permits(r, g.write), isRead(r) && s.permits(r, g.read):
			return nil
		}
		return errForbidden
	}
	return nil
}

// permits reports whether the request's token has a permission.
func (s *Server) permits(r *http.Request, p Permission) bool {
	return len(s.opts.Tokens) == 0 || slices.Contains(s.opts.Tokens[credential(r)], p)
}

// isRead reports whether a request changes nothing.
func isRead(r *http.Request) bool { return r.Method == http.MethodGet || r.Method == http.MethodHead }

// ParseTokens parses tokens for [Options.Tokens] and [Options.TokenStates]. Each is
//
//	TOKEN=PERMISSION,...
//
// as in "ci=Secrets Store Read, Workers Scripts Read", in upper or lower case. Beside permissions,
// the words disabled, expires=TIME, not_before=TIME and account=ID describe the token.
func ParseTokens(texts ...string) (tokens map[string][]Permission, states map[string]TokenState, err error) {
	tokens, states = map[string][]Permission{}, map[string]TokenState{}
	for _, text := range texts {
		token, list, found := strings.Cut(text, "=")
		if !found || token == "" {
			return nil, nil, fmt.Errorf("%q is not a token with its permissions: want TOKEN=PERMISSION,PERMISSION", text)
		}
		tokens[token] = nil
		var state TokenState
		for name := range strings.SplitSeq(list, ",") {
			name = strings.TrimSpace(name)
			i := slices.IndexFunc(Permissions(), func(p Permission) bool { return strings.EqualFold(string(p), name) })
			if i >= 0 {
				tokens[token] = append(tokens[token], Permissions()[i])
				continue
			}
			switch known, err := state.set(name); {
			case err != nil:
				return nil, nil, fmt.Errorf("token %q: %w", token, err)
			case !known && name != "":
				return nil, nil, fmt.Errorf("token %q: unknown permission %q: want some of %q", token, name, Permissions())
			}
		}
		states[token] = state
	}
	return tokens, states, nil
}
