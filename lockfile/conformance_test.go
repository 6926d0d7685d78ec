package lockfile

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// place is a location of one lockfile. [conform] tests what every kind of location has to do.
type place interface {
	Open(ctx context.Context, timeout time.Duration) (*Handle, error)
	Read() (*File, error)
	// Watch returns a function that reports whether the lockfile was written since.
	Watch() (written func() bool)
	// Break makes writes fail until mend is called.
	Break() (mend func())
}

func TestFileConforms(t *testing.T) {
	conform(t, func(t *testing.T) place { return filePlace{t, filepath.Join(t.TempDir(), "x.lock")} })
}

type filePlace struct {
	t    *testing.T
	path string
}

func (p filePlace) Open(ctx context.Context, timeout time.Duration) (*Handle, error) {
	return Open(ctx, p.path, timeout)
}

func (p filePlace) Read() (*File, error) { return Read(p.path) }

// Watch compares the identity of the file: every write replaces it.
func (p filePlace) Watch() func() bool {
	look := func() os.FileInfo {
		info, err := os.Lstat(p.path)
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		try(p.t, err)
		return info
	}
	before := look()
	return func() bool {
		after := look()
		if before == nil || after == nil {
			return before != after
		}
		return !os.SameFile(before, after) || !before.ModTime().Equal(after.ModTime())
	}
}

// Break makes the file read-only: putting something else in its place would be a
// replacement, which is not a failure to write.
func (p filePlace) Break() func() {
	try(p.t, os.Chmod(p.path, 0o444))
	return func() { try(p.t, os.Chmod(p.path, 0o644)) }
}

// conform runs the tests that every place has to pass.
func conform(t *testing.T, newPlace func(*testing.T) place) {
	for name, test := range map[string]func(*testing.T, place){
		"nothing there":              conformEmpty,
		"what is saved is read back": conformSaves,
		"no change, no write":        conformNoChange,
		"File is a copy":             conformCopy,
		"a change that fails":        conformFailure,
		"updates at once":            conformConcurrency,
		"one holder":                 conformExclusion,
		"a waiter":                   conformWaiting,
		"closed":                     conformClosed,
	} {
		t.Run(name, func(t *testing.T) { test(t, newPlace(t)) })
	}
}

// openPlace opens a place and closes it when the test ends.
func openPlace(t *testing.T, p place) *Handle {
	t.Helper()
	h, err := p.Open(t.Context(), 0)
	try(t, err)
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	return h
}

func wantFile(t *testing.T, what string, got *File, err error, want *File) {
	t.Helper()
	try(t, err)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// A lockfile that was never written is an empty File, and opening it does not write it.
func conformEmpty(t *testing.T, p place) {
	got, err := p.Read()
	wantFile(t, "before it is opened", got, err, new(File))
	written := p.Watch()
	h := openPlace(t, p)
	wantFile(t, "opened", h.File(), nil, new(File))
	try(t, h.Update(func(*File) {}))
	if written() {
		t.Error("a change of nothing was written")
	}
}

func conformSaves(t *testing.T, p place) {
	h := openPlace(t, p)
	try(t, h.Update(func(f *File) { *f = *full() }))
	wantFile(t, "after the update", h.File(), nil, sorted(full()))
	got, err := p.Read() // readers take no lock
	wantFile(t, "read meanwhile", got, err, sorted(full()))
	try(t, h.Close())
	wantFile(t, "opened again", openPlace(t, p).File(), nil, sorted(full()))
}

func conformNoChange(t *testing.T, p place) {
	h := openPlace(t, p)
	try(t, h.Update(func(f *File) { *f = *full() }))
	written := p.Watch()
	try(t, h.Update(func(*File) {}))
	try(t, h.Update(func(f *File) { f.Stores[prod].PutSecret("stripe-key", *f.Stores[prod].Secrets["stripe-key"]) }))
	if written() {
		t.Error("a change of nothing was written")
	}
	try(t, h.Update(func(f *File) { delete(f.Stores[prod].Secrets, "stripe-key") }))
	if !written() {
		t.Error("a change was not written")
	}
}

func conformCopy(t *testing.T, p place) {
	h := openPlace(t, p)
	try(t, h.Update(func(f *File) { *f = *full() }))
	f := h.File()
	f.API = "changed"
	f.Key.Sealed[0] = 'x'
	f.Stores[staging].ID = "changed"
	f.Stores[staging].Delete = true
	delete(f.Stores[staging].Secrets, "adopted")
	delete(f.Stores, empty)
	f.Stores[prod].Secrets["half-made"].Pending.Op = "changed"
	f.Stores[prod].Secrets["stripe-key"].Comment = "changed"
	f.Stores[prod].Secrets["stripe-key"].Scopes[0] = "changed"
	wantFile(t, "changed through a copy", h.File(), nil, sorted(full()))
}

// A change that cannot be read back or written is kept neither there nor in memory.
func conformFailure(t *testing.T, p place) {
	h := openPlace(t, p)
	try(t, h.Update(func(f *File) { *f = *full() }))
	written := p.Watch()
	if err := h.Update(func(f *File) { f.Stores[prod].PutSecret("x", Secret{Modified: "2026/10/01"}) }); err == nil {
		t.Error("saved what cannot be read back")
	}
	if written() {
		t.Error("wrote what cannot be read back")
	}
	mend := p.Break()
	if err := h.Update(func(f *File) { f.PutStore(StoreKey{accountB, "lost"}, "id") }); err == nil {
		t.Error("saved where nothing can be written")
	}
	mend()
	wantFile(t, "after both", h.File(), nil, sorted(full()))
	try(t, h.Update(func(f *File) { delete(f.Stores, staging) }))
	want := sorted(full())
	delete(want.Stores, staging)
	got, err := p.Read()
	wantFile(t, "saved later", got, err, want)
}

func conformConcurrency(t *testing.T, p place) {
	h := openPlace(t, p)
	const writers, each = 8, 5
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				if err := h.Update(func(f *File) {
					f.PutStore(prod, "id").PutSecret(fmt.Sprintf("s-%d-%d", w, i), Secret{})
				}); err != nil {
					t.Error(err)
				}
				if _, err := p.Read(); err != nil {
					t.Error(err)
				}
				delete(h.File().Stores[prod].Secrets, "s-0-0")
			}
		})
	}
	wg.Wait()
	got, err := p.Read()
	try(t, err)
	if n := len(got.Stores[prod].Secrets); n != writers*each {
		t.Errorf("%d secrets, want %d", n, writers*each)
	}
}

// The second to open it learns who holds it, within one process too.
func conformExclusion(t *testing.T, p place) {
	h := openPlace(t, p)
	for _, timeout := range []time.Duration{0, 2 * retryEvery} {
		start := time.Now()
		_, err := p.Open(t.Context(), timeout)
		var held *HeldError
		if !errors.As(err, &held) || held.Holder.PID != os.Getpid() || held.Waited != timeout {
			t.Fatalf("%v; want that this process holds it", err)
		}
		if waited := time.Since(start); waited < timeout {
			t.Errorf("gave up after %v of %v", waited, timeout)
		}
	}
	try(t, h.Update(func(f *File) { *f = *full() }))
	try(t, h.Close())
	openPlace(t, p)
}

func conformWaiting(t *testing.T, p place) {
	h := openPlace(t, p)
	ctx, cancel := context.WithTimeout(t.Context(), retryEvery)
	defer cancel()
	if _, err := p.Open(ctx, time.Hour); !errors.Is(err, context.DeadlineExceeded) || errors.As(err, new(*HeldError)) {
		t.Errorf("%v; want the context's error", err)
	}
	type opened struct {
		handle *Handle
		err    error
	}
	done := make(chan opened)
	go func() {
		h, err := p.Open(t.Context(), time.Minute)
		done <- opened{h, err}
	}()
	try(t, h.Update(func(f *File) { *f = *full() }))
	try(t, h.Close())
	next := <-done
	try(t, next.err)
	wantFile(t, "the next holder's", next.handle.File(), nil, sorted(full()))
	try(t, next.handle.Close())
}

func conformClosed(t *testing.T, p place) {
	h := openPlace(t, p)
	try(t, h.Close())
	try(t, h.Close())
	if err := h.Update(func(f *File) { *f = *full() }); err == nil {
		t.Error("updated after Close")
	}
	got, err := p.Read()
	wantFile(t, "written", got, err, new(File))
}
