package lease

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/secretsync/secretsync/objectstore"
	"github.com/secretsync/secretsync/objectstore/objectstoretest"
)

const good = `{"format": "secretsync lease", "version": 1, "state": "free", "owner": "o", "generation": 3, "write": 1,
	"duration": "1m0s", "since": "2026-11-27T16:00:00Z"}`

func TestBadObjects(t *testing.T) {
	change := func(old, changed string) string {
		if !strings.Contains(good, old) {
			t.Fatalf("%q is not in the lease", old)
		}
		return strings.Replace(good, old, changed, 1)
	}
	for name, tt := range map[string]struct {
		data string
		err  error
		why  string
	}{
		"good":                   {data: good},
		"empty":                  {err: ErrNotLease, why: "not JSON"},
		"not JSON":               {data: "<html>", err: ErrNotLease, why: "not JSON"},
		"a list":                 {data: "[]", err: ErrNotLease, why: "not an object"},
		"another object":         {data: `{"a": 1}`, err: ErrNotLease, why: `its "format" is not`},
		"a lockfile":             {data: change("secretsync lease", "secretsync lockfile"), err: ErrNotLease, why: `its "format" is not`},
		"a newer version":        {data: change(`"version": 1`, `"version": 2, "new": true`), err: ErrNewer, why: "use that version here"},
		"version 0":              {data: change(`"version": 1`, `"version": 0`), err: ErrNotLease, why: "version 0"},
		"a state that is none":   {data: change(`"free"`, `"freed"`), err: ErrNotLease, why: `its state is "freed"`},
		"no owner":               {data: change(`"owner": "o",`, ``), err: ErrNotLease, why: "no owner"},
		"generation 0":           {data: change(`"generation": 3`, `"generation": 0`), err: ErrNotLease, why: "no generation"},
		"too short a duration":   {data: change("1m0s", "2.9s"), err: ErrNotLease, why: "its duration is 2.9s"},
		"the shortest duration":  {data: change("1m0s", "3s")},
		"the longest duration":   {data: change("1m0s", "1h")},
		"too long a duration":    {data: change("1m0s", "1h1s"), err: ErrNotLease, why: "its duration is 1h0m1s"},
		"a duration that is not": {data: change("1m0s", "soon"), err: ErrNotLease, why: "soon"},
		"an unknown field":       {data: change(`"write"`, `"writes"`), err: ErrNotLease, why: "writes"},
		"two documents":          {data: good + good, err: ErrNotLease, why: "not JSON"},
		"the largest":            {data: good + strings.Repeat(" ", maxSize-len(good))},
		"text afterwards":        {data: good + "x", err: ErrNotLease, why: "not JSON"},
		"too large":              {data: good + strings.Repeat(" ", maxSize-len(good)+1), err: ErrNotLease, why: "1048577 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			m := &objectstoretest.Memory{}
			v, err := m.Put(t.Context(), key, []byte(tt.data), objectstore.Condition{})
			if err != nil {
				t.Fatal(err)
			}
			check := func(what string, err error) {
				t.Helper()
				if !errors.Is(err, tt.err) {
					t.Fatalf("%s: error %v, want %v", what, err, tt.err)
				}
				if err != nil && (!strings.Contains(err.Error(), tt.why) || !strings.Contains(err.Error(), "memory://test/"+key)) {
					t.Errorf("%s: error %v, want the address and %q", what, err, tt.why)
				}
			}
			_, err = ReadStatus(t.Context(), m, key)
			check("status", err)
			set, err := Acquire(t.Context(), m, []string{key}, Options{})
			check("acquire", err)
			if err == nil {
				release(t, set)
				return
			}
			check("break", Break(t.Context(), m, Status{Address: "memory://test/" + key, key: key}, "me"))
			if o, err := m.Get(t.Context(), key); err != nil || o.Version != v {
				t.Errorf("the object was changed: %v", err)
			}
		})
	}
}

func TestUnreadable(t *testing.T) {
	f := &objectstoretest.Faulty{Store: &objectstoretest.Memory{}, Before: func(_ context.Context, _, key string) error {
		return fmt.Errorf("read memory://test/%s: %w: 403", key, objectstore.ErrRefused)
	}}
	_, err := ReadStatus(t.Context(), f, key)
	if _, err := Acquire(t.Context(), f, []string{key}, Options{}); !errors.Is(err, objectstore.ErrRefused) {
		t.Errorf("acquire: %v", err)
	}
	broken := Break(t.Context(), f, Status{Address: "memory://test/" + key, key: key}, "me")
	for what, err := range map[string]error{"status": err, "break": broken} {
		if !errors.Is(err, objectstore.ErrRefused) || !strings.HasPrefix(err.Error(), "read the lease: read memory://test/"+key+": ") || strings.Count(err.Error(), key) != 1 {
			t.Errorf("%s: error %v", what, err)
		}
	}
}

// Whatever hosts and lockfiles are called, the lease stays readable.
func TestRecordStaysReadable(t *testing.T) {
	long := strings.Repeat("<ä", 10_000)
	m := &objectstoretest.Memory{}
	set := acquire(t, m, Options{Host: long, RunURL: "\xff" + long})
	now := time.Now()
	for n := range 2 * maxPublished {
		p := Publication{Generation: int64(n), Digest: long, Host: long, RunURL: long, Time: now.Add(time.Duration(n) * time.Second)}
		set.Publish(fmt.Sprintf("lineage-%03d", n), p)
	}
	release(t, set)
	st := status(t, m)
	if len(st.Published) != maxPublished {
		t.Errorf("%d lockfiles, want %d", len(st.Published), maxPublished)
	}
	for n := maxPublished; n < 2*maxPublished; n++ {
		if p, ok := st.Published[fmt.Sprintf("lineage-%03d", n)]; !ok || p.Generation != int64(n) {
			t.Errorf("lockfile %d, one of the newest, is missing", n)
		}
	}
	if h := st.Holder.Host; len(h) > maxText || !strings.HasPrefix(long, h) || h == "" {
		t.Errorf("host %q", h)
	}
}

func TestNewest(t *testing.T) {
	at := time.Now()
	all := map[string]Publication{"a": {Time: at}, "b": {Time: at.Add(time.Hour)}, "c": {Time: at}}
	if got := newest(all, 3); len(got) != 3 {
		t.Errorf("%v", got)
	}
	got := newest(all, 2)
	if _, ok := got["a"]; !ok || len(got) != 2 {
		t.Errorf("%v, want a, the first of two of the same time, and b", got)
	}
	if _, ok := got["b"]; !ok {
		t.Errorf("%v, want b, the latest", got)
	}
}

func TestKey(t *testing.T) {
	sum := "~~" + strings.Repeat("?", 64)
	for store, want := range map[string]string{
		"default_secrets-store.2": "default_secrets-store.2",
		"a/b":                     "a~2fb",
		"..":                      "~2e.",
		".":                       "~2e",
		"ä ~":                     "~c3~a4~20~7e",
		"":                        sum,
		strings.Repeat("a", 180):  strings.Repeat("a", 180),
		strings.Repeat("a", 181):  sum,
		strings.Repeat("ä", 31):   sum,
		strings.Repeat("ä", 30):   strings.Repeat("~c3~a4", 30),
	} {
		got := strings.TrimSuffix(strings.TrimPrefix(Key("acc", store), "leases/acc/"), ".json")
		if want == sum && len(got) == len(sum) && strings.HasPrefix(got, "~~") {
			continue
		}
		if got != want {
			t.Errorf("%q: key %q, want %q", store, got, want)
		}
	}
}

func TestKeysDiffer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.OneOf(rapid.String(), rapid.StringOfN(rapid.RuneFrom([]rune("a~2f/.")), 0, 6, -1))
		a1, s1, a2, s2 := name.Draw(t, "a1"), name.Draw(t, "s1"), name.Draw(t, "a2"), name.Draw(t, "s2")
		k1, k2 := Key(a1, s1), Key(a2, s2)
		if (k1 == k2) != (a1 == a2 && s1 == s2) {
			t.Errorf("%q of %q has the key %q, %q of %q has %q", s1, a1, k1, s2, a2, k2)
		}
		if strings.Count(k1, "/") != 2 {
			t.Errorf("%q of %q has the key %q", s1, a1, k1)
		}
	})
}
