// Package pattern finds the secrets that the arguments of a command name.
package pattern

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/secretsync/secretsync/internal/repo"
	"github.com/secretsync/secretsync/internal/syntax"
	"github.com/secretsync/secretsync/planner"
)

// Error says that an argument does not name secrets: it matches none, or it is a name
// that several secrets have.
type Error struct {
	// Pattern is the argument, and Among where it was looked for: "secretsync.lock".
	Pattern, Among string
	// Matching are the secrets that a name without a store matches, each as it can be named
	// instead: STORE/SECRET, or ACCOUNT/STORE/SECRET. It is empty if nothing matches.
	Matching []string
	// Known are all secrets that could have been named.
	Known []string
}

func (e *Error) Error() string {
	if len(e.Matching) == 0 {
		return fmt.Sprintf("no secret in %s matches %q", e.Among, e.Pattern)
	}
	return fmt.Sprintf("%q matches more than one secret in %s: %s", e.Pattern, e.Among, strings.Join(e.Matching, ", "))
}

// Suggestions are the secret that was probably meant, or else all that could have been named.
func (e *Error) Suggestions() []string {
	if meant := syntax.Mistyped(e.Pattern, e.Known); meant != "" {
		return []string{meant}
	}
	return e.Known
}

// Choose returns the secrets that the patterns name, in the order of all. A pattern is a glob
// of STORE/SECRET or ACCOUNT/STORE/SECRET, or a name without a store that only one secret has.
func Choose(patterns []string, among string, all []planner.SecretKey) ([]planner.SecretKey, error) {
	chosen := map[planner.SecretKey]bool{}
	for _, pattern := range patterns {
		var matching []planner.SecretKey
		for _, k := range all {
			if ok, err := path.Match(pattern, k.Like(pattern)); err != nil {
				return nil, fmt.Errorf("%q is not a glob: %w", pattern, err)
			} else if ok {
				matching = append(matching, k)
			}
		}
		if len(matching) == 0 || len(matching) > 1 && !strings.Contains(pattern, "/") {
			return nil, &Error{Pattern: pattern, Among: among, Matching: names(matching, all), Known: names(all, all)}
		}
		for _, k := range matching {
			chosen[k] = true
		}
	}
	return slices.DeleteFunc(slices.Clone(all), func(k planner.SecretKey) bool { return !chosen[k] }), nil
}

// names are secrets as STORE/SECRET, with the account if another one has a store of that name.
func names(keys, all []planner.SecretKey) []string {
	first, several := map[string]planner.StoreKey{}, map[string]bool{} // by the store's name
	for _, k := range all {
		if _, ok := first[k.Store.Name]; !ok {
			first[k.Store.Name] = k.Store
		}
		several[k.Store.Name] = several[k.Store.Name] || first[k.Store.Name] != k.Store
	}
	var list []string
	for _, k := range keys {
		name := k.Store.Name + "/" + k.Name
		if several[k.Store.Name] {
			name = string(k.Store.Account) + "/" + name
		}
		list = append(list, repo.EscapeGlob(name))
	}
	return list
}
