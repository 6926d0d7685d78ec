// Package hexid decides what is an id of Cloudflare's accounts and stores: 32
// hexadecimal digits. Such ids arrive from manifests, flags, the environment,
// lockfiles and wrangler configurations, in either case; they are compared, and
// are part of fingerprints, in one spelling.
package hexid

import (
	"errors"
	"regexp"
	"strings"
)

// ErrAccount means that an account's id is none. It does not quote the text: a token may have
// been entered by mistake.
var ErrAccount = errors.New("the account id is not 32 hexadecimal digits: it is part of the dashboard's address," +
	" https://dash.cloudflare.com/ACCOUNT_ID, and \"wrangler whoami\" prints it")

var form = regexp.MustCompile(`^[0-9A-Fa-f]{32}$`)

// Parse returns an id in lower case, or text as it is if it is no id.
func Parse(text string) (id string, ok bool) {
	if !form.MatchString(text) {
		return text, false
	}
	return strings.ToLower(text), true
}
