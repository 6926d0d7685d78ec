package emulator

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// TokenState describes an API token, except for its permissions.
type TokenState struct {
	Disabled           bool
	NotBefore, Expires time.Time // zero for none
	// Account is the account that owns the token. It is empty for a user's token, but one with
	// Cloudflare's prefix for tokens of accounts is never a user's.
	Account string
}

// accountPrefix begins the tokens of accounts (docs/cloudflare-api.md §17).
const accountPrefix = "cfat_"

// The errors of these endpoints (docs/cloudflare-api.md §17). The status of the second is a guess.
// So is the assumption that all other endpoints refuse a disabled or expired token with the third.
var (
	errInvalidToken = apiError{http.StatusUnauthorized, 1000, "Invalid API Token"}
	errNoHeader     = apiError{http.StatusBadRequest, 1001, `Missing "Authorization" header`}
	errEndedToken   = apiError{http.StatusForbidden, 9109, "Invalid access token"}
)

// set sets what a word of [ParseTokens] says about a token. It reports whether it is such a word.
func (t *TokenState) set(word string) (known bool, err error) {
	key, value, _ := strings.Cut(word, "=")
	switch key {
	case "disabled":
		t.Disabled = true
	case "expires":
		t.Expires, err = time.Parse(time.RFC3339, value)
	case "not_before":
		t.NotBefore, err = time.Parse(time.RFC3339, value)
	case "account":
		if t.Account = value; !isAccountID.MatchString(value) {
			err = fmt.Errorf("%q is not the id of an account", value)
		}
	default:
		return false, nil
	}
	return true, err
}

// status is the token's state in the words of the endpoints below. That a token which is not valid
// yet counts as active is a guess.
func (t TokenState) status(now time.Time) string {
	switch {
	case t.Disabled:
		return "disabled"
	case !t.Expires.IsZero() && !now.Before(t.Expires):
		return "expired"
	}
	return "active"
}

// usable reports whether the token permits anything.
func (t TokenState) usable(now time.Time) bool {
	return t.status(now) == "active" && !now.Before(t.NotBefore)
}

// isVerify reports whether a request asks whether its own token is valid, which needs no permission.
func isVerify(r *http.Request) bool {
	return r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/tokens/verify")
}

// tokenView is the answer about a token.
type tokenView struct {
	ID        string `json:"id"`
	Status    string `json:"status"`
	NotBefore string `json:"not_before,omitempty"`
	Expires   string `json:"expires_on,omitempty"`
}

// message is what an answer says besides its result.
type message struct {
	Code    int     `json:"code"`
	Message string  `json:"message"`
	Type    *string `json:"type"`
}

// verifyToken answers whether the request's token is valid, for a user's token or, below an
// account, for one of that account.
func (s *Server) verifyToken(w http.ResponseWriter, r *http.Request) {
	account, held := r.PathValue("account"), credential(r)
	state := s.opts.TokenStates[held]
	_, known := s.opts.Tokens[held]
	switch owned := state.Account != "" || strings.HasPrefix(held, accountPrefix); {
	case held == "":
		writeEnvelope(w, nil, errNoHeader)
	case len(s.opts.Tokens) > 0 && !known, owned != (account != ""), state.Account != "" && state.Account != account:
		writeEnvelope(w, nil, errInvalidToken)
	default:
		writeEnvelope(w, state.view(held, s.opts.Now()), nil)
	}
}

func (t TokenState) view(token string, now time.Time) tokenView {
	digest := sha256.Sum256([]byte("id of " + token))
	v := tokenView{ID: hex.EncodeToString(digest[:16]), Status: t.status(now)}
	if !t.NotBefore.IsZero() {
		v.NotBefore = t.NotBefore.UTC().Format(time.RFC3339)
	}
	if !t.Expires.IsZero() {
		v.Expires = t.Expires.UTC().Format(time.RFC3339)
	}
	return v
}
