package cloudflare

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// Cloudflare's authentication codes (docs/cloudflare-api.md §6, §13).
const (
	codeHeaders       = 6003  // "Invalid request headers"
	codeHeaderFormat  = 6111  // "Invalid format for Authorization header", in the chain of 6003
	codeUnknownKey    = 9103  // "Unknown X-Auth-Key or X-Auth-Email"
	codeMissingHeader = 9106  // no credential in the headers
	codeAccess        = 9109  // an invalid token, or one that is refused for a reason in the message
	codeAuthenticate  = 10000 // "Authentication error"; now and then also with a valid token
)

var authenticationCodes = []int{codeHeaders, codeHeaderFormat, codeUnknownKey, codeMissingHeader, codeAccess, codeAuthenticate}

// denies reports whether an answer is about the credential and not about the request.
func (a *answer) denies() bool {
	return slices.ContainsFunc(authenticationCodes, a.refusedWith) || a.status == http.StatusUnauthorized || a.status == http.StatusForbidden
}

// denied says why a credential was refused. worked reports whether the same token was accepted
// before in this run.
func (e *Error) denied(a *answer, worked bool) string {
	switch {
	case a.env == nil && a.status == http.StatusForbidden && a.ray() != "":
		return "a firewall page of Cloudflare blocked the request before it reached the API: this is not about the token;" +
			" try from another network, or ask Cloudflare's support about this CF-Ray"
	case a.refusedBecause("Cannot use the access token from location"):
		return "the API token may not be used from this machine's address: its \"Client IP Address Filtering\" does not include it"
	case a.refusedWith(codeHeaders), a.refusedWith(codeHeaderFormat):
		return "Cloudflare cannot read the Authorization header: the API token is malformed, or a proxy changed the header; copy the token again"
	case a.refusedWith(codeAccess):
		return "the API token is invalid, expired or disabled, or belongs to another account"
	case e.ForbidsBinding(): // another permission than the request's, or a scope
		return "Cloudflare does not allow binding a secret"
	case worked && e.permission != "":
		return fmt.Sprintf("the API token lacks the permission %q for this account", e.permission)
	case e.permission != "":
		return fmt.Sprintf("Cloudflare refused the API token: it is invalid, is for another account,"+
			" or lacks the permission %q for this one", e.permission)
	case worked && e.Method != http.MethodGet:
		return `the API token can read but not write: it lacks the permission "Secrets Store Write" for this account`
	case worked:
		return `the API token lacks the permission "Secrets Store Read" for this account`
	case e.Method != http.MethodGet:
		return "Cloudflare refused the API token: it is invalid, is for another account," +
			` or lacks the permission "Secrets Store Write" for this one`
	}
	return "Cloudflare refused the API token: it is invalid, is for another account," +
		` or lacks the permission "Secrets Store Read" (to apply, "Secrets Store Write") for this one`
}

// refusedBecause reports whether the API refused the request with a message that begins so.
func (a *answer) refusedBecause(prefix string) bool {
	return a.refuses() && slices.ContainsFunc(a.env.Errors, func(e apiError) bool { return strings.HasPrefix(e.Message, prefix) })
}

// checkToken refuses a token that cannot be one, before it is sent anywhere. It never quotes
// the token. A bearer token has letters, digits and -._~+/= (RFC 6750, 2.1).
func checkToken(token string) string {
	first, last := token[0], token[len(token)-1]
	switch {
	case first == '"' || first == '\'' || last == '"' || last == '\'':
		return "the API token is in quotes: set the variable to what is inside them"
	case strings.HasPrefix(token, "Bearer "):
		return `the API token begins with "Bearer ": set the variable to what follows`
	case strings.ContainsAny(token, "${}<>"):
		return "the API token holds a placeholder such as ${TOKEN}, which nothing replaced: set the variable to the token itself"
	case strings.ContainsFunc(token, func(r rune) bool { return !isTokenChar(r) }):
		return "the API token holds a space, a line break or another character that no token has: copy it again"
	}
	return ""
}

func isTokenChar(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-._~+/=", r)
}
