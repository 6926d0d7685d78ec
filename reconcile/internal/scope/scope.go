// Package scope says which accounts, stores and secrets an input of the planner is about, and
// limits inputs to some of them.
package scope

import (
	"cmp"
	"iter"
	"slices"

	"github.com/secretsync/secretsync/internal/repo"
	"github.com/secretsync/secretsync/planner"
)

// Known yields the secrets of the manifest and of the lockfile. Secrets in both come twice.
func Known(desired []planner.DesiredStore, recorded []planner.RecordedStore) iter.Seq[planner.SecretKey] {
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

// Accounts are the accounts of an input, in order.
func Accounts(in planner.Input) []planner.AccountID {
	var ids []planner.AccountID
	for _, st := range in.Desired {
		ids = append(ids, st.Key.Account)
	}
	for _, st := range in.Recorded {
		ids = append(ids, st.Key.Account)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// Readable returns the stores, except those in accounts that could not be read.
func Readable(stores []planner.DesiredStore, unread map[planner.AccountID]error) []planner.DesiredStore {
	return slices.DeleteFunc(slices.Clone(stores), func(st planner.DesiredStore) bool { return unread[st.Key.Account] != nil })
}

// ToSecrets leaves the other stores and the records of other secrets out of an input, so that no
// request is sent for them.
func ToSecrets(in *planner.Input, chosen []planner.SecretKey) {
	wanted, stores := map[planner.SecretKey]bool{}, map[planner.StoreKey]bool{}
	for _, k := range chosen {
		wanted[k], stores[k.Store] = true, true
	}
	toStores(in, func(store planner.StoreKey) bool { return stores[store] })
	for i := range in.Recorded {
		st := &in.Recorded[i]
		st.Secrets = slices.DeleteFunc(st.Secrets, func(r planner.RecordedSecret) bool { return !wanted[st.Key.Secret(r.Name)] })
	}
}

// ToRotations limits a plan to rotations of what the globs match. Stores without a matching
// secret are taken out of the input, so that they are not read.
func ToRotations(in *planner.Input, globs []string) {
	in.Options.Rotate = globs
	matching := map[planner.StoreKey]bool{}
	for k := range Known(in.Desired, in.Recorded) {
		if slices.ContainsFunc(globs, func(glob string) bool { return planner.Matches(glob, k) }) {
			matching[k.Store] = true
		}
	}
	toStores(in, func(store planner.StoreKey) bool { return matching[store] })
}

// toStores takes the stores that are not to be kept out of an input, so that they are not read.
func toStores(in *planner.Input, keep func(planner.StoreKey) bool) {
	in.Desired = slices.DeleteFunc(slices.Clone(in.Desired), func(st planner.DesiredStore) bool { return !keep(st.Key) })
	in.Recorded = slices.DeleteFunc(slices.Clone(in.Recorded), func(st planner.RecordedStore) bool { return !keep(st.Key) })
}

// Drifted are globs that match what a plan can repair.
func Drifted(found []planner.Drift) []string {
	var targets []string
	for _, d := range found {
		store := string(d.Store.Account) + "/" + repo.EscapeGlob(d.Store.Name) + "/"
		switch {
		case !d.Counts || d.Kind == planner.DriftUnmanaged || d.Kind == planner.DriftNotActive,
			d.Kind == planner.DriftRotationOverdue && !d.Generated:
		case d.Kind == planner.DriftStoreGone:
			targets = append(targets, store+"*")
		default:
			targets = append(targets, store+repo.EscapeGlob(d.Secret))
		}
	}
	return targets
}

// CompareStores compares stores by account and name.
func CompareStores(x, y planner.StoreKey) int {
	return cmp.Or(cmp.Compare(x.Account, y.Account), cmp.Compare(x.Name, y.Name))
}

// CompareSecrets compares secrets by account, store and name.
func CompareSecrets(x, y planner.SecretKey) int {
	return cmp.Or(CompareStores(x.Store, y.Store), cmp.Compare(x.Name, y.Name))
}
