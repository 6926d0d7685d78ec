package reconcile

import (
	"github.com/secretsync/secretsync/lockfile"
	"github.com/secretsync/secretsync/planner"
)

// The lockfile and the planner do not import each other: the conversions between their types
// are here.

// lockKey is the lockfile's key for a store.
func lockKey(k planner.StoreKey) lockfile.StoreKey {
	return lockfile.StoreKey{Account: lockfile.AccountID(k.Account), Name: k.Name}
}

func planKey(k lockfile.StoreKey) planner.StoreKey {
	return planner.StoreKey{Account: planner.AccountID(k.Account), Name: k.Name}
}

// record returns the record of a secret, or nil.
func record(lock *lockfile.File, k planner.SecretKey) *lockfile.Secret {
	return lock.Stores[lockKey(k.Store)].Secret(k.Name)
}

// recordedStores is the lockfile as the planner reads it.
func recordedStores(lock *lockfile.File) []planner.RecordedStore {
	var stores []planner.RecordedStore
	for k, st := range lock.All() {
		r := planner.RecordedStore{Key: planKey(k), ID: planner.StoreID(st.ID), Delete: st.Delete}
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
		Delete: sec.Delete,
	}
	if p := sec.Pending; p != nil {
		r.Pending = &planner.Pending{
			Op: planner.Op(p.Op), Since: p.Since, Until: p.Until, ListedAt: p.ListedAt, PreviousID: planner.SecretID(p.PreviousID), Value: p.Value,
		}
	}
	return r
}

// asRecorded is the live state according to the lockfile.
func asRecorded(recorded []planner.RecordedStore) []planner.LiveStore {
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
