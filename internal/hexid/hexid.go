// Package hexid recognises the ids of Cloudflare's accounts and stores: 32
// hexadecimal digits. Such ids come from manifests, flags, the environment,
// lockfiles and wrangler configurations, in upper or lower case. They are compared
// and fingerprinted in one spelling.
package hexid

import (
	"errors"
	"regexp"
	"strings"
)

// ErrAccount means that a text is not an account's id. It does not quote the text: a token may
// have been entered by mistake.
var ErrAccount = errors.New("the account id is not 32 hexadecimal digits: it is part of the dashboard's address," +
	" https://dash.cloudflare.com/ACCOUNT_ID, and \"wrangler whoami\" prints it")

var form = regexp.MustCompile(`^[0-9A-Fa-f]{32}$`)

// Parse returns an id in lower case, or the unchanged text if it is not an id.
func Parse(text string) (id string, ok bool) {
	if !form.MatchString(text) {
		return text, false
	}
	return strings.ToLower(text), true
}
