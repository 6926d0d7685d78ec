package state

import (
	"encoding/json"
	"errors"
	"iter"
	"slices"

	"github.com/tidwall/btree"
)

// Table is the secrets of a store, found by id, by name and by age. No operation takes time
// that grows with their number, [Table.Copy] neither: each write has a copy of its own.
type Table struct {
	rows   btree.Map[int, *Record] // by the order of their creation
	byID   btree.Map[string, int]
	byName btree.Map[string, int]
	last   int // the latest key of rows
}

// Copy returns a copy, which shares the records.
func (t *Table) Copy() Table {
	return Table{*t.rows.Copy(), *t.byID.Copy(), *t.byName.Copy(), t.last}
}

// Len returns the number of secrets.
func (t *Table) Len() int { return t.rows.Len() }

// WithID returns the secret with an id, or nil.
func (t *Table) WithID(id string) *Record { return t.row(t.byID.Get(id)) }

// Named returns the secret with a name, or nil.
func (t *Table) Named(name string) *Record { return t.row(t.byName.Get(name)) }

func (t *Table) row(key int, found bool) *Record {
	if !found {
		return nil
	}
	r, _ := t.rows.Get(key)
	return r
}

// At returns the i-th secret, from the oldest.
func (t *Table) At(i int) *Record {
	_, r, _ := t.rows.GetAt(i)
	return r
}

// All yields the secrets, the oldest first.
func (t *Table) All() iter.Seq[*Record] {
	return func(yield func(*Record) bool) {
		t.rows.Scan(func(_ int, r *Record) bool { return yield(r) })
	}
}

// Add adds a secret that is newer than all others.
func (t *Table) Add(r Record) {
	t.last++
	t.rows.Set(t.last, &r)
	t.byID.Set(r.ID, t.last)
	t.byName.Set(r.Name, t.last)
}

// Replace replaces the secret with the same id and name.
func (t *Table) Replace(r Record) {
	if key, found := t.byID.Get(r.ID); found {
		t.rows.Set(key, &r)
	}
}

// Remove removes a secret.
func (t *Table) Remove(r *Record) {
	if key, found := t.byID.Delete(r.ID); found {
		t.byName.Delete(r.Name)
		t.rows.Delete(key)
	}
}

// MarshalJSON implements [json.Marshaler]: a list, the oldest secret first.
func (t *Table) MarshalJSON() ([]byte, error) {
	return json.Marshal(slices.AppendSeq([]*Record{}, t.All()))
}

// UnmarshalJSON implements [json.Unmarshaler].
func (t *Table) UnmarshalJSON(data []byte) error {
	var list []Record
	if err := json.Unmarshal(data, &list); err != nil {
		return err
	}
	slices.SortStableFunc(list, func(x, y Record) int { return x.Created.Compare(y.Created) })
	*t = Table{}
	for _, r := range list {
		if t.WithID(r.ID) != nil || t.Named(r.Name) != nil {
			return errors.New("two secrets have the same id or name")
		}
		t.Add(r)
	}
	return nil
}
