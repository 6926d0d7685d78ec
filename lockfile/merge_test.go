package lockfile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

// recorded returns a record as an apply leaves it at the given minute of the day.
func recorded(minute int, value byte) Secret {
	at := time.Date(2026, 11, 1, 0, minute, 0, 0, time.UTC)
	return Secret{
		ID: "id-1", Scopes: []string{"workers"}, Modified: Modified(at.Add(time.Microsecond).Format(time.RFC3339Nano)), Applied: at,
		Fingerprint: someFingerprint(value), Source: "env KEY",
	}
}

// change returns a copy of x after f.
func change(x Secret, f func(*Secret)) *Secret {
	f(&x)
	return &x
}

// fileWith returns a file whose store prod has the record x under the name "x", unless it is nil,
// between two others.
func fileWith(x *Secret) *File {
	f := &File{Key: Key{ID: "0011223344556677"}}
	st := f.PutStore(prod, "5704e")
	st.PutSecret("a", recorded(0, 'a'))
	st.PutSecret("z", recorded(0, 'z'))
	if x != nil {
		st.PutSecret("x", *x)
	}
	return f
}

func TestMergeSecret(t *testing.T) {
	base := recorded(0, 1)
	pending := func(x *Secret) { x.Pending = &Pending{Op: "update", Since: base.Applied.Add(time.Minute), Value: true} }
	keep := func(x *Secret) { x.Delete = false }
	for name, tt := range map[string]struct {
		base, ours, theirs, want *Secret
		reason                   ConflictReason
		fields                   []string // of a conflict
	}{
		"added by one side":                                {nil, &base, nil, &base, 0, nil},
		"added alike":                                      {nil, &base, &base, &base, 0, nil},
		"added by two applies":                             {nil, &base, change(recorded(5, 2), keep), change(recorded(5, 2), keep), 0, nil},
		"added, one apply interrupted":                     {nil, &base, change(base, pending), change(base, pending), 0, nil},
		"changed by one side":                              {&base, change(recorded(5, 2), keep), &base, change(recorded(5, 2), keep), 0, nil},
		"changed back by one side":                         {change(recorded(5, 2), keep), &base, change(recorded(5, 2), keep), &base, 0, nil},
		"removed by one side":                              {&base, nil, &base, nil, 0, nil},
		"removed by both":                                  {&base, nil, nil, nil, 0, nil},
		"written by both":                                  {&base, change(recorded(5, 2), keep), change(recorded(9, 3), keep), change(recorded(9, 3), keep), 0, nil},
		"written by both, the policy by ours":              {&base, change(recorded(5, 2), func(x *Secret) { x.Delete = true }), change(recorded(9, 3), keep), change(recorded(9, 3), func(x *Secret) { x.Delete = true }), 0, nil},
		"written by both, ours has since been interrupted": {&base, change(recorded(5, 2), pending), change(recorded(9, 3), keep), change(recorded(9, 3), pending), 0, nil},
		"interrupted and written":                          {&base, change(base, pending), change(recorded(9, 3), keep), change(recorded(9, 3), pending), 0, nil},
		"settled and moved": {change(base, pending), change(recorded(5, 2), keep), change(*change(base, pending), func(x *Secret) { x.Source = "file x" }),
			change(recorded(5, 2), func(x *Secret) { x.Source = "file x" }), 0, nil},
		"different fields": {&base, change(base, func(x *Secret) { x.Delete = true }), change(base, func(x *Secret) { x.Source = "file x" }),
			change(base, func(x *Secret) { x.Delete, x.Source = true, "file x" }), 0, nil},
		"one field, one wrote": {&base, change(base, func(x *Secret) { x.Source = "file x" }), change(recorded(5, 2), func(x *Secret) { x.Source = "file y" }),
			change(recorded(5, 2), func(x *Secret) { x.Source = "file y" }), 0, nil},

		"removed and changed": {&base, nil, change(recorded(5, 2), keep), nil, OursRemoved, nil},
		"changed and removed": {&base, change(base, pending), nil, nil, TheirsRemoved, nil},
		"one field": {&base, change(base, func(x *Secret) { x.Source = "file x" }), change(base, func(x *Secret) { x.Source = "file y" }),
			nil, BothChanged, []string{"source"}},
		"two interrupted writes": {&base, change(base, pending), change(base, func(x *Secret) { x.Pending = &Pending{Op: "delete", Since: base.Applied} }),
			nil, BothChanged, []string{"pending"}},
		"created by one apply, perhaps by another": {nil, &base, &Secret{Source: "env KEY", Scopes: []string{"workers"}, Pending: &Pending{Op: "create", Since: base.Applied}},
			nil, BothAdded, []string{"id", "modified", "applied", "fingerprint"}},
		"a time that cannot be read": {&base, change(recorded(5, 2), func(x *Secret) { x.Modified = "yesterday" }), change(recorded(9, 2), keep),
			nil, BothChanged, []string{"modified", "applied"}},
	} {
		t.Run(name, func(t *testing.T) {
			base, ours, theirs := fileWith(tt.base), fileWith(tt.ours), fileWith(tt.theirs)
			ours.Stores[prod].PutSecret("b-ours", recorded(3, 4)) // so that no case is trivial
			theirs.Stores[prod].PutSecret("y-theirs", recorded(4, 5))
			m, err := Merge(base, ours, theirs)
			try(t, err)
			if tt.reason != 0 || tt.fields != nil {
				want := []Conflict{{Store: prod, Secret: "x", Reason: tt.reason, Fields: tt.fields}}
				if diff := cmp.Diff(want, m.Conflicts, cmpopts.IgnoreFields(Conflict{}, "Line")); diff != "" {
					t.Errorf("conflicts (-want +got):\n%s", diff)
				}
				checkConflicted(t, m, ours, theirs)
				return
			}
			want := fileWith(tt.want)
			want.Stores[prod].PutSecret("b-ours", recorded(3, 4))
			want.Stores[prod].PutSecret("y-theirs", recorded(4, 5))
			if diff := cmp.Diff(string(want.Format()), string(m.Format())); diff != "" || len(m.Conflicts) > 0 {
				t.Errorf("%v (-want +got):\n%s", m.Conflicts, diff)
			}
		})
	}
}

// checkConflicted checks that the result is refused as it is, that keeping either side of all
// conflicts gives a valid lockfile, and that no record of either side is missing from it.
func checkConflicted(t interface {
	Helper()
	Fatalf(string, ...any)
	Errorf(string, ...any)
}, m *Merged, ours, theirs *File) {
	t.Helper()
	text := m.Format()
	if _, err := Parse("x.lock", text); !errors.Is(err, ErrConflict) {
		t.Fatalf("a conflict that is not noticed: %v\n%s", err, text)
	}
	lines := strings.Split(string(text), "\n")
	for _, c := range m.Conflicts {
		if c.Line < 1 || lines[c.Line-1] != "<<<<<<< ours" {
			t.Errorf("no conflict in line %d:\n%s", c.Line, text)
		}
	}
	for side, wants := range map[string]*File{"ours": ours, "theirs": theirs} {
		f, err := Parse(side, keepSide(text, side == "ours"))
		if err != nil {
			t.Fatalf("with %s: %v\n%s", side, err, text)
		}
		for _, c := range m.Conflicts {
			if c.Secret != "" {
				if diff := cmp.Diff(wants.Stores[c.Store].Secret(c.Secret), f.Stores[c.Store].Secret(c.Secret), cmpopts.SortSlices(strings.Compare), cmpopts.EquateEmpty()); diff != "" {
					t.Errorf("%s, %q (-want +got):\n%s", side, c.Secret, diff)
				}
			}
		}
	}
}

// keepSide resolves all conflicts in the same way.
func keepSide(text []byte, ours bool) []byte {
	var out bytes.Buffer
	in := 0
	for line := range bytes.Lines(text) {
		switch {
		case bytes.HasPrefix(line, []byte("<<<<<<< ")):
			in = 1
		case in == 1 && bytes.HasPrefix(line, []byte("=======")):
			in = 2
		case in == 2 && bytes.HasPrefix(line, []byte(">>>>>>> ")):
			in = 0
		case in == 0 || (in == 1) == ours:
			out.Write(line)
		}
	}
	return out.Bytes()
}

func TestMergeStore(t *testing.T) {
	gone := func() *File { return fileWith(nil) }
	with := func(id StoreID, remove bool, secrets ...string) *File {
		f := fileWith(nil)
		st := f.PutStore(staging, id)
		st.Delete = remove
		for _, name := range secrets {
			st.PutSecret(name, recorded(1, name[0]))
		}
		return f
	}
	for name, tt := range map[string]struct {
		base, ours, theirs, want *File
		reason                   ConflictReason
		fields                   []string
	}{
		"removed, unchanged":              {with("1", false, "a"), gone(), with("1", false, "a"), gone(), 0, nil},
		"removed, emptied":                {with("1", false, "a", "b"), gone(), with("1", false, "a"), gone(), 0, nil},
		"created again, policy":           {with("1", false, "a"), with("2", false, "a"), with("1", true, "a"), with("2", true, "a"), 0, nil},
		"id known to one side":            {gone(), with("", false), with("1", false), with("1", false), 0, nil},
		"secrets of a new store":          {gone(), with("1", false, "a"), with("1", false, "b"), with("1", false, "a", "b"), 0, nil},
		"removed, a secret added":         {with("1", false, "a"), gone(), with("1", false, "a", "b"), nil, OursRemoved, nil},
		"a secret added, removed":         {with("1", false, "a"), with("1", false, "a", "b"), gone(), nil, TheirsRemoved, nil},
		"created again twice":             {with("1", false, "a"), with("2", false, "a"), with("3", false, "a"), nil, BothChanged, []string{"id"}},
		"added with different policies":   {gone(), with("1", false, "a"), with("1", true, "a"), nil, BothAdded, []string{"delete"}},
		"created again twice, no secrets": {with("1", false), with("2", false), with("3", false), nil, BothChanged, []string{"id"}},
	} {
		t.Run(name, func(t *testing.T) {
			tt.ours.Stores[prod].PutSecret("b-ours", recorded(3, 4))
			tt.theirs.Stores[prod].PutSecret("y-theirs", recorded(4, 5))
			m, err := Merge(tt.base, tt.ours, tt.theirs)
			try(t, err)
			if tt.want == nil {
				want := []Conflict{{Store: staging, Reason: tt.reason, Fields: tt.fields}}
				if diff := cmp.Diff(want, m.Conflicts, cmpopts.IgnoreFields(Conflict{}, "Line")); diff != "" {
					t.Errorf("conflicts (-want +got):\n%s", diff)
				}
				checkConflicted(t, m, tt.ours, tt.theirs)
				return
			}
			tt.want.Stores[prod].PutSecret("b-ours", recorded(3, 4))
			tt.want.Stores[prod].PutSecret("y-theirs", recorded(4, 5))
			if diff := cmp.Diff(string(tt.want.Format()), string(m.Format())); diff != "" || len(m.Conflicts) > 0 {
				t.Errorf("%v (-want +got):\n%s", m.Conflicts, diff)
			}
		})
	}
}

// TestSuperseded: if both sides wrote a secret, the result says whose write was the later one.
func TestSuperseded(t *testing.T) {
	base, early, late := recorded(0, 1), recorded(5, 2), recorded(9, 3)
	moved := change(base, func(x *Secret) { x.Source = "file x" })
	for name, tt := range map[string]struct {
		ours, theirs *Secret
		want         []Superseded
	}{
		"theirs is later":   {&early, &late, []Superseded{{prod, "x", true}}},
		"ours is later":     {&late, &early, []Superseded{{prod, "x", false}}},
		"one wrote":         {moved, &late, nil},
		"the same write":    {&late, change(late, func(x *Secret) { x.Delete = true }), nil},
		"none of them":      {moved, change(base, func(x *Secret) { x.Delete = true }), nil},
		"one has it as was": {&base, &late, nil},
	} {
		m, err := Merge(fileWith(&base), fileWith(tt.ours), fileWith(tt.theirs))
		try(t, err)
		if diff := cmp.Diff(tt.want, m.Superseded); diff != "" || len(m.Conflicts) > 0 {
			t.Errorf("%s: %v (-want +got):\n%s", name, m.Conflicts, diff)
		}
	}
}

// TestMergeEmptied: one side removed its only store, so it has no account, and the other changed it.
func TestMergeEmptied(t *testing.T) {
	x := recorded(0, 1)
	base, none, changed := fileWith(&x), &File{Key: Key{ID: "0011223344556677"}}, fileWith(change(x, func(x *Secret) { x.Source = "moved" }))
	for reason, sides := range map[ConflictReason][2]*File{OursRemoved: {none, changed}, TheirsRemoved: {changed, none}} {
		m, err := Merge(base, sides[0], sides[1])
		try(t, err)
		want := []Conflict{{Store: prod, Reason: reason}}
		if diff := cmp.Diff(want, m.Conflicts, cmpopts.IgnoreFields(Conflict{}, "Line")); diff != "" {
			t.Errorf("conflicts (-want +got):\n%s", diff)
		}
		checkConflicted(t, m, sides[0], sides[1])
		for i, ours := range []bool{true, false} {
			if got := must(Parse("x", keepSide(m.Format(), ours))); len(got.Stores) != len(sides[i].Stores) {
				t.Errorf("%v: %v", reason, got.Stores)
			}
		}
	}
}

func TestMergeKey(t *testing.T) {
	under := func(id, sealed string) *File {
		f := fileWith(nil)
		f.Key = Key{ID: id}
		if sealed != "" {
			f.Key.Sealed = json.RawMessage(fmt.Sprintf(`{"sops":{"mac":%q}}`, sealed))
		}
		return f
	}
	const id, other = "0011223344556677", "8899aabbccddeeff"
	noPrints := &File{}
	noPrints.PutStore(prod, "5704e")
	for name, tt := range map[string]struct {
		base, ours, theirs *File
		want               string // the sealed key
		err                error
		conflict           bool
	}{
		"sealed again by one side": {under(id, "1"), under(id, "1"), under(id, "2"), `"2"`, nil, false},
		"moved out of the file":    {under(id, "1"), under(id, ""), under(id, "1"), "", nil, false},
		"the first key":            {&File{}, noPrints, under(id, "1"), `"1"`, nil, false},
		"two first seals":          {&File{}, under(id, "2"), under(id, "3"), "", nil, true},
		"sealed again by both":     {under(id, "1"), under(id, "2"), under(id, "3"), "", nil, true},
		"rekeyed by one side":      {under(id, ""), under(other, ""), under(id, ""), "", ErrKeysDiffer, false},
		"two first keys":           {&File{}, under(id, ""), under(other, ""), "", ErrKeysDiffer, false},
	} {
		t.Run(name, func(t *testing.T) {
			tt.ours.Stores[prod].PutSecret("b-ours", Secret{ID: "3"})
			tt.theirs.Stores[prod].PutSecret("y-theirs", Secret{ID: "4"})
			m, err := Merge(tt.base, tt.ours, tt.theirs)
			switch {
			case !errors.Is(err, tt.err):
				t.Fatalf("error %v; want %v", err, tt.err)
			case err != nil:
				if !strings.Contains(err.Error(), id) || !strings.Contains(err.Error(), other) {
					t.Errorf("error %q does not name the keys", err)
				}
			case tt.conflict:
				want := []Conflict{{Reason: BothChanged, Fields: []string{"sealed"}}}
				if tt.base.Key.ID == "" {
					want[0].Reason = BothAdded
				}
				if diff := cmp.Diff(want, m.Conflicts, cmpopts.IgnoreFields(Conflict{}, "Line")); diff != "" {
					t.Errorf("conflicts (-want +got):\n%s", diff)
				}
				checkConflicted(t, m, tt.ours, tt.theirs)
			case len(m.Conflicts) > 0 || m.File.Key.ID != id || !strings.Contains(string(m.File.Key.Sealed), tt.want) || tt.want == "" && m.File.Key.Sealed != nil:
				t.Errorf("%v, key %+v", m.Conflicts, m.File.Key)
			}
		})
	}
}

func TestMergeRefusesForeign(t *testing.T) {
	ours, emulated, elsewhere := fileWith(nil), fileWith(nil), &File{}
	emulated.API = APILoopback
	elsewhere.PutStore(empty, "1")
	for _, theirs := range []struct {
		file *File
		want error
		text string
	}{{emulated, ErrAPIsDiffer, "emulator"}, {elsewhere, ErrAccountsDiffer, accountB}} {
		if _, err := Merge(&File{}, ours, theirs.file); !errors.Is(err, theirs.want) || !strings.Contains(err.Error(), theirs.text) {
			t.Errorf("%v; want %v", err, theirs.want)
		}
	}
	text := Unmergeable(bytes.TrimSpace(ours.Format()), elsewhere.Format())
	for side, want := range map[bool]*File{true: ours, false: elsewhere} {
		got, err := Parse("x", keepSide(text, side))
		if err != nil || !cmp.Equal(string(got.Format()), string(want.Format())) {
			t.Errorf("%v:\n%s", err, text)
		}
	}
	if _, err := Parse("x", text); !errors.Is(err, ErrConflict) {
		t.Errorf("%v", err)
	}
}

// drawVersions draws three versions of a lockfile under one key: base, and two in which
// records were changed, removed and added.
func drawVersions(t *rapid.T) (base, ours, theirs *File) {
	base = drawFile(t)
	base.PutStore(prod, "5704e") // every version has it: files without a common account are refused
	edit := func(label string) *File {
		f := base.clone()
		for k, st := range f.All() {
			if k != prod && rapid.IntRange(0, 9).Draw(t, label+" store") == 0 {
				delete(f.Stores, k)
				continue
			}
			for name, sec := range st.All() {
				switch rapid.IntRange(0, 5).Draw(t, label+" "+name) {
				case 0:
					delete(st.Secrets, name)
				case 1:
					st.PutSecret(name, drawSecret(t))
				case 2:
					sec.Pending = &Pending{Op: "update", Since: seconds().Draw(t, "since")}
				case 3:
					sec.Source = rapid.SampledFrom([]string{"file x", "file y"}).Draw(t, "source")
				}
			}
			for _, name := range rapid.SliceOfN(rapid.SampledFrom([]string{"m", "n", "o"}), 0, 2).Draw(t, label+" new") {
				st.PutSecret(name, drawSecret(t))
			}
		}
		return sorted(f)
	}
	return sorted(base), edit("ours"), edit("theirs")
}

func TestMergeProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		base, ours, theirs := drawVersions(t)
		merge := func(base, ours, theirs *File) *Merged {
			m, err := Merge(base, ours, theirs)
			if err != nil {
				t.Fatal(err)
			}
			return m
		}
		equal := func(what string, want, got *File) {
			if diff := cmp.Diff(string(want.Format()), string(got.Format())); diff != "" {
				t.Errorf("%s (-want +got):\n%s", what, diff)
			}
		}
		equal("one side changed nothing", ours, merge(base, ours, base).File)
		equal("the other changed nothing", ours, merge(base, base, ours).File)
		equal("both did the same", ours, merge(base, ours, ours).File)

		m, mirrored := merge(base, ours, theirs), merge(base, theirs, ours)
		if len(m.Conflicts) != len(mirrored.Conflicts) {
			t.Errorf("conflicts depend on the order: %+v, %+v", m.Conflicts, mirrored.Conflicts)
		}
		if len(m.Conflicts) == 0 {
			equal("the order of the sides", m.File, mirrored.File)
			if _, err := Parse("merged", m.Format()); err != nil {
				t.Errorf("it cannot be read back: %v\n%s", err, m.Format())
			}
			equal("formatted", m.File, must(Parse("merged", m.Format())))
			equal("merged again", m.File, merge(ours, ours, m.File).File)
		} else {
			checkConflicted(t, m, ours, theirs)
			if a, b := keepSide(m.Format(), true), keepSide(mirrored.Format(), false); !bytes.Equal(a, b) {
				t.Errorf("ours, and theirs of the mirrored merge:\n%s", cmp.Diff(string(a), string(b)))
			}
		}
		checkNothingLost(t, m, base, ours, theirs)
	})
}

func must(f *File, _ error) *File { return f }

// checkNothingLost checks that what only one side added is in the result, a pending write in
// particular, and that what no side has is not, unless there is a conflict about it.
func checkNothingLost(t *rapid.T, m *Merged, base, ours, theirs *File) {
	disputed := func(k StoreKey, name string) bool {
		return slices.ContainsFunc(m.Conflicts, func(c Conflict) bool { return c.Store == k && (c.Secret == name || c.Secret == "") })
	}
	for side, f := range map[string]*File{"ours": ours, "theirs": theirs} {
		for k, st := range f.All() {
			for name, sec := range st.All() {
				was, got := base.Stores[k].Secret(name), m.File.Stores[k].Secret(name)
				added := was == nil || was.Pending == nil && sec.Pending != nil
				switch {
				case disputed(k, name) || !added:
				case got == nil:
					t.Errorf("%s added %q, which is lost", side, name)
				case sec.Pending != nil && !cmp.Equal(sec.Pending, got.Pending):
					t.Errorf("%s has a pending write of %q, which is lost", side, name)
				}
			}
		}
	}
	for k, st := range m.File.All() {
		for name := range maps.Keys(st.Secrets) {
			if ours.Stores[k].Secret(name) == nil && theirs.Stores[k].Secret(name) == nil {
				t.Errorf("%q is in neither side", name)
			}
		}
	}
}

func TestMergeShared(t *testing.T) {
	with := func(lineage string, generation int, x Secret) *File {
		f := fileWith(&x)
		f.Shared = Shared{Lineage: lineage, Generation: generation}
		return f
	}
	base := with("00112233445566aa", 3, recorded(0, 1))
	for _, ours := range []int{3, 5} {
		theirs := with("00112233445566aa", 8-ours, recorded(0, 1))
		theirs.PutStore(prod, "").PutSecret("new", recorded(5, 2))
		changed := with("00112233445566aa", ours, *change(recorded(0, 1), func(x *Secret) { x.Source = "moved" }))
		m, err := Merge(base, changed, theirs)
		try(t, err)
		if m.File.Shared.Generation != 5 || len(m.Conflicts) > 0 {
			t.Errorf("ours %d: %+v, %v", ours, m.File.Shared, m.Conflicts)
		}
	}
	ours, theirs := with("00112233445566aa", 5, recorded(0, 1)), with("00112233445566aa", 5, recorded(0, 1))
	ours.Shared.Run, theirs.Shared.Run = "0000000000000011", "0000000000000022"
	m, err := Merge(base, ours, theirs)
	try(t, err)
	if m.File.Shared != ours.Shared {
		t.Errorf("the same generation: %+v", m.File.Shared)
	}
	_, err = Merge(new(File), with("00112233445566aa", 3, recorded(0, 1)), with("00112233445566bb", 3, recorded(1, 1)))
	if !errors.Is(err, ErrLineagesDiffer) {
		t.Errorf("two lineages: %v", err)
	}
}
