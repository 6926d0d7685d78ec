// Package hexid decides what is an id of Cloudflare's accounts and stores: 32
// hexadecimal digits. Such ids arrive from manifests, flags, the environment,
// lockfiles and wrangler configurations, in either case; they are compared, and
// are part of fingerprints, in one spelling.
package hexid

import (
	"regexp"
	"strings"
)

var form = regexp.MustCompile(`^[0-9A-Fa-f]{32}$`)

// Parse returns an id in lower case, or text as it is if it is no id.
func Parse(text string) (id string, ok bool) {
	if !form.MatchString(text) {
		return text, false
	}
	return strings.ToLower(text), true
}
