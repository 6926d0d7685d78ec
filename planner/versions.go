package planner

import (
	"cmp"
	"slices"
)

// Versions is what the three sides know of one secret: nil where one does not know it.
type Versions struct {
	Key SecretKey
	// StoreID is the live store's; empty where there is none.
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
