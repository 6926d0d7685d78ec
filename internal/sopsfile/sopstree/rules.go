package sopstree

import (
	"regexp"
	"slices"
	"strings"

	"github.com/getsops/sops/v3"
)

// Rules say which values of a file SOPS leaves in plaintext.
type Rules struct {
	m                      sops.Metadata
	encrypted, unencrypted *regexp.Regexp // nil matches nothing, as one that SOPS cannot compile
}

// RulesOf returns the rules that a file has in its metadata.
func RulesOf(m sops.Metadata) Rules {
	r := Rules{m: m}
	r.encrypted, _ = regexp.Compile(m.EncryptedRegex)
	r.unencrypted, _ = regexp.Compile(m.UnencryptedRegex)
	return r
}

// Leave reports whether SOPS leaves a value unencrypted. Any key of the maps on its path can
// decide that (docs/sops.md §2). A file has one rule. Rules about comments are not evaluated,
// so the value may be encrypted.
func (r Rules) Leave(keys []string) bool {
	matches := func(expr *regexp.Regexp) bool { return expr != nil && slices.ContainsFunc(keys, expr.MatchString) }
	ends := func(suffix string) bool {
		return slices.ContainsFunc(keys, func(key string) bool { return strings.HasSuffix(key, suffix) })
	}
	switch m := r.m; {
	case m.EncryptedRegex != "":
		return !matches(r.encrypted)
	case m.UnencryptedRegex != "":
		return matches(r.unencrypted)
	case m.EncryptedSuffix != "":
		return !ends(m.EncryptedSuffix)
	case m.UnencryptedSuffix != "":
		return ends(m.UnencryptedSuffix)
	}
	return false
}
