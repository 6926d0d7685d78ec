package objectstore_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/secretsync/secretsync/objectstore"
	"github.com/secretsync/secretsync/objectstore/objectstoretest"
)

func TestMemory(t *testing.T) {
	objectstoretest.Test(t, func(*testing.T) objectstore.Store { return &objectstoretest.Memory{} })
}

var errServer = errors.New("500 internal server error")

// script returns a store over m whose requests fail as the script says, one step a request:
// "ok", "busy", "refused", "failed" before it took effect, "lost" after it, and "other": another
// client creates or replaces the object first, and the request is lost. "replayed" and "busy
// later" take effect, and answer with a conflict, as where a proxy sends a request twice, or as
// "busy" does.
func script(t *testing.T, m *objectstoretest.Memory, steps ...string) *objectstoretest.Faulty {
	n := 0
	other := func(ctx context.Context, key string) error {
		o, err := m.Get(ctx, key)
		if err == nil || errors.Is(err, objectstore.ErrNotExist) {
			_, err = m.Put(ctx, key, []byte("another client's"), objectstore.Condition{Match: o.Version})
		}
		if err != nil {
			t.Error(err)
		}
		return errServer
	}
	f := &objectstoretest.Faulty{Store: m}
	f.Before = func(ctx context.Context, method, key string) error {
		if n == len(steps) {
			t.Errorf("more requests than %q: %s %s", steps, method, key)
			return objectstore.ErrRefused
		}
		n++
		switch steps[n-1] {
		case "busy":
			return objectstore.ErrBusy
		case "refused":
			return objectstore.ErrRefused
		case "failed":
			return errServer
		case "other":
			return other(ctx, key)
		}
		return nil
	}
	f.After = func(context.Context, string, string) error {
		switch steps[n-1] {
		case "lost":
			return errServer
		case "replayed":
			return objectstore.ErrConflict
		case "busy later":
			return objectstore.ErrBusy
		}
		return nil
	}
	t.Cleanup(func() {
		if n != len(steps) {
			t.Errorf("%d requests, want %d: %q", n, len(steps), steps)
		}
	})
	return f
}

func TestPut(t *testing.T) {
	six := func(step string) []string { return []string{step, step, step, step, step, step} }
	for name, tt := range map[string]struct {
		steps []string
		err   error // errServer if the outcome is unknown
		data  string
		took  time.Duration // without the random part
	}{
		"at once":                               {steps: []string{"ok"}, data: "own"},
		"refused":                               {steps: []string{"refused"}, err: objectstore.ErrRefused},
		"busy, then written":                    {steps: []string{"busy", "busy", "ok"}, data: "own", took: 750 * time.Millisecond},
		"busy for too long":                     {steps: six("busy"), err: objectstore.ErrBusy, took: 7750 * time.Millisecond},
		"failed, then written":                  {steps: []string{"failed", "ok"}, data: "own", took: 250 * time.Millisecond},
		"answer lost: PUT, PUT, GET":            {steps: []string{"lost", "ok", "ok"}, data: "own", took: 250 * time.Millisecond},
		"all answers lost":                      {steps: []string{"lost", "lost", "lost", "lost", "lost", "lost"}, err: errServer, data: "own", took: 7750 * time.Millisecond},
		"answer lost, then busy":                {steps: []string{"lost", "busy", "ok", "ok"}, data: "own", took: 750 * time.Millisecond},
		"answers to PUT and GET lost":           {steps: []string{"lost", "ok", "lost", "ok", "ok"}, data: "own", took: 750 * time.Millisecond},
		"answer lost, GET refused":              {steps: []string{"lost", "ok", "refused", "ok", "ok"}, data: "own", took: 750 * time.Millisecond},
		"answer lost, then refused":             {steps: []string{"lost", "refused"}, err: errUnknown, data: "own", took: 250 * time.Millisecond},
		"answer lost, then busy for too long":   {steps: []string{"lost", "busy", "busy", "busy", "busy", "busy"}, err: errUnknown, data: "own", took: 7750 * time.Millisecond},
		"replayed: PUT, GET":                    {steps: []string{"replayed", "ok"}, data: "own"},
		"replayed, GET refused":                 {steps: []string{"replayed", "refused", "ok", "ok"}, data: "own", took: 250 * time.Millisecond},
		"replayed, GET fails, then refused":     {steps: []string{"replayed", "failed", "refused"}, err: errUnknown, data: "own", took: 250 * time.Millisecond},
		"written, but busy: PUT, PUT, GET":      {steps: []string{"busy later", "ok", "ok"}, data: "own", took: 250 * time.Millisecond},
		"another client after a lost request":   {steps: []string{"other", "ok", "ok"}, err: objectstore.ErrConflict, data: "another client's", took: 250 * time.Millisecond},
		"failed everywhere":                     {steps: six("failed"), err: errServer, took: 7750 * time.Millisecond},
		"busy, then the answer is lost, a read": {steps: []string{"busy", "lost", "ok", "ok"}, data: "own", took: 750 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := &objectstoretest.Memory{}
				start := time.Now()
				v, err := objectstore.Put(t.Context(), script(t, m, tt.steps...), "k", []byte("own"), objectstore.Condition{})
				checkError(t, err, tt.err)
				took := time.Since(start)
				if took < tt.took || took > tt.took+tt.took/4 {
					t.Errorf("took %s, want %s and up to a quarter more", took, tt.took)
				}
				o, _ := m.Get(t.Context(), "k")
				if string(o.Data) != tt.data {
					t.Errorf("the object is %q, want %q", o.Data, tt.data)
				}
				if err == nil && v != o.Version {
					t.Errorf("version %q, want %q", v, o.Version)
				}
			})
		})
	}
}

// errUnknown is an example of an error that is not one of a store's.
var errUnknown = errors.New("unknown")

func checkError(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(want, errUnknown) {
		if !errors.Is(err, want) {
			t.Errorf("error %v, want %v", err, want)
		}
		return
	}
	if err == nil {
		t.Error("no error")
	}
	for _, is := range []error{objectstore.ErrNotExist, objectstore.ErrConflict, objectstore.ErrBusy, objectstore.ErrRefused} {
		if errors.Is(err, is) {
			t.Errorf("error %v says that nothing was written", err)
		}
	}
}

func TestPutConflict(t *testing.T) {
	m := &objectstoretest.Memory{}
	if _, err := m.Put(t.Context(), "k", []byte("another client's"), objectstore.Condition{}); err != nil {
		t.Fatal(err)
	}
	m.Requests()
	_, err := objectstore.Put(t.Context(), m, "k", []byte("own"), objectstore.Condition{})
	if !errors.Is(err, objectstore.ErrConflict) {
		t.Errorf("error %v, want a conflict", err)
	}
	if got := m.Requests(); !maps.Equal(got, map[string]int{"PUT": 1, "GET": 1}) {
		t.Errorf("requests %v, want one PUT and one GET", got)
	}
}

// The object is gone when the answer that was lost is looked for.
func TestPutDeletedMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &objectstoretest.Memory{}
		v, err := m.Put(t.Context(), "k", []byte("old"), objectstore.Condition{})
		if err != nil {
			t.Fatal(err)
		}
		f := script(t, m, "lost", "ok", "ok")
		after := f.After
		f.After = func(ctx context.Context, method, key string) error {
			if err := m.Delete(ctx, key); err != nil {
				t.Error(err)
			}
			return after(ctx, method, key)
		}
		_, err = objectstore.Put(t.Context(), f, "k", []byte("own"), objectstore.Condition{Match: v})
		if !errors.Is(err, objectstore.ErrConflict) {
			t.Errorf("error %v, want a conflict", err)
		}
	})
}

func TestGet(t *testing.T) {
	for name, tt := range map[string]struct {
		steps []string
		err   error
	}{
		"at once":          {steps: []string{"ok"}},
		"refused":          {steps: []string{"refused"}, err: objectstore.ErrRefused},
		"failed, busy, ok": {steps: []string{"failed", "busy", "ok"}},
		"always busy":      {steps: []string{"busy", "busy", "busy", "busy", "busy", "busy"}, err: objectstore.ErrBusy},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := &objectstoretest.Memory{}
				v, err := m.Put(t.Context(), "k", []byte("data"), objectstore.Condition{})
				if err != nil {
					t.Fatal(err)
				}
				o, err := objectstore.Get(t.Context(), script(t, m, tt.steps...), "k")
				checkError(t, err, tt.err)
				if err == nil && (string(o.Data) != "data" || o.Version != v) {
					t.Errorf("read %q, version %q", o.Data, o.Version)
				}
			})
		})
	}
	_, err := objectstore.Get(t.Context(), script(t, &objectstoretest.Memory{}, "ok"), "k")
	checkError(t, err, objectstore.ErrNotExist)
}

// The end of a context ends the pause between two tries.
func TestContextEndsPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		start := time.Now()
		_, err := objectstore.Put(ctx, script(t, &objectstoretest.Memory{}, "busy"), "k", nil, objectstore.Condition{})
		checkError(t, err, objectstore.ErrBusy)
		if took := time.Since(start); took != 100*time.Millisecond {
			t.Errorf("took %s", took)
		}
	})
}

func TestProbe(t *testing.T) {
	for name, tt := range map[string]struct {
		store    *objectstoretest.Memory
		err      error
		requests int // of the first probe; at most, where it fails
	}{
		"a store that respects both":      {store: &objectstoretest.Memory{}, requests: 3},
		"a store that ignores both":       {store: &objectstoretest.Memory{IgnoreCreate: true, IgnoreMatch: true}, err: objectstore.ErrIgnoresConditions, requests: 3},
		"a store that ignores If-Match":   {store: &objectstoretest.Memory{IgnoreMatch: true}, err: objectstore.ErrIgnoresConditions, requests: 3},
		"a store that ignores If-None-M.": {store: &objectstoretest.Memory{IgnoreCreate: true}, err: objectstore.ErrIgnoresConditions, requests: 3},
	} {
		t.Run(name, func(t *testing.T) {
			checkError(t, objectstore.Probe(t.Context(), tt.store), tt.err)
			got := tt.store.Requests()["PUT"]
			if got > tt.requests || tt.err == nil && got != tt.requests {
				t.Errorf("%d requests, want %d", got, tt.requests)
			}
			checkError(t, objectstore.Probe(t.Context(), tt.store), tt.err)
			if got := tt.store.Requests()["PUT"]; tt.err == nil && got != 2 {
				t.Errorf("the second probe sent %d requests, want 2", got)
			}
		})
	}
}

func TestProbeFails(t *testing.T) {
	for _, condition := range []string{"create", "match"} {
		err := objectstore.Probe(t.Context(), &putOnly{fails: condition})
		checkError(t, err, objectstore.ErrRefused)
		text := fmt.Sprint(err)
		if want := "write test://bucket/probe.json: "; !strings.HasPrefix(text, want) || strings.Count(text, "probe.json") != 1 {
			t.Errorf("%s: error %v, want one that starts with %q, and names the object once", condition, err, want)
		}
	}
}

// putOnly refuses one kind of write, and has a conflict with the other.
type putOnly struct {
	objectstoretest.Memory
	fails string
}

func (p *putOnly) Put(_ context.Context, key string, _ []byte, c objectstore.Condition) (objectstore.Version, error) {
	if (c.Match == "") == (p.fails == "create") {
		return "", fmt.Errorf("write %s/%s: %w: 403", p, key, objectstore.ErrRefused)
	}
	return "", objectstore.ErrConflict
}

func (p *putOnly) String() string { return "test://bucket" }
