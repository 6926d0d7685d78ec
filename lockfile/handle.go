package lockfile

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/gofrs/flock"

	"github.com/secretsync/secretsync/internal/atomicfile"
)

// Handle is an open, locked lockfile: until [Handle.Close], no other Handle changes it.
// Its methods may be called concurrently.
//
// Programs that ignore the lock, such as git, may replace the lockfile nevertheless. A
// Handle never overwrites what it has not read: see [ReplacedError].
type Handle struct {
	name string // of the lockfile, for errors

	mu       sync.Mutex
	storage  storage // nil after Close
	file     *File
	saved    []byte         // the lockfile's content, as formatted; file has the journal's changes too
	opened   []byte         // what another program's version is based on: saved as it was at first
	written  bool           // this Handle has recorded something since then
	folded   int            // how many changes of an earlier run's journal Open wrote to the lockfile
	replaced *ReplacedError // set once it is noticed; then nothing more is written to the lockfile
	next     *Shared        // what this Handle's first change makes of file.Shared; nil for no change, and after it
}

// storage is where a lockfile and its journal are kept. Its methods are not called concurrently.
type storage interface {
	// difference says what another program did since this storage last read or wrote the lockfile.
	difference() (replacement, error)
	// save replaces the lockfile, unless check returns an error, and removes the journal, because
	// data has all its changes. saved may be true even if there is an error.
	save(data []byte, check func() error) (saved bool, err error)
	// append adds a line to the journal. whole returns the lockfile with this line's changes, and
	// the name of a journal in which more will follow.
	append(line []byte, whole func(journal string) []byte) error
	// journal reports whether something was appended since the last save, and whether it is still
	// there.
	journal() (appended, exists bool)
	// saveBeside saves this run's records where [Unmerged] finds them, because another program
	// replaced the lockfile. again is the result of an earlier call.
	saveBeside(again Saved, base, ours []byte) (Saved, error)
	close() error
}

// replacement is what another program did to a lockfile.
type replacement struct {
	// what it did, such as "it was removed"; empty for nothing.
	what string
	// lockOnly says that only the lock was lost: the lockfile still has what was last written.
	lockOnly bool
}

// Open locks the lockfile at path, waiting up to timeout for another holder, and reads it. If
// the lock is still held then, the error is a [HeldError]. Open removes temporary files that
// killed processes left behind, writes a journal that they left to the lockfile, and checks that
// the disk has room: otherwise requests could be sent whose outcome cannot be recorded.
func Open(ctx context.Context, path string, timeout time.Duration, opts ...Option) (*Handle, error) {
	l, err := lock(ctx, path, timeout, opts...)
	if err != nil {
		return nil, err
	}
	atomicfile.Sweep(path)
	h, err := open(path, l, limitsOf(opts))
	if err != nil {
		return nil, errors.Join(err, l.Unlock())
	}
	return h, nil
}

// open reads the lockfile at path, whose lock is held.
func open(path string, l *flock.Flock, most limits) (*Handle, error) {
	if err := checkMerged(path); err != nil {
		return nil, err
	}
	read, err := load(path, most)
	if err != nil {
		return nil, err
	}
	if read.journal != nil && !read.fits {
		if err := unfold(path, read.journal, read.disk); err != nil {
			return nil, err
		}
		return nil, checkMerged(path)
	}
	before := read.file.Format()
	h := &Handle{
		name: path, storage: &onDisk{path: path, lock: l, disk: read.disk},
		file: read.current(), saved: before, opened: before, folded: len(read.missing),
	}
	if err := atomicfile.CheckWritable(path, spare); err != nil {
		return nil, err
	}
	if h.folded > 0 {
		return h, h.save(h.file.Format())
	}
	return h, removeJournal(path)
}

// File returns a copy of the content.
func (h *Handle) File() *File {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.file.clone()
}

// Folded returns how many changes [Open] found in the journal of a run that was killed, and wrote
// to the lockfile.
func (h *Handle) Folded() int { return h.folded }

// Check returns a [ReplacedError] if another program has replaced the lockfile.
func (h *Handle) Check() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.check()
}

// Update applies change to a copy of the content and saves all of it. When Update returns nil,
// the change is on the disk; when it returns an error, the change is discarded. A change that
// changes nothing is not written.
//
// If another program has replaced the lockfile, the error is a [ReplacedError], and what
// this Handle had written to the lockfile before is saved beside it.
func (h *Handle) Update(change func(*File)) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.check(); err != nil {
		return err
	}
	next := h.file.clone()
	change(next)
	next.Shared.Journal = ""
	data := next.Format()
	if appended, _ := h.storage.journal(); bytes.Equal(data, h.saved) && !appended {
		return nil
	}
	if h.next != nil {
		next.Shared = *h.next
		data = next.Format()
	}
	next, err := Parse(h.name, data)
	if err != nil {
		return fmt.Errorf("not saved, because it could not be read back: %w", err)
	}
	if err := h.save(data); err != nil {
		return err
	}
	h.file, h.next = next, nil
	return nil
}

// Share begins a new generation of a lockfile that several machines write, with this Handle's
// first change. The caller holds the lease that keeps them apart.
func (h *Handle) Share() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.share("")
}

// share is Share for a run; empty for a lockfile that is not in an object store.
func (h *Handle) share(run string) {
	was := h.file.Shared
	h.next = &Shared{Lineage: cmp.Or(was.Lineage, newID()), Generation: was.Generation + 1, Run: run}
}

// Adopt replaces the content by f, another copy of the project's lockfile, and continues the
// generations of both, so that this later copy can be distinguished from either. The caller holds the
// lease that keeps other machines away.
func (h *Handle) Adopt(f *File) error {
	h.mu.Lock()
	was, run := h.file.Shared, ""
	if h.next != nil {
		run = h.next.Run
	}
	h.next = &Shared{
		Lineage:    cmp.Or(f.Shared.Lineage, was.Lineage, newID()),
		Generation: max(was.Generation, f.Shared.Generation) + 1, Run: run,
	}
	h.mu.Unlock()
	return h.Update(func(now *File) { *now = *f.clone() })
}

// newID returns 16 random hexadecimal digits.
func newID() string { return fmt.Sprintf("%016x", rand.Uint64()) }

// Fold writes what [Handle.Record] and [Handle.Settle] appended to the journal to the lockfile,
// and removes the journal.
func (h *Handle) Fold() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.storage != nil {
		if appended, _ := h.storage.journal(); !appended {
			return h.replacedError()
		}
	}
	if err := h.check(); err != nil {
		return err
	}
	h.file.Shared.Journal = ""
	return h.save(h.file.Format())
}

// save replaces the lockfile by one with all changes of the journal, unless another program replaced
// it.
func (h *Handle) save(data []byte) error {
	saved, err := h.storage.save(data, h.check)
	if saved {
		h.saved, h.written = data, true
	} else if err != nil {
		err = cmp.Or(h.check(), err) // another program may be the reason
	}
	return err
}

// append adds a line to the journal: see [storage].
func (h *Handle) append(line []byte, whole func(journal string) []byte) error {
	if appended, exists := h.storage.journal(); appended && !exists {
		// Another program removed it, such as git clean. All that it had is in memory.
		if err := h.save(h.file.Format()); err != nil {
			return err
		}
	}
	if err := h.storage.append(line, whole); err != nil {
		return cmp.Or(h.check(), err) // another program may be the reason
	}
	return nil
}

// replacedError is h.replaced as an error, nil if that is nil.
func (h *Handle) replacedError() error {
	if h.replaced == nil {
		return nil
	}
	return h.replaced
}

// check compares the lockfile with what was last read or written. When it notices that
// another program replaced it, it saves this Handle's records beside it.
func (h *Handle) check() error {
	switch {
	case h.storage == nil:
		return fmt.Errorf("%q: the lockfile is closed", h.name)
	case h.replaced != nil:
		return h.replaced
	}
	found, err := h.storage.difference()
	if err != nil || found.what == "" {
		return err
	}
	if found.lockOnly {
		h.opened = h.saved // another process that now takes the lock starts from there
	}
	h.replaced = &ReplacedError{Path: h.name, What: found.what}
	if h.written {
		return h.saveBeside()
	}
	return h.replaced
}

// saveBeside saves this Handle's records beside the lockfile, and returns h.replaced.
func (h *Handle) saveBeside() error {
	var s Saved
	s, h.replaced.NotSaved = h.storage.saveBeside(Saved{Ours: h.replaced.Saved}, h.opened, h.file.Format())
	if h.replaced.NotSaved == nil {
		h.replaced.Saved = s.Ours
	}
	return h.replaced
}

// Close releases the lock. Further calls do nothing. If another program has replaced what this
// Handle wrote, and no other method noticed it, the records are saved beside the lockfile.
func (h *Handle) Close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.storage == nil {
		return nil
	}
	var err error
	if h.written && h.replaced == nil {
		err = h.check()
	}
	err = errors.Join(err, h.storage.close())
	h.storage = nil
	return err
}
