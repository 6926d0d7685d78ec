package reconcile

import (
	"cmp"
	"fmt"
	"iter"
	"path"
	"slices"
	"strings"

	"github.com/secretsync/secretsync/internal/repo"
	"github.com/secretsync/secretsync/internal/syntax"
	"github.com/secretsync/secretsync/lockfile"
	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/reconcile/internal/records"
)

// PatternError says that an argument does not name secrets: it matches none, or it is a name
// that several secrets have.
type PatternError struct {
	// Pattern is the argument, and Among where it was looked for: "secretsync.lock".
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

// checkRotate returns a [PatternError] unless the manifest or the lockfile has a secret that the
// glob matches, and only one if the glob names no store.
func (d *desired) checkRotate(glob string, lock *lockfile.File) error {
	all := slices.SortedFunc(known(d.stores, records.Stores(lock)), func(x, y planner.SecretKey) int {
		return cmp.Or(cmp.Compare(x.Store.Account, y.Store.Account), cmp.Compare(x.Store.Name, y.Store.Name), cmp.Compare(x.Name, y.Name))
	})
	_, err := choose([]string{glob}, "the manifest or the lockfile", slices.Compact(all))
	return err
}

// limitToRotations limits a plan to rotations of what the globs match. Stores without a matching
// secret are taken out of the input, so that they are not read.
func limitToRotations(in *planner.Input, globs []string) {
	in.Options.Rotate = globs
	matching := map[planner.StoreKey]bool{}
	for k := range known(in.Desired, in.Recorded) {
		if slices.ContainsFunc(globs, func(glob string) bool { return planner.Matches(glob, k) }) {
			matching[k.Store] = true
		}
	}
	limitStores(in, func(store planner.StoreKey) bool { return matching[store] })
}

// limitStores takes the stores that are not to be kept out of an input, so that they are not read.
func limitStores(in *planner.Input, keep func(planner.StoreKey) bool) {
	in.Desired = slices.DeleteFunc(slices.Clone(in.Desired), func(st planner.DesiredStore) bool { return !keep(st.Key) })
	in.Recorded = slices.DeleteFunc(slices.Clone(in.Recorded), func(st planner.RecordedStore) bool { return !keep(st.Key) })
}

// known yields the secrets of the manifest and of the lockfile; those of both twice.
func known(desired []planner.DesiredStore, recorded []planner.RecordedStore) iter.Seq[planner.SecretKey] {
	return func(yield func(planner.SecretKey) bool) {
		for _, st := range desired {
			for _, sec := range st.Secrets {
				if !yield(st.Key.Secret(sec.Name)) {
					return
				}
			}
		}
		for _, st := range recorded {
			for _, sec := range st.Secrets {
				if !yield(st.Key.Secret(sec.Name)) {
					return
				}
			}
		}
	}
}
