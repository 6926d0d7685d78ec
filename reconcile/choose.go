package reconcile

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/secretsync/secretsync/internal/repo"
	"github.com/secretsync/secretsync/internal/syntax"
	"github.com/secretsync/secretsync/planner"
)

// PatternError says that an argument does not name secrets: it matches none, or it is a name
// that several secrets have.
type PatternError struct {
	// Pattern is the argument, and Among what it was compared with: "secretsync.lock".
	Pattern, Among string
	// Matching are the secrets that a name without a store matches, each as it can be named
	// instead: STORE/SECRET, or ACCOUNT/STORE/SECRET. It is empty if nothing matches.
	Matching []string
	// Known are all secrets that could have been named.
	Known []string
}

func (e *PatternError) Error() string {
	if len(e.Matching) == 0 {
		return fmt.Sprintf("no secret in %s matches %q", e.Among, e.Pattern)
	}
	return fmt.Sprintf("%q matches more than one secret in %s: %s", e.Pattern, e.Among, strings.Join(e.Matching, ", "))
}

// Suggestions are the secret that was probably meant, or else all that could have been named.
func (e *PatternError) Suggestions() []string {
	if meant := syntax.Mistyped(e.Pattern, e.Known); meant != "" {
		return []string{meant}
	}
	return e.Known
}

// choose returns the secrets that the patterns name, in the order of all. A pattern is a glob
// of STORE/SECRET or ACCOUNT/STORE/SECRET, or a name without a store that only one secret has.
func choose(patterns []string, among string, all []planner.SecretKey) ([]planner.SecretKey, error) {
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
			return nil, &PatternError{Pattern: pattern, Among: among, Matching: names(matching, all), Known: names(all, all)}
		}
		for _, k := range matching {
			chosen[k] = true
		}
	}
	return slices.DeleteFunc(slices.Clone(all), func(k planner.SecretKey) bool { return !chosen[k] }), nil
}

// names are secrets as STORE/SECRET, with the account if another one has a store of that name.
func names(keys, all []planner.SecretKey) []string {
	var list []string
	for _, k := range keys {
		name := k.Store.Name + "/" + k.Name
		if slices.ContainsFunc(all, func(x planner.SecretKey) bool { return x.Store.Name == k.Store.Name && x.Store != k.Store }) {
			name = string(k.Store.Account) + "/" + name
		}
		list = append(list, repo.EscapeGlob(name))
	}
	return list
}
