package outside

import (
	"cmp"
	"slices"

	"github.com/secretsync/secretsync/planner"
)

// References returns the uses of secrets in the planner's form. names finds a secret that a reader
// refers to by its id alone; if it does not find one, the id takes the place of the name.
func References(readers []Reader, names Names) []planner.Reference {
	var refs []planner.Reference
	for _, r := range readers {
		for _, u := range r.Uses {
			ref := planner.Reference{StoreID: u.Store, Secret: u.Secret, Reader: r.Kind, Worker: r.FullName(), Binding: u.Binding}
			if named, ok := names[u.ID]; ok && ref.Secret == "" {
				ref.StoreID, ref.Secret = named.Store, named.Secret
			}
			ref.Secret = cmp.Or(ref.Secret, string(u.ID))
			refs = append(refs, ref)
		}
	}
	return refs
}

// Names are where secrets are, and what they are called, by their ids.
type Names map[planner.SecretID]Use

// NamesOf are the recorded and the live secrets by their ids.
func NamesOf(recorded []planner.RecordedStore, live []planner.LiveStore) Names {
	names := Names{}
	for _, st := range recorded {
		for _, sec := range st.Secrets {
			names[sec.ID] = Use{Store: st.ID, Secret: sec.Name}
		}
	}
	for _, st := range live {
		for _, sec := range st.Secrets {
			names[sec.ID] = Use{Store: st.ID, Secret: sec.Name}
		}
	}
	return names
}

// Unknown leaves out references that are also among the configured ones, which have a position.
func Unknown(refs, configured []planner.Reference) []planner.Reference {
	type bound struct {
		store          planner.StoreID
		secret, worker string
	}
	known := map[bound]bool{}
	for _, c := range configured {
		known[bound{c.StoreID, c.Secret, c.Worker}] = true
	}
	return slices.DeleteFunc(slices.Clone(refs), func(r planner.Reference) bool {
		return r.Reader == planner.ReaderDeployed && known[bound{r.StoreID, r.Secret, r.Worker}]
	})
}

// FullName is the reader's name. If it has a namespace, the namespace's name and a slash come first.
func (r Reader) FullName() string {
	if r.Namespace == "" {
		return r.Name
	}
	return r.Namespace + "/" + r.Name
}
