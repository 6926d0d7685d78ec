package planner

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// Versions is what the three sides know of one secret: nil where one does not know it.
type Versions struct {
	Key SecretKey
	// StoreID is the live store's id; empty if there is no live store.
	StoreID  StoreID
	Desired  *DesiredSecret
	Recorded *RecordedSecret
	Live     *LiveSecret
	// Within is the desired store whose prefix the name has, or nil.
	Within *DesiredStore
}

// Join groups an input by secret, in the order of their keys. Live stores that are neither
// desired nor recorded are left out.
func Join(in Input) []Versions {
	var all []Versions
	for _, s := range join(in) {
		for name, t := range triples(s) {
			v := Versions{Key: s.key.Secret(name), Desired: t.desired, Recorded: t.recorded, Live: t.live, Within: t.within}
			if s.live != nil {
				v.StoreID = s.live.ID
			}
			all = append(all, v)
		}
	}
	slices.SortFunc(all, func(x, y Versions) int {
		return cmp.Or(compareKeys(x.Key.Store, y.Key.Store), cmp.Compare(x.Key.Name, y.Key.Name))
	})
	return all
}

// versions are the three versions of a store.
type versions struct {
	key      StoreKey
	desired  []DesiredStore
	recorded *RecordedStore
	live     *LiveStore
}

// join groups the input by store, in the order of their keys.
func join(in Input) []*versions {
	stores := map[StoreKey]*versions{}
	at := func(k StoreKey) *versions {
		if stores[k] == nil {
			stores[k] = &versions{key: k}
		}
		return stores[k]
	}
	for _, d := range in.Desired {
		v := at(d.Key)
		v.desired = append(v.desired, d)
	}
	for i := range in.Recorded {
		at(in.Recorded[i].Key).recorded = &in.Recorded[i]
	}
	for i := range in.Live {
		if v := stores[in.Live[i].Key]; v != nil {
			v.live = &in.Live[i]
		}
	}
	return slices.SortedFunc(maps.Values(stores), func(x, y *versions) int { return compareKeys(x.key, y.key) })
}

// delete reports whether the store is to be deleted once it has left the manifest.
func (s *versions) delete() bool {
	return slices.ContainsFunc(s.desired, func(d DesiredStore) bool { return d.Delete })
}

// incomplete reports whether secrets may exist that the live store lacks.
func (s *versions) incomplete() bool { return s.live != nil && s.live.Incomplete }

// triple are the three versions of a secret. A version that does not have it is nil.
type triple struct {
	desired  *DesiredSecret
	recorded *RecordedSecret
	live     *LiveSecret
	// previousOf is the desired secret whose earlier value is kept under this name; or empty.
	previousOf string
	// within is the desired store whose prefix the name has, or nil.
	within *DesiredStore
}

// current is the best knowledge of the live secret's state. If the list shows our last write,
// the modification time is spelled as recorded, so that plans do not differ by spelling alone.
// If the list shows an older state, the record is the better source.
func (t *triple) current() LiveState {
	l, r := t.live, t.recorded
	m := LiveState{Metadata{l.Scopes, l.Comment}, l.Modified, l.Status}
	if r == nil || r.ID != l.ID {
		return m
	}
	if m.Scopes == nil { // not reported: they are nullable (docs/cloudflare-api.md §1.2)
		m.Scopes = r.Scopes
	}
	switch order := r.compareWrites(l); {
	case order == 0 && r.Modified != "":
		m.Modified = r.Modified
	case order < 0:
		return LiveState{r.metadata(), r.Modified, r.Status}
	}
	return m
}

// triples groups a store's secrets by name.
func triples(s *versions) map[string]*triple {
	size := 0 // at least
	if s.live != nil {
		size = len(s.live.Secrets)
	}
	secrets := make(map[string]*triple, size)
	at := func(name string) *triple {
		t := secrets[name]
		if t == nil {
			t = &triple{within: within(s.desired, name)}
			secrets[name] = t
		}
		return t
	}
	for _, d := range s.desired {
		for i := range d.Secrets {
			at(d.Secrets[i].Name).desired = &d.Secrets[i]
		}
	}
	if s.recorded != nil {
		for i := range s.recorded.Secrets {
			at(s.recorded.Secrets[i].Name).recorded = &s.recorded.Secrets[i]
		}
	}
	if s.live != nil {
		for i := range s.live.Secrets {
			at(s.live.Secrets[i].Name).live = &s.live.Secrets[i]
		}
	}
	for _, d := range s.desired {
		for i := range d.Secrets {
			if previous := d.Secrets[i].Previous; previous != "" && secrets[previous] != nil {
				secrets[previous].previousOf = d.Secrets[i].Name
			}
		}
	}
	return secrets
}

// within finds the store with the longest prefix of the name. If several stores have that prefix,
// it prefers one that does not delete unmanaged secrets.
func within(desired []DesiredStore, name string) *DesiredStore {
	var best *DesiredStore
	for i := range desired {
		d := &desired[i]
		if !strings.HasPrefix(name, d.Prefix) {
			continue
		}
		if best == nil || len(d.Prefix) > len(best.Prefix) || d.Prefix == best.Prefix && best.Unmanaged == UnmanagedDelete {
			best = d
		}
	}
	return best
}
