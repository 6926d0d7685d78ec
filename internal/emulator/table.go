package emulator

import (
	"encoding/json"
	"errors"
	"iter"
	"slices"

	"github.com/tidwall/btree"
)

// table is the secrets of a store, found by id, by name and by age. No operation takes time
// that grows with their number, [table.copy] neither: each write has a copy of its own.
type table struct {
	rows   btree.Map[int, *record] // by the order of their creation
	byID   btree.Map[string, int]
	byName btree.Map[string, int]
	last   int // the latest key of rows
}

func (t *table) copy() table {
	return table{*t.rows.Copy(), *t.byID.Copy(), *t.byName.Copy(), t.last}
}

func (t *table) len() int { return t.rows.Len() }

// withID returns the secret with an id, or nil.
func (t *table) withID(id string) *record { return t.row(t.byID.Get(id)) }

// named returns the secret with a name, or nil.
func (t *table) named(name string) *record { return t.row(t.byName.Get(name)) }

func (t *table) row(key int, found bool) *record {
	if !found {
		return nil
	}
	r, _ := t.rows.Get(key)
	return r
}

// at returns the i-th secret, from the oldest.
func (t *table) at(i int) *record {
	_, r, _ := t.rows.GetAt(i)
	return r
}

// all yields the secrets, the oldest first.
func (t *table) all() iter.Seq[*record] {
	return func(yield func(*record) bool) {
		t.rows.Scan(func(_ int, r *record) bool { return yield(r) })
	}
}

// add adds a secret that is newer than all others.
func (t *table) add(r record) {
	t.last++
	t.rows.Set(t.last, &r)
	t.byID.Set(r.ID, t.last)
	t.byName.Set(r.Name, t.last)
}

// replace replaces the secret with the same id and name.
func (t *table) replace(r record) {
	if key, found := t.byID.Get(r.ID); found {
		t.rows.Set(key, &r)
	}
}

func (t *table) remove(r *record) {
	if key, found := t.byID.Delete(r.ID); found {
		t.byName.Delete(r.Name)
		t.rows.Delete(key)
	}
}

// MarshalJSON implements [json.Marshaler]: a list, the oldest secret first.
func (t *table) MarshalJSON() ([]byte, error) {
	return json.Marshal(slices.AppendSeq([]*record{}, t.all()))
}

// UnmarshalJSON implements [json.Unmarshaler].
func (t *table) UnmarshalJSON(data []byte) error {
	var list []record
	if err := json.Unmarshal(data, &list); err != nil {
		return err
	}
	slices.SortStableFunc(list, func(x, y record) int { return x.Created.Compare(y.Created) })
	*t = table{}
	for _, r := range list {
		if t.withID(r.ID) != nil || t.named(r.Name) != nil {
			return errors.New("two secrets have the same id or name")
		}
		t.add(r)
	}
	return nil
}
