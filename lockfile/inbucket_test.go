package lockfile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secretsync/secretsync/objectstore"
	"github.com/secretsync/secretsync/objectstore/objectstoretest"
)

// errLost is the error of a request whose answer was lost. It is not repeated.
var errLost = fmt.Errorf("%w: the connection was closed", objectstore.ErrRefused)

// sent returns the requests since the last call, with the names of runs left out.
func sent(m *objectstoretest.Memory) []string {
	requests := m.Take()
	for i, r := range requests {
		if before, after, found := strings.Cut(r, ".journal/"); found {
			requests[i] = before + ".journal/" + after[strings.Index(after, "/")+1:]
		}
	}
	return requests
}

const lockKey = "team/a.lock"

// held is the check of a run that holds the lease.
func held() error { return nil }

func openObject(t *testing.T, b objectstore.Store) *Handle {
	t.Helper()
	h, err := OpenObject(t.Context(), b, lockKey, held)
	try(t, err)
	return h
}

var inStore = StoreKey{"0123456789abcdef0123456789abcdef", "main"}

// note records a comment of a secret.
func note(h *Handle, secret, comment string) error {
	return h.Record([]RecordKey{{inStore, secret}}, func(f *File) {
		f.PutStore(inStore, "").PutSecret(secret, Secret{Comment: comment})
	})
}

func comments(f *File) map[string]string {
	found := map[string]string{}
	for _, st := range f.Stores {
		for name, sec := range st.Secrets {
			found[name] = sec.Comment
		}
	}
	return found
}

func wantComments(t *testing.T, b objectstore.Store, want map[string]string) {
	t.Helper()
	f, err := ReadObject(t.Context(), b, lockKey)
	try(t, err)
	if diff := cmp.Diff(want, comments(f)); diff != "" {
		t.Error(diff)
	}
}

func TestObject(t *testing.T) {
	b := new(objectstoretest.Memory)
	h := openObject(t, b)
	try(t, h.Update(func(*File) {}))
	try(t, h.Fold())
	try(t, h.Close())
	if diff := cmp.Diff([]string{"GET " + lockKey}, sent(b)); diff != "" {
		t.Errorf("a run without changes:\n%s", diff)
	}
	h = openObject(t, b)
	for i, comment := range []string{"1", "2", "3"} {
		try(t, note(h, "A", comment))
		wantComments(t, b, map[string]string{"A": comment})
		if i == 0 && len(b.Objects) != 1 {
			t.Errorf("the first change is in %d objects", len(b.Objects))
		}
	}
	sent(b)
	try(t, note(h, "A", "3")) // no change
	try(t, note(h, "B", "4"))
	try(t, h.Fold())
	try(t, h.Close())
	want := []string{"PUT " + lockKey + ".journal/000003", "PUT " + lockKey, "DELETE 3"}
	if diff := cmp.Diff(want, sent(b)); diff != "" {
		t.Error(diff)
	}
	if len(b.Objects) != 1 {
		t.Errorf("left: %q", slices.Collect(maps.Keys(b.Objects)))
	}
	wantComments(t, b, map[string]string{"A": "3", "B": "4"})
	if requests := sent(b); len(requests) != 1 {
		t.Errorf("reading it takes %q", requests)
	}
}

func TestObjectGenerations(t *testing.T) {
	b := new(objectstoretest.Memory)
	var lineage string
	for n := 1; n <= 3; n++ {
		h := openObject(t, b)
		try(t, h.Update(func(f *File) { f.PutStore(inStore, StoreID(fmt.Sprint("id", n))) }))
		try(t, h.Update(func(f *File) { f.PutStore(inStore, "") }))
		try(t, note(h, "A", fmt.Sprint(n)))
		try(t, h.Fold())
		shared := h.File().Shared
		if shared.Generation != n || shared.Journal != "" || lineage != "" && shared.Lineage != lineage {
			t.Errorf("run %d: %+v, lineage %q", n, shared, lineage)
		}
		lineage = shared.Lineage
		try(t, h.Close())
	}
}

// A run that was killed, or that still lives but lost its lease.
func TestObjectTakenOver(t *testing.T) {
	for changes := 1; changes <= 4; changes++ {
		b := new(objectstoretest.Memory)
		first := openObject(t, b)
		want := map[string]string{}
		for n := range changes {
			name := fmt.Sprint("S", n)
			try(t, note(first, name, "first"))
			want[name] = "first"
		}
		second := openObject(t, b)
		if second.Folded() != changes-1 || second.File().Shared.Generation != 2 {
			t.Errorf("after %d changes: folded %d, %+v", changes, second.Folded(), second.File().Shared)
		}
		wantComments(t, b, want)
		err := note(first, "X", "late")
		replaced, ok := errors.AsType[*ReplacedError](err)
		if !ok || replaced.Saved != "" || !strings.Contains(err.Error(), "another run") {
			t.Errorf("the first run may go on: %v", err)
		}
		if err := first.Check(); !errors.As(err, new(*ReplacedError)) {
			t.Errorf("Check: %v", err)
		}
		if err := first.Fold(); !errors.As(err, new(*ReplacedError)) {
			t.Errorf("Fold: %v", err)
		}
		try(t, note(second, "X", "second"))
		try(t, second.Fold())
		want["X"] = "second"
		wantComments(t, b, want)
	}
}

func TestObjectWrittenByAnother(t *testing.T) {
	b := new(objectstoretest.Memory)
	first, second := openObject(t, b), openObject(t, b)
	try(t, note(second, "A", "second"))
	for what, err := range map[string]error{
		"Record": note(first, "A", "first"),
		"Update": first.Update(func(f *File) { f.PutStore(inStore, "") }),
	} {
		if !errors.As(err, new(*ReplacedError)) {
			t.Errorf("%s: %v", what, err)
		}
	}
	wantComments(t, b, map[string]string{"A": "second"})
}

// Writes that fail although they took effect, and such that did not, in any order: what Record
// reported as recorded is there, and the run goes on afterwards.
func TestObjectFaults(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 17))
		calm := false
		fails := func(_ context.Context, method, _ string) error {
			if calm || method == "GET" || r.IntN(6) > 0 {
				return nil
			}
			return errLost
		}
		b := &objectstoretest.Faulty{Store: new(objectstoretest.Memory), Before: fails, After: fails}
		want := map[string]string{}
		for run := range 3 {
			h, err := OpenObject(t.Context(), b, lockKey, held)
			if err != nil {
				continue
			}
			for n := range 8 {
				name := string(rune('A' + r.IntN(3)))
				comment := fmt.Sprint(run, n)
				if note(h, name, comment) == nil {
					want[name] = comment
				} else {
					delete(want, name) // it may have either comment
				}
				if errors.As(h.Check(), new(*ReplacedError)) {
					t.Fatalf("seed %d: no other run has written it: %v", seed, h.Check())
				}
			}
			if calm = r.IntN(2) == 0; calm {
				if err := note(h, "Z", fmt.Sprint(run)); err != nil {
					t.Errorf("seed %d: nothing can be recorded any more: %v", seed, err)
				}
				want["Z"], calm = fmt.Sprint(run), false
			}
			if r.IntN(2) == 0 {
				_ = h.Fold()
			}
		}
		f, err := ReadObject(t.Context(), b, lockKey)
		try(t, err)
		for name, comment := range want {
			if got := comments(f)[name]; got != comment {
				t.Errorf("seed %d: %s is %q, not %q", seed, name, got, comment)
			}
		}
	}
}

// A run that was suspended while it opened the lockfile, until another one took over, leaves the
// other one's journal and lockfile alone: it can only have begun to seal the journal of a run that
// both took over from.
func TestObjectOpenedAfterTheLeaseWasLost(t *testing.T) {
	errTaken := errors.New("the lease was taken over")
	for checks := range 3 {
		b := new(objectstoretest.Memory)
		try(t, note(openObject(t, b), "A", "killed"))
		var other *Handle
		suspended := 0
		_, err := OpenObject(t.Context(), b, lockKey, func() error {
			if other != nil {
				return errTaken
			}
			if suspended++; suspended > checks {
				other = openObject(t, b)
				try(t, note(other, "A", "other"))
				return errTaken
			}
			return nil
		})
		if checks > 1 {
			if other != nil || err != nil {
				t.Fatalf("%d checks of the lease, want 2: %v", suspended, err)
			}
			continue
		}
		if !errors.Is(err, errTaken) {
			t.Errorf("suspended at check %d: %v", checks+1, err)
		}
		try(t, note(other, "B", "still going"))
		try(t, other.Fold())
	}
}

// A run that reads the lockfile of the run that holds the lease does not seal its journal.
func TestObjectOpenedWhileAnotherHoldsTheLease(t *testing.T) {
	b := new(objectstoretest.Memory)
	holder := openObject(t, b)
	try(t, note(holder, "A", "1"))
	_, err := OpenObject(t.Context(), b, lockKey, func() error { return errLost })
	if !errors.Is(err, errLost) {
		t.Errorf("error %v", err)
	}
	try(t, note(holder, "A", "2"))
	try(t, holder.Fold())
}

// Of several runs that take over at the same time, one can write.
func TestObjectOneWinner(t *testing.T) {
	for range 50 {
		b := new(objectstoretest.Memory)
		try(t, note(openObject(t, b), "A", "killed"))
		handles, won := make([]*Handle, 8), make([]bool, 8)
		each := func(do func(i int)) {
			var wg sync.WaitGroup
			for i := range handles {
				wg.Go(func() { do(i) })
			}
			wg.Wait()
		}
		each(func(i int) { handles[i], _ = OpenObject(context.Background(), b, lockKey, held) })
		each(func(i int) { won[i] = handles[i] != nil && note(handles[i], "B", fmt.Sprint(i)) == nil })
		if n := slices.Index(won, true); n < 0 || slices.Contains(won[n+1:], true) {
			t.Fatalf("won: %v", won)
		}
	}
}

// A journal that cannot be removed is not read again.
func TestObjectJournalStays(t *testing.T) {
	m := new(objectstoretest.Memory)
	b := &objectstoretest.Faulty{Store: m}
	h := openObject(t, b)
	b.Before = func(_ context.Context, method, _ string) error {
		if method == "DELETE" {
			return objectstore.ErrRefused
		}
		return nil
	}
	for _, comment := range []string{"1", "2", "3"} {
		try(t, note(h, "A", comment))
	}
	try(t, h.Fold())
	try(t, note(h, "A", "4"))
	try(t, note(h, "A", "5"))
	wantComments(t, b, map[string]string{"A": "5"})
	try(t, h.Fold())
	wantComments(t, b, map[string]string{"A": "5"})
	b.Before = nil
	try(t, note(h, "A", "6"))
	try(t, h.Fold())
	if len(m.Objects) != 1 {
		t.Errorf("left: %q", slices.Collect(maps.Keys(m.Objects)))
	}
}

// A run that ends while its lockfile is read removes its journal: then the lockfile is read again.
func TestObjectReadWhileItEnds(t *testing.T) {
	m := new(objectstoretest.Memory)
	b := &objectstoretest.Faulty{Store: m}
	h := openObject(t, b)
	for i := range 3 {
		try(t, note(h, fmt.Sprint("S", i), "1"))
	}
	before := maps.Clone(m.Objects)
	try(t, h.Fold())
	after := m.Objects
	m.Objects = before
	b.Before = func(_ context.Context, _, key string) error {
		if strings.Contains(key, ".journal/") {
			m.Objects = after
		}
		return nil
	}
	sent(m)
	wantComments(t, b, map[string]string{"S0": "1", "S1": "1", "S2": "1"})
	want := []string{"GET " + lockKey, "GET " + lockKey + ".journal/000001", "GET " + lockKey, "GET " + lockKey}
	if diff := cmp.Diff(want, sent(m)); diff != "" {
		t.Error(diff)
	}
	b.Before = func(_ context.Context, _, key string) error {
		if strings.Contains(key, ".journal/") { // each time another run begins and ends
			m.Objects[lockKey] = append(bytes.Clone(m.Objects[lockKey]), ' ')
		}
		return nil
	}
	m.Objects = before
	if _, err := ReadObject(t.Context(), b, lockKey); err == nil || !strings.Contains(err.Error(), "keeps changing") {
		t.Errorf("%v", err)
	}
}

func TestObjectDamage(t *testing.T) {
	b := new(objectstoretest.Memory)
	h := openObject(t, b)
	try(t, note(h, "A", "1"))
	try(t, note(h, "A", "2"))
	name := h.storage.(*inBucket).written[0]
	for content, want := range map[string]string{
		"":       "memory://test/" + name + ":1:1: the lockfile's journal is damaged here",
		"x\n":    "the lockfile's journal is damaged here",
		"{}":     "the lockfile's journal is damaged here",
		"no NL":  "the lockfile's journal is damaged here",
		newer():  "the lockfile's journal was written by a newer version of secretsync",
		folded(): "the lockfile's journal is damaged here",
	} {
		b.Objects[name] = []byte(content)
		_, err := OpenObject(t.Context(), b, lockKey, held)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", content, err)
		}
	}
	b.Objects[lockKey] = []byte("<html>")
	if _, err := ReadObject(t.Context(), b, lockKey); err == nil || !strings.Contains(err.Error(), "memory://test/team/a.lock:1:1") {
		t.Error(err)
	}
}

func TestObjectMaxSize(t *testing.T) {
	b := new(objectstoretest.Memory)
	h := openObject(t, b)
	try(t, note(h, "A", "1"))
	try(t, h.Fold())
	size := len(b.Objects[lockKey])
	for most, ok := range map[int]bool{size: true, size - 1: false, 0: true} {
		_, err := ReadObject(t.Context(), b, lockKey, MaxSize(most))
		_, openErr := OpenObject(t.Context(), b, lockKey, held, MaxSize(most))
		for _, err := range []error{err, openErr} {
			if ok != (err == nil) || !ok && !strings.Contains(err.Error(), fmt.Sprintf("memory://test/team/a.lock is larger than %d bytes", most)) {
				t.Errorf("at most %d: %v", most, err)
			}
		}
	}
}

// scales takes objects of any size, and remembers only their sizes.
type scales struct {
	objectstoretest.Memory
	put []int
}

func (s *scales) Put(_ context.Context, _ string, data []byte, _ objectstore.Condition) (objectstore.Version, error) {
	s.put = append(s.put, len(data))
	return "v", nil
}

// TestLargestObject: a lockfile that no store could read is not written.
func TestLargestObject(t *testing.T) {
	b := new(scales)
	in := &inBucket{object: object{store: b, key: lockKey}}
	try(t, in.replace(make([]byte, objectstore.MaxSize)))
	err := in.replace(make([]byte, objectstore.MaxSize+1))
	if err == nil || !strings.Contains(err.Error(), "larger than 256 MiB, the limit in an object store") || !slices.Equal(b.put, []int{objectstore.MaxSize}) {
		t.Errorf("%v, sizes %d", err, b.put)
	}
}

func newer() string  { return string(journalLine{Version: journalVersion + 1}.format()) }
func folded() string { return string(journalLine{Folded: "sha256:0"}.format()) }

func TestShareOnDisk(t *testing.T) {
	path := t.TempDir() + "/a.lock"
	generation := func() Shared {
		t.Helper()
		f, err := Read(path)
		try(t, err)
		return f.Shared
	}
	h := openAt(t, path)
	h.Share()
	try(t, h.Update(func(*File) {}))
	if got := generation(); got != (Shared{}) {
		t.Errorf("without a change: %+v", got)
	}
	try(t, note(h, "A", "1"))
	try(t, note(h, "A", "2"))
	first := generation() // from the journal
	if first.Generation != 1 || len(first.Lineage) != 16 || first.Journal != "" || first.Run != "" {
		t.Errorf("after a change: %+v", first)
	}
	try(t, h.Fold())
	try(t, h.Close())
	if got := generation(); got != first {
		t.Errorf("folded: %+v, not %+v", got, first)
	}
	h = openAt(t, path)
	h.Share()
	try(t, h.Update(func(f *File) { f.PutStore(inStore, "id") }))
	if got := generation(); got != (Shared{Lineage: first.Lineage, Generation: 2}) {
		t.Errorf("second run: %+v", got)
	}
}

// A copy continues the generations of both, and has no run unless it is an object.
func TestAdopt(t *testing.T) {
	path, b := t.TempDir()+"/a.lock", new(objectstoretest.Memory)
	file := openAt(t, path)
	try(t, note(file, "A", "1"))
	try(t, file.Fold())
	object, err := OpenObject(t.Context(), b, "a.lock", held)
	try(t, err)
	try(t, object.Adopt(file.File()))
	pushed := object.File()
	if s := pushed.Shared; s.Generation != 1 || len(s.Lineage) != 16 || s.Run == "" || s.Journal != "" {
		t.Errorf("pushed: %+v", s)
	}
	if diff := cmp.Diff(file.File().Stores, pushed.Stores); diff != "" {
		t.Error(diff)
	}
	try(t, object.Close())
	try(t, file.Adopt(pushed))
	if got := file.File().Shared; got != (Shared{Lineage: pushed.Shared.Lineage, Generation: 2}) {
		t.Errorf("pulled: %+v", got)
	}
	try(t, file.Close())
}

func TestAdoptLost(t *testing.T) {
	b := new(objectstoretest.Memory)
	first, err := OpenObject(t.Context(), b, "a.lock", held)
	try(t, err)
	second, err := OpenObject(t.Context(), b, "a.lock", held)
	try(t, err)
	try(t, second.Update(func(f *File) { f.PutStore(inStore, "id") }))
	mine := &File{}
	mine.PutStore(inStore, "other")
	if err := first.Adopt(mine); !errors.As(err, new(*ReplacedError)) {
		t.Errorf("error %v", err)
	}
}
