package lockfile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
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
	path string

	mu       sync.Mutex
	lock     *flock.Flock // nil after Close
	file     *File
	saved    []byte // the lockfile's content, as formatted; file has the journal's changes too
	opened   []byte // what another program's version is based on: saved as it was at first
	written  bool   // this Handle has recorded something since then
	disk     snapshot
	folded   int            // how many changes of an earlier run's journal Open wrote to the lockfile
	journal  *os.File       // nil until something is appended
	appended int64          // the journal's size
	replaced *ReplacedError // set once it is noticed; then nothing more is written to path
}

// spare is roughly how much an apply adds to a lockfile.
const spare = 64 << 10

// Open locks the lockfile at path, waiting up to timeout for another holder, and reads it. If
// the lock is still held then, the error is a [HeldError]. Open removes temporary files that
// killed processes left behind, writes a journal that they left to the lockfile, and checks that
// the disk has room: otherwise requests could be sent whose outcome cannot be recorded.
func Open(ctx context.Context, path string, timeout time.Duration) (*Handle, error) {
	l, err := lock(ctx, path, timeout)
	if err != nil {
		return nil, err
	}
	atomicfile.Sweep(path)
	h, err := open(path, l)
	if err != nil {
		return nil, errors.Join(err, l.Unlock())
	}
	return h, nil
}

// open reads the lockfile at path, whose lock is held.
func open(path string, l *flock.Flock) (*Handle, error) {
	if err := checkMerged(path); err != nil {
		return nil, err
	}
	read, err := load(path)
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
	h := &Handle{path: path, lock: l, file: read.current(), saved: before, opened: before, disk: read.disk, folded: len(read.missing)}
	if err := atomicfile.CheckWritable(path, spare); err != nil {
		return nil, err
	}
	if h.folded > 0 {
		if err := h.write(h.file.Format()); err != nil {
			return nil, err
		}
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
	data := next.Format()
	if bytes.Equal(data, h.saved) && h.journal == nil {
		return nil
	}
	next, err := Parse(h.path, data)
	if err != nil {
		return fmt.Errorf("not saved, because it could not be read back: %w", err)
	}
	if err := h.save(data); err != nil {
		return err
	}
	h.file = next
	return nil
}

// Fold writes what [Handle.Record] and [Handle.Settle] appended to the journal to the lockfile,
// and removes the journal.
func (h *Handle) Fold() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.journal == nil {
		return h.replacedError()
	}
	if err := h.check(); err != nil {
		return err
	}
	return h.save(h.file.Format())
}

// save replaces the lockfile by one that has all changes of the journal, and removes that.
func (h *Handle) save(data []byte) error {
	if h.journal != nil && h.journalExists() {
		if err := h.append(journalLine{Folded: snapshot{exists: true, data: data}.digest()}.format()); err != nil {
			return err
		}
	}
	if err := h.write(data); err != nil {
		return err
	}
	if h.journal != nil {
		h.journal.Close()
		h.journal = nil
	}
	return removeJournal(h.path)
}

// write replaces the lockfile, unless another program did.
func (h *Handle) write(data []byte) error {
	replaced, err := atomicfile.WriteIf(h.path, data, 0o644, h.check)
	if replaced {
		h.disk, h.saved, h.written = snapshot{exists: true, data: data}, data, true
	}
	return err
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
	case h.lock == nil:
		return fmt.Errorf("%q: the lockfile is closed", h.path)
	case h.replaced != nil:
		return h.replaced
	}
	what, err := h.difference()
	if err != nil || what == "" {
		return err
	}
	h.replaced = &ReplacedError{Path: h.path, What: what}
	if h.written {
		return h.saveBeside()
	}
	return h.replaced
}

// difference describes what another program did, and is empty if it did nothing.
func (h *Handle) difference() (string, error) {
	side := sidePath(h.path)
	switch named, err := stillNames(side, h.lock); {
	case err != nil:
		return "", err
	case !named:
		if what, err := h.disk.difference(h.path); err == nil && what == "" {
			h.opened = h.saved // another process that now takes the lock starts from there
		}
		return fmt.Sprintf("%q, which carries its lock, was removed or replaced", side), nil
	}
	return h.disk.difference(h.path)
}

// Close releases the lock. Further calls do nothing. If another program has replaced what this
// Handle wrote, and nothing noticed it since, the records are saved beside the lockfile.
func (h *Handle) Close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.lock == nil {
		return nil
	}
	var err error
	if h.written && h.replaced == nil {
		err = h.check()
	}
	err = errors.Join(err, h.lock.Unlock())
	h.lock = nil
	if h.journal != nil { // it was not folded: the next run does that
		err = errors.Join(err, h.journal.Close())
	}
	return err
}
