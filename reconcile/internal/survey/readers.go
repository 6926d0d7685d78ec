package survey

import (
	"cmp"
	"maps"
	"slices"

	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/planner/outside"
	"github.com/secretsync/secretsync/reconcile/internal/scope"
)

// SecretReaders is a secret and what reads it.
type SecretReaders struct {
	Key planner.SecretKey
	// StoreID is the store's id, which is all that is known of a store that is not in the lockfile.
	StoreID planner.StoreID
	// Managed says that the manifest or the lockfile has the secret.
	Managed bool
	// Readers are in order.
	Readers []planner.Reference
}

// Counts count what is deployed, whether it reads secrets or not.
type Counts struct{ Workers, Gateways, Registries int }

// Readers joins the secrets of an input with what is deployed in its accounts, and counts that.
func Readers(in planner.Input, found map[planner.AccountID][]outside.Reader) ([]SecretReaders, Counts) {
	var n Counts
	names := outside.NamesOf(in.Recorded, nil)
	var refs []planner.Reference
	account := map[planner.StoreID]planner.AccountID{}
	for _, id := range slices.Sorted(maps.Keys(found)) {
		for _, r := range found[id] {
			switch r.Kind {
			case planner.ReaderGateway:
				n.Gateways++
			case planner.ReaderRegistry:
				n.Registries++
			default:
				n.Workers++
			}
		}
		of := outside.References(found[id], names)
		for _, ref := range of {
			account[ref.StoreID] = id
		}
		refs = append(refs, of...)
	}
	return readersOf(in, refs, account), n
}

// readersOf joins the secrets of an input with what reads them.
func readersOf(in planner.Input, refs []planner.Reference, accounts map[planner.StoreID]planner.AccountID) []SecretReaders {
	stores := map[planner.StoreID]planner.StoreKey{}
	ids := map[planner.StoreKey]planner.StoreID{}
	for _, st := range in.Recorded {
		stores[st.ID], ids[st.Key] = st.Key, st.ID
	}
	all := map[planner.SecretKey]*SecretReaders{}
	byID := map[planner.StoreID]map[string]*SecretReaders{}
	add := func(key planner.SecretKey, id planner.StoreID, managed bool) *SecretReaders {
		s := &SecretReaders{Key: key, StoreID: id, Managed: managed}
		if managed {
			if all[key] != nil {
				return all[key]
			}
			all[key] = s
		}
		if byID[id] == nil {
			byID[id] = map[string]*SecretReaders{}
		}
		byID[id][key.Name] = s
		return s
	}
	for k := range scope.Known(in.Desired, in.Recorded) {
		add(k, ids[k.Store], true)
	}
	for _, ref := range refs {
		s := byID[ref.StoreID][ref.Secret]
		if s == nil {
			store, ok := stores[ref.StoreID]
			if !ok {
				store = planner.StoreKey{Account: accounts[ref.StoreID]}
			}
			s = add(store.Secret(ref.Secret), ref.StoreID, false)
		}
		s.Readers = append(s.Readers, ref)
	}
	var list []SecretReaders
	for _, s := range all {
		list = append(list, *s)
	}
	for _, secrets := range byID {
		for _, s := range secrets {
			if !s.Managed {
				list = append(list, *s)
			}
		}
	}
	slices.SortFunc(list, func(x, y SecretReaders) int {
		return cmp.Or(scope.CompareStores(x.Key.Store, y.Key.Store), cmp.Compare(x.StoreID, y.StoreID), cmp.Compare(x.Key.Name, y.Key.Name))
	})
	return list
}
