// Package objectstoretest tests implementations of [objectstore.Store]. For tests of programs that
// use stores, it provides a store in memory and one whose requests fail.
package objectstoretest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/secretsync/secretsync/objectstore"
)

// Writers and keys of the race in [Test].
const (
	writers = 16
	keys    = 50
)

// Test checks what [objectstore.Store] promises. open returns an empty store, another one for
// each test.
func Test(t *testing.T, open func(*testing.T) objectstore.Store) {
	for name, test := range map[string]func(*testing.T, objectstore.Store){
		"objects":       testObjects,
		"conditions":    testConditions,
		"delete":        testDelete,
		"race":          testRace,
		"increments":    testIncrements,
		"lost answers":  testLostAnswers,
		"sent twice":    testSentTwice,
		"busy key":      testBusyKey,
		"probe":         testProbe,
		"ended context": testEndedContext,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t))
		})
	}
}

func testObjects(t *testing.T, s objectstore.Store) {
	ctx := t.Context()
	_, err := s.Get(ctx, "folder/none.json")
	wantError(t, "get a missing object", err, objectstore.ErrNotExist)
	for key, data := range map[string][]byte{
		"a":                       []byte("short"),
		"folder/b.json":           {},
		"folder/deep/~2fc_D-.e":   []byte("\x00\xff\n"),
		"folder/deep/large.jsonl": bytes.Repeat([]byte("0123456789abcdef"), 1<<16),
	} {
		v, err := s.Put(ctx, key, data, objectstore.Condition{})
		wantError(t, "create "+key, err, nil)
		o, err := s.Get(ctx, key)
		wantError(t, "get "+key, err, nil)
		if !bytes.Equal(o.Data, data) {
			t.Errorf("%s has %d bytes, want %d", key, len(o.Data), len(data))
		}
		if o.Version != v || v == "" {
			t.Errorf("%s was written as version %q, and read as %q", key, v, o.Version)
		}
	}
	_, err = s.Get(ctx, "folder/deep")
	wantError(t, "get a folder", err, objectstore.ErrNotExist)
	if s.String() == "" {
		t.Error("the store has no name")
	}
}

func testConditions(t *testing.T, s objectstore.Store) {
	ctx := t.Context()
	put := func(what, data string, match objectstore.Version, want error) objectstore.Version {
		t.Helper()
		v, err := s.Put(ctx, "leases/a.json", []byte(data), objectstore.Condition{Match: match})
		wantError(t, what, err, want)
		return v
	}
	content := func(want string) {
		t.Helper()
		o, err := s.Get(ctx, "leases/a.json")
		wantError(t, "get", err, nil)
		if string(o.Data) != want {
			t.Errorf("the object is %q, want %q", o.Data, want)
		}
	}
	put("replace a missing object", "x", `"00000000000000000000000000000000"`, objectstore.ErrConflict)
	v1 := put("create", "one", "", nil)
	put("create what exists", "two", "", objectstore.ErrConflict)
	content("one")
	v2 := put("replace", "two", v1, nil)
	if v1 == v2 {
		t.Errorf("both contents have the version %q", v1)
	}
	put("replace a version that is no more", "three", v1, objectstore.ErrConflict)
	content("two")
	put("replace the new version", "three", v2, nil)
	content("three")
}

func testDelete(t *testing.T, s objectstore.Store) {
	ctx := t.Context()
	wantError(t, "delete nothing", s.Delete(ctx), nil)
	wantError(t, "delete a missing object", s.Delete(ctx, "none"), nil)
	var keys []string
	for n := range 12 {
		key := fmt.Sprintf("journal/%d.json", n)
		_, err := s.Put(ctx, key, []byte(key), objectstore.Condition{})
		wantError(t, "create", err, nil)
		keys = append(keys, key)
	}
	wantError(t, "delete", s.Delete(ctx, append(keys[:10:10], "journal/none.json")...), nil)
	for n, key := range keys {
		_, err := s.Get(ctx, key)
		if n < 10 {
			wantError(t, "get a deleted object", err, objectstore.ErrNotExist)
			continue
		}
		wantError(t, "get an object that was not deleted", err, nil)
	}
	_, err := s.Put(ctx, keys[0], []byte("again"), objectstore.Condition{})
	wantError(t, "create what was deleted", err, nil)
}

// testRace lets writers create the same objects, and then replace the same versions.
func testRace(t *testing.T, s objectstore.Store) {
	var first [keys]objectstore.Version
	for round := range 2 {
		var won [keys]atomic.Int32
		var winner [keys]atomic.Int32
		inParallel(writers, func(w int) {
			for k := range keys {
				_, err := objectstore.Put(t.Context(), s, fmt.Sprintf("race/%d.json", k),
					fmt.Appendf(nil, "round %d, writer %d", round, w), objectstore.Condition{Match: first[k]})
				switch {
				case err == nil:
					won[k].Add(1)
					winner[k].Store(int32(w))
				case !errors.Is(err, objectstore.ErrConflict):
					t.Errorf("writer %d: key %d: %v", w, k, err)
				}
			}
		})
		for k := range keys {
			o, err := s.Get(t.Context(), fmt.Sprintf("race/%d.json", k))
			wantError(t, "get", err, nil)
			if n := won[k].Load(); n != 1 {
				t.Errorf("round %d: key %d: %d writers won, want 1", round, k, n)
			}
			if want := fmt.Sprintf("round %d, writer %d", round, winner[k].Load()); string(o.Data) != want {
				t.Errorf("key %d is from %q, want %q", k, o.Data, want)
			}
			first[k] = o.Version
		}
	}
}

// testIncrements lets writers increase a counter, which loses no increase.
func testIncrements(t *testing.T, s objectstore.Store) {
	const each = 5
	inParallel(writers, func(w int) {
		for n := range each {
			if err := increase(t.Context(), s, fmt.Sprintf("writer %d, %d", w, n)); err != nil {
				t.Errorf("writer %d: %v", w, err)
			}
		}
	})
	o, err := s.Get(t.Context(), "counter")
	wantError(t, "get", err, nil)
	if n := bytes.Count(o.Data, []byte("\n")); n != writers*each {
		t.Errorf("%d lines, want %d", n, writers*each)
	}
}

func increase(ctx context.Context, s objectstore.Store, line string) error {
	for {
		o, err := objectstore.Get(ctx, s, "counter")
		if err != nil && !errors.Is(err, objectstore.ErrNotExist) {
			return err
		}
		_, err = objectstore.Put(ctx, s, "counter", append(o.Data, line+"\n"...), objectstore.Condition{Match: o.Version})
		if !errors.Is(err, objectstore.ErrConflict) {
			return err
		}
	}
}

// testLostAnswers loses the first answer to each write, after it took effect.
func testLostAnswers(t *testing.T, s objectstore.Store) {
	puts := 0
	faulty := &Faulty{Store: s, After: func(_ context.Context, method, _ string) error {
		if method != "PUT" {
			return nil
		}
		if puts++; puts%2 == 1 {
			return ErrLost
		}
		return nil
	}}
	v, err := objectstore.Put(t.Context(), faulty, "k", []byte("one"), objectstore.Condition{})
	wantError(t, "create, with a lost answer", err, nil)
	v, err = objectstore.Put(t.Context(), faulty, "k", []byte("two"), objectstore.Condition{Match: v})
	wantError(t, "replace, with a lost answer", err, nil)
	o, err := s.Get(t.Context(), "k")
	wantError(t, "get", err, nil)
	if string(o.Data) != "two" || o.Version != v {
		t.Errorf("the object is %q, version %q; want \"two\", version %q", o.Data, o.Version, v)
	}
	// The request is lost instead of its answer, and another client is quicker.
	faulty.Before = func(_ context.Context, _, _ string) error {
		faulty.Before = nil
		_, err := s.Put(t.Context(), "k", []byte("another client's"), objectstore.Condition{Match: v})
		wantError(t, "the other client's write", err, nil)
		return ErrLost
	}
	_, err = objectstore.Put(t.Context(), faulty, "k", []byte("three"), objectstore.Condition{Match: v})
	wantError(t, "replace, after another client", err, objectstore.ErrConflict)
}

// testSentTwice sends each write twice, as a proxy may, and gets the second answer only.
func testSentTwice(t *testing.T, s objectstore.Store) {
	twice := &twice{s}
	v, err := objectstore.Put(t.Context(), twice, "k", []byte("one"), objectstore.Condition{})
	wantError(t, "create", err, nil)
	v, err = objectstore.Put(t.Context(), twice, "k", []byte("two"), objectstore.Condition{Match: v})
	wantError(t, "replace", err, nil)
	o, err := s.Get(t.Context(), "k")
	wantError(t, "get", err, nil)
	if string(o.Data) != "two" || o.Version != v {
		t.Errorf("the object is %q, version %q; want \"two\", version %q", o.Data, o.Version, v)
	}
	_, err = objectstore.Put(t.Context(), twice, "k", []byte("three"), objectstore.Condition{})
	wantError(t, "create what exists", err, objectstore.ErrConflict)
}

// twice is a store that gets each write twice.
type twice struct{ objectstore.Store }

func (s *twice) Put(ctx context.Context, key string, data []byte, c objectstore.Condition) (objectstore.Version, error) {
	if _, err := s.Store.Put(ctx, key, data, c); err != nil {
		return "", err
	}
	return s.Store.Put(ctx, key, data, c)
}

// testBusyKey answers the first requests for one key with 429.
func testBusyKey(t *testing.T, s objectstore.Store) {
	refused := 0
	faulty := &Faulty{Store: s, Before: func(_ context.Context, _, key string) error {
		if refused++; key == "busy" && refused <= 2 {
			return fmt.Errorf("%w: 429", objectstore.ErrBusy)
		}
		return nil
	}}
	_, err := objectstore.Put(t.Context(), faulty, "busy", []byte("one"), objectstore.Condition{})
	wantError(t, "create", err, nil)
	_, err = objectstore.Put(t.Context(), faulty, "busy", []byte("two"), objectstore.Condition{})
	wantError(t, "create what exists", err, objectstore.ErrConflict)
}

func testProbe(t *testing.T, s objectstore.Store) {
	for range 2 {
		wantError(t, "probe", objectstore.Probe(t.Context(), s), nil)
	}
}

func testEndedContext(t *testing.T, s objectstore.Store) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.Get(ctx, "k")
	wantError(t, "get", err, context.Canceled)
	_, err = s.Put(ctx, "k", []byte("one"), objectstore.Condition{})
	wantError(t, "put", err, context.Canceled)
	wantError(t, "delete", s.Delete(ctx, "k"), context.Canceled)
	_, err = s.Get(t.Context(), "k")
	wantError(t, "get what was not written", err, objectstore.ErrNotExist)
}

func inParallel(n int, do func(int)) {
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { do(i) })
	}
	wg.Wait()
}

func wantError(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("%s: error %v, want %v", what, err, want)
	}
}
