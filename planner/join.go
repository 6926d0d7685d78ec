package planner

import "strings"

// versions is what the three sides know of one store.
type versions struct {
	key      StoreKey
	desired  []DesiredStore
	recorded *RecordedStore
	live     *LiveStore
}

// join groups the input by store.
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
	joined := make([]*versions, 0, len(stores))
	for _, v := range stores {
		joined = append(joined, v)
	}
	return joined
}

// triple is what the three sides know of one secret: a nil doesn't know it.
type triple struct {
	desired  *DesiredSecret
	recorded *RecordedSecret
	live     *LiveSecret
	// within is the desired store whose prefix the name has, or nil.
	within *DesiredStore
}

// triples groups a store's secrets by name.
func triples(s *versions) map[string]*triple {
	secrets := map[string]*triple{}
	at := func(name string) *triple {
		if secrets[name] == nil {
			secrets[name] = &triple{within: within(s.desired, name)}
		}
		return secrets[name]
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
	return secrets
}

// within finds the store with the longest prefix that a name has.
func within(desired []DesiredStore, name string) *DesiredStore {
	var best *DesiredStore
	for i := range desired {
		d := &desired[i]
		if strings.HasPrefix(name, d.Prefix) && (best == nil || len(d.Prefix) > len(best.Prefix)) {
			best = d
		}
	}
	return best
}
