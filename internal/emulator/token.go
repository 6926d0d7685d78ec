package emulator

import (
	"fmt"
	"slices"
	"strings"
)

// ParseTokens parses tokens for [Options.Tokens]. Each is
//
//	TOKEN=PERMISSION,...
//
// as in "ci=Secrets Store Read, Workers Scripts Read", in upper or lower case.
func ParseTokens(texts ...string) (map[string][]Permission, error) {
	tokens := map[string][]Permission{}
	for _, text := range texts {
		token, list, found := strings.Cut(text, "=")
		if !found || token == "" {
			return nil, fmt.Errorf("%q is not a token with its permissions: want TOKEN=PERMISSION,PERMISSION", text)
		}
		tokens[token] = nil
		for name := range strings.SplitSeq(list, ",") {
			name = strings.TrimSpace(name)
			i := slices.IndexFunc(Permissions(), func(p Permission) bool { return strings.EqualFold(string(p), name) })
			switch {
			case i >= 0:
				tokens[token] = append(tokens[token], Permissions()[i])
			case name != "":
				return nil, fmt.Errorf("token %q: unknown permission %q: want some of %q", token, name, Permissions())
			}
		}
	}
	return tokens, nil
}
