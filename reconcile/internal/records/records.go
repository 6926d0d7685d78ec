// Package records translates between the lockfile's records and the planner's types, which do
// not import each other, and records what an apply does.
package records

import (
	"github.com/secretsync/secretsync/lockfile"
	"github.com/secretsync/secretsync/planner"
)

// LockKey is the lockfile's key for a store.
func LockKey(k planner.StoreKey) lockfile.StoreKey {
	return lockfile.StoreKey{Account: lockfile.AccountID(k.Account), Name: k.Name}
}

// PlanKey is the planner's key for a store.
func PlanKey(k lockfile.StoreKey) planner.StoreKey {
	return planner.StoreKey{Account: planner.AccountID(k.Account), Name: k.Name}
}

// Find returns the record of a secret, or nil.
func Find(lock *lockfile.File, k planner.SecretKey) *lockfile.Secret {
	return lock.Stores[LockKey(k.Store)].Secret(k.Name)
}

// Keys are the secrets of a lockfile, in its order.
func Keys(lock *lockfile.File) []planner.SecretKey {
	var keys []planner.SecretKey
	for k, st := range lock.All() {
		for name := range st.All() {
			keys = append(keys, PlanKey(k).Secret(name))
		}
	}
	return keys
}

// Stores is the lockfile as the planner reads it.
func Stores(lock *lockfile.File) []planner.RecordedStore {
	var stores []planner.RecordedStore
	for k, st := range lock.All() {
		r := planner.RecordedStore{Key: PlanKey(k), ID: planner.StoreID(st.ID), Delete: st.Delete}
		for name, sec := range st.All() {
			r.Secrets = append(r.Secrets, recordedSecret(name, sec))
		}
		stores = append(stores, r)
	}
	return stores
}

func recordedSecret(name string, sec *lockfile.Secret) planner.RecordedSecret {
	r := planner.RecordedSecret{
		Name: name, ID: planner.SecretID(sec.ID), Scopes: sec.Scopes, Comment: sec.Comment,
		Modified: planner.Modified(sec.Modified), Status: sec.Status, Applied: sec.Applied, Accepted: !sec.Accepted.IsZero(),
		Delete: sec.Delete, PreviousOf: sec.PreviousOf, KeptSince: sec.KeptSince,
	}
	if p := sec.Pending; p != nil {
		r.Pending = &planner.Pending{
			Op: planner.Op(p.Op), Since: p.Since, Until: p.Until, ListedAt: p.ListedAt, PreviousID: planner.SecretID(p.PreviousID), Value: p.Value,
		}
	}
	return r
}

// AsLive is the live state according to the lockfile.
func AsLive(recorded []planner.RecordedStore) []planner.LiveStore {
	var live []planner.LiveStore
	for _, st := range recorded {
		l := planner.LiveStore{Key: st.Key, ID: st.ID}
		for _, r := range st.Secrets {
			if r.ID != "" {
				l.Secrets = append(l.Secrets, planner.LiveSecret{
					ID: r.ID, Name: r.Name, Scopes: r.Scopes, Comment: r.Comment, Status: planner.StatusActive, Modified: r.Modified,
				})
			}
		}
		live = append(live, l)
	}
	return live
}
