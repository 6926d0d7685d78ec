package reconcile

import (
	"cmp"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/secretsync/secretsync/lockfile"
	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/reconcile/internal/records"
)

// RotateError says that a rotation names no secret, or more than one by a name without a
// store.
type RotateError struct {
	// Glob is what the rotation was requested for.
	Glob string
	// Candidates are the secrets that a name without a store matches, as STORE/SECRET, or as
	// ACCOUNT/STORE/SECRET if their accounts differ. There are none if nothing matches.
	Candidates []string
	// Known are the secrets that could have been named, in the same form, if nothing matches.
	Known []string
}

func (e *RotateError) Error() string {
	if len(e.Candidates) == 0 {
		return fmt.Sprintf("no secret of the manifest or the lockfile matches %q", e.Glob)
	}
	return fmt.Sprintf("%q matches several secrets: %s", e.Glob, strings.Join(e.Candidates, ", "))
}

// checkRotate returns a [RotateError] unless the manifest or the lockfile has a secret that the
// glob matches, and only one if the glob names no store.
func (d *desired) checkRotate(glob string, lock *lockfile.File) error {
	matching, all := map[planner.SecretKey]bool{}, map[planner.SecretKey]bool{}
	for k := range known(d.stores, records.Stores(lock)) {
		all[k] = true
		if planner.Matches(glob, k) {
			matching[k] = true
		}
	}
	switch {
	case len(matching) == 0:
		return &RotateError{Glob: glob, Known: namesOf(all)}
	case len(matching) > 1 && !strings.Contains(glob, "/"):
		return &RotateError{Glob: glob, Candidates: namesOf(matching)}
	}
	return nil
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

// namesOf returns the secrets in order, as STORE/SECRET, or as ACCOUNT/STORE/SECRET if they are
// of several accounts.
func namesOf(secrets map[planner.SecretKey]bool) []string {
	keys := slices.SortedFunc(maps.Keys(secrets), func(x, y planner.SecretKey) int {
		return cmp.Or(cmp.Compare(x.Store.Account, y.Store.Account), cmp.Compare(x.Store.Name, y.Store.Name), cmp.Compare(x.Name, y.Name))
	})
	if len(keys) == 0 {
		return nil
	}
	oneAccount := keys[0].Store.Account == keys[len(keys)-1].Store.Account
	names := make([]string, len(keys))
	for i, k := range keys {
		if names[i] = k.Store.Name + "/" + k.Name; !oneAccount {
			names[i] = string(k.Store.Account) + "/" + names[i]
		}
	}
	return names
}
