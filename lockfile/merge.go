package lockfile

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"
)

// Kinds of lockfiles that [Merge] refuses to merge. [errors.Is] finds them.
var (
	// ErrKeysDiffer means that the fingerprints of the two are under different keys.
	ErrKeysDiffer = errors.New("the lockfiles have different fingerprint keys")
	// ErrAPIsDiffer means that one is about Cloudflare and the other about an emulator.
	ErrAPIsDiffer = errors.New("the lockfiles are about different APIs")
	// ErrAccountsDiffer means that the two have no account in common.
	ErrAccountsDiffer = errors.New("the lockfiles are about different accounts")
	// ErrLineagesDiffer means that the two are not versions of one shared lockfile.
	ErrLineagesDiffer = errors.New("the lockfiles are not versions of one lockfile")
)

// Merged is the result of [Merge].
type Merged struct {
	// File is the merged content. Where there is a conflict, it has ours.
	File *File
	// Conflicts are what only a person can decide, in the order of the file.
	Conflicts []Conflict
	// Superseded are records that both sides changed by a write of their own; the later
	// write decided.
	Superseded []Superseded

	text []byte
}

// Conflict is a disagreement between the two sides about one record.
type Conflict struct {
	// Store and Secret say which record. Secret is empty for the store's own record; both are
	// empty for the sealed key.
	Store  StoreKey
	Secret string
	// Reason is what the two sides did.
	Reason ConflictReason
	// Fields are the fields that both sides changed, as the file calls them.
	Fields []string
	// Line is the line of what [Merged.Format] returns at which the conflict starts.
	Line int
}

// ConflictReason is what the two sides did to a record.
type ConflictReason int

// The reasons.
const (
	// BothChanged means that both changed it to something different.
	BothChanged ConflictReason = iota
	// BothAdded means that both added it, with different content.
	BothAdded
	// OursRemoved means that ours removed what theirs changed.
	OursRemoved
	// TheirsRemoved means that theirs removed what ours changed.
	TheirsRemoved
)

// Superseded is a record that both sides changed, and the side whose write was later.
type Superseded struct {
	Store  StoreKey
	Secret string
	// Theirs says that their record was taken, rather than ours.
	Theirs bool
}

// Merge merges ours and theirs, two versions of the lockfile base, record by record. base is
// the zero File if both were created separately.
//
// If only one side changed, added or removed a record, that side's version is taken. If both
// sides wrote the secret (changed its time of modification), the later write decides, since it
// is live. Otherwise each field is merged on its own; if both sides changed a field, the record
// with the later time of modification decides, and if neither is later, that is a [Conflict]. So
// is a record that one side removed and the other changed. A pending write that one side added
// is kept in any case.
//
// The error is an [ErrKeysDiffer], an [ErrAPIsDiffer], an [ErrAccountsDiffer] or an
// [ErrLineagesDiffer].
func Merge(base, ours, theirs *File) (*Merged, error) {
	m := &merger{result: &File{}, other: &File{}}
	var err error
	for _, f := range []struct{ to, from **File }{{&m.base, &base}, {&m.ours, &ours}, {&m.theirs, &theirs}} {
		if *f.to, err = Parse("lockfile", (*f.from).Format()); err != nil { // sorted, and times in whole seconds
			return nil, err
		}
	}
	if f := m.unchanged(); f != nil {
		return &Merged{File: f, text: f.Format()}, nil
	}
	if err := m.comparable(); err != nil {
		return nil, err
	}
	m.key()
	m.result.Shared = m.shared()
	m.other.Shared = m.result.Shared
	for _, k := range slices.SortedFunc(maps.Keys(union(m.ours.Stores, m.theirs.Stores)), compareStores) {
		m.store(k)
	}
	for _, f := range []*File{m.result, m.other} {
		f.API = m.api(f)
		if f.Key.ID == "" && f.hasFingerprints() {
			f.Key = m.ours.Key
			if f.Key.ID == "" {
				f.Key = m.theirs.Key
			}
		}
	}
	merged := &Merged{File: m.result, Conflicts: m.conflicts, Superseded: m.superseded}
	merged.text = weave(m.result, m.other, merged.Conflicts)
	return merged, nil
}

// merger is a merge under way.
type merger struct {
	base, ours, theirs *File
	result, other      *File // with ours and with theirs where there is a conflict
	conflicts          []Conflict
	superseded         []Superseded
}

// unchanged returns the result if at least one side changed nothing, or both did the same.
func (m *merger) unchanged() *File {
	base, ours, theirs := m.base.Format(), m.ours.Format(), m.theirs.Format()
	switch {
	case bytes.Equal(base, ours), bytes.Equal(ours, theirs):
		return m.theirs
	case bytes.Equal(base, theirs):
		return m.ours
	}
	return nil
}

// comparable refuses two files that do not belong together.
func (m *merger) comparable() error {
	ours, theirs := m.ours, m.theirs
	switch {
	case len(ours.Stores) > 0 && len(theirs.Stores) > 0 && ours.API != theirs.API:
		return &pathError{ErrAPIsDiffer, "one side was written with Cloudflare, and the other with an emulator"}
	case ours.Key.ID != "" && theirs.Key.ID != "" && ours.Key.ID != theirs.Key.ID:
		return &pathError{ErrKeysDiffer, fmt.Sprintf("ours has the fingerprint key %s, and theirs %s", ours.Key.ID, theirs.Key.ID)}
	case ours.Shared.Lineage != "" && theirs.Shared.Lineage != "" && ours.Shared.Lineage != theirs.Shared.Lineage:
		return &pathError{ErrLineagesDiffer, fmt.Sprintf("ours has the lineage %s, and theirs %s", ours.Shared.Lineage, theirs.Shared.Lineage)}
	}
	a, b := ours.accounts(), theirs.accounts()
	if len(a) > 0 && len(b) > 0 && !slices.ContainsFunc(a, func(id AccountID) bool { return slices.Contains(b, id) }) {
		return &pathError{ErrAccountsDiffer, fmt.Sprintf("ours is about the account %s, and theirs about %s", join(a), join(b))}
	}
	return nil
}

// accounts returns the accounts of the stores, sorted.
func (f *File) accounts() []AccountID {
	var ids []AccountID
	for k := range f.All() {
		ids = append(ids, k.Account)
	}
	return slices.Compact(ids)
}

func join(ids []AccountID) string {
	var texts []string
	for _, id := range ids {
		texts = append(texts, string(id))
	}
	return strings.Join(texts, ", ")
}

// api returns the API of a result: records decide, if there are any.
func (m *merger) api(result *File) string {
	switch {
	case len(result.Stores) > 0 && len(m.ours.Stores) > 0:
		return m.ours.API
	case len(result.Stores) > 0:
		return m.theirs.API
	case m.ours.API != m.base.API:
		return m.ours.API
	}
	return m.theirs.API
}

// shared returns the lineage and the generation of the result. It has the records of both sides, so
// it is as new as the newer side.
func (m *merger) shared() Shared {
	if m.theirs.Shared.Generation > m.ours.Shared.Generation {
		return m.theirs.Shared
	}
	return m.ours.Shared
}

// key merges the fingerprint key: its sealed form, that is, since the key is the same.
func (m *merger) key() {
	base, ours, theirs := m.base.Key, m.ours.Key, m.theirs.Key
	m.result.Key, m.other.Key = ours, theirs
	switch {
	case reflect.DeepEqual(ours, base) || ours.ID == "":
		m.result.Key = theirs
	case reflect.DeepEqual(theirs, base) || reflect.DeepEqual(theirs, ours) || theirs.ID == "":
		m.other.Key = ours
	default:
		m.conflicts = append(m.conflicts, Conflict{Reason: reasonOf(base.ID != ""), Fields: []string{"sealed"}})
	}
}

// store merges a store and its secrets.
func (m *merger) store(k StoreKey) {
	base, ours, theirs := m.base.Stores[k], m.ours.Stores[k], m.theirs.Stores[k]
	switch {
	case ours == nil:
		m.oneSided(k, base, theirs, m.other, OursRemoved)
		return
	case theirs == nil:
		m.oneSided(k, base, ours, m.result, TheirsRemoved)
		return
	case base == nil:
		base = &Store{}
	}
	own, other := m.result.PutStore(k, ours.ID), m.other.PutStore(k, theirs.ID)
	own.Delete, other.Delete = ours.Delete, theirs.Delete
	rules := fieldRules{special: map[string]fieldRule{"Secrets": notHere, "ID": mayBeUnknown}}
	fields := mergeFields(rules, m.base.Stores[k] != nil, base, own, other, 0)
	if len(fields) > 0 {
		m.conflicts = append(m.conflicts, Conflict{Store: k, Reason: reasonOf(m.base.Stores[k] != nil), Fields: fields})
	}
	for _, name := range slices.Sorted(maps.Keys(union(ours.Secrets, theirs.Secrets))) {
		x, y := m.secret(k, name, base.Secret(name), ours.Secret(name), theirs.Secret(name))
		if x != nil {
			own.PutSecret(name, *x)
		}
		if y != nil {
			other.PutSecret(name, *y)
		}
	}
}

// oneSided merges a store that only one side has: it is new, or was removed by the other
// side. In a conflict it is kept in the file into.
func (m *merger) oneSided(k StoreKey, base, has *Store, into *File, removed ConflictReason) {
	switch {
	case base == nil:
		m.result.Stores, m.other.Stores = with(m.result.Stores, k, has), with(m.other.Stores, k, has)
	case has.addsTo(base):
		into.Stores = with(into.Stores, k, has)
		m.conflicts = append(m.conflicts, Conflict{Store: k, Reason: removed})
	}
}

// addsTo reports whether s says anything that base does not.
func (s *Store) addsTo(base *Store) bool {
	for name, sec := range s.Secrets {
		if !reflect.DeepEqual(sec, base.Secret(name)) {
			return true
		}
	}
	return s.ID != base.ID || s.Delete != base.Delete
}

// secret merges a record, any of whose versions may be nil. It returns the result with ours
// and with theirs where there is a conflict.
func (m *merger) secret(k StoreKey, name string, base, ours, theirs *Secret) (x, y *Secret) {
	var fields []string
	var reason ConflictReason
	switch {
	case reflect.DeepEqual(base, ours) || reflect.DeepEqual(ours, theirs):
		return theirs, theirs
	case reflect.DeepEqual(base, theirs):
		return ours, ours
	case ours == nil:
		reason = OursRemoved
	case theirs == nil:
		reason = TheirsRemoved
	default:
		merged, later, disputed := mergeSecret(base, ours, theirs)
		if len(disputed) == 0 {
			if later != 0 {
				m.superseded = append(m.superseded, Superseded{k, name, later < 0})
			}
			return merged, merged
		}
		fields, reason = disputed, reasonOf(base != nil)
	}
	m.conflicts = append(m.conflicts, Conflict{Store: k, Secret: name, Reason: reason, Fields: fields})
	return ours, theirs
}

func reasonOf(hasBase bool) ConflictReason {
	if hasBase {
		return BothChanged
	}
	return BothAdded
}

// mergeSecret merges a record that differs between the sides. later is positive if both sides
// wrote the secret and our write is live, and negative if theirs is. disputed are the fields that
// cannot be merged.
func mergeSecret(base, ours, theirs *Secret) (merged *Secret, later int, disputed []string) {
	hasBase := base != nil
	if !hasBase {
		base = &Secret{}
	}
	order := compareModified(ours.Modified, theirs.Modified)
	rules := fieldRules{special: map[string]fieldRule{"Pending": isPending, "Delete": eachItsOwn}}
	if ours.Modified != base.Modified && theirs.Modified != base.Modified && order != 0 {
		later, rules.general = order, latest
	}
	x, y := *ours, *theirs
	return &x, later, mergeFields(rules, hasBase, base, &x, &y, order)
}

// compareModified returns a positive number if a is later than b, a negative one if it is
// earlier, and 0 if they are the same or that is not known.
func compareModified(a, b Modified) int {
	ta, errA := time.Parse(time.RFC3339Nano, string(a))
	tb, errB := time.Parse(time.RFC3339Nano, string(b))
	if errA != nil || errB != nil {
		return 0
	}
	return ta.Compare(tb)
}

// fieldRule is how to merge a field.
type fieldRule int

const (
	// eachItsOwn takes a change by one side. If both changed it, the later record decides.
	eachItsOwn fieldRule = iota
	// latest takes the later record, even if only the other one changed.
	latest
	// mayBeUnknown is eachItsOwn where the zero value means that a side does not know.
	mayBeUnknown
	// isPending is eachItsOwn where the later record does not decide: a pending write is
	// settled by the next apply, and never dropped.
	isPending
	// notHere leaves a field alone.
	notHere
)

// fieldRules are the rules for a struct's fields.
type fieldRules struct {
	special map[string]fieldRule
	general fieldRule // of the other fields
}

func (r fieldRules) of(name string) fieldRule {
	if rule, ok := r.special[name]; ok {
		return rule
	}
	return r.general
}

// mergeFields merges the fields of a record into both ours and theirs. It returns the names of
// fields that both sides changed and no rule decides. order is positive if ours is the later
// record, and negative if theirs is. It uses reflection, so that fields that are added to the
// struct later are merged too.
func mergeFields[T any](rules fieldRules, hasBase bool, base, ours, theirs *T, order int) (disputed []string) {
	inBase, inOurs, inTheirs := reflect.ValueOf(base).Elem(), reflect.ValueOf(ours).Elem(), reflect.ValueOf(theirs).Elem()
	for i := range inOurs.NumField() {
		b, o, t := inBase.Field(i), inOurs.Field(i), inTheirs.Field(i)
		name := inOurs.Type().Field(i).Name
		rule := rules.of(name)
		zeroIsUnchanged := rule == mayBeUnknown || rule == isPending && !hasBase
		unchanged := func(v reflect.Value) bool { return hasBase && same(b, v) || zeroIsUnchanged && v.IsZero() }
		decides := rule == latest || rule == eachItsOwn || rule == mayBeUnknown
		switch {
		case rule == notHere || same(o, t):
		case rule != latest && unchanged(t):
			t.Set(o)
		case rule != latest && unchanged(o):
			o.Set(t)
		case decides && order > 0:
			t.Set(o)
		case decides && order < 0:
			o.Set(t)
		default:
			disputed = append(disputed, fieldNames[name])
		}
	}
	return disputed
}

func same(x, y reflect.Value) bool { return reflect.DeepEqual(x.Interface(), y.Interface()) }

// fieldNames are the names of a record's fields in the file.
var fieldNames = namesOf(reflect.TypeFor[secretJSON](), reflect.TypeFor[storeJSON]())

func namesOf(types ...reflect.Type) map[string]string {
	names := map[string]string{}
	for _, t := range types {
		for i := range t.NumField() {
			names[t.Field(i).Name], _, _ = strings.Cut(t.Field(i).Tag.Get("json"), ",")
		}
	}
	return names
}

// union returns a map with the keys of both.
func union[K comparable, V any](a, b map[K]V) map[K]V {
	all := maps.Clone(a)
	if all == nil {
		all = map[K]V{}
	}
	maps.Copy(all, b)
	return all
}

// with returns m with one more entry.
func with[K comparable, V any](m map[K]V, k K, v V) map[K]V {
	if m == nil {
		m = map[K]V{}
	}
	m[k] = v
	return m
}
