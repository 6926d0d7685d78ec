package lockfile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
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
	saved    []byte // file as formatted
	opened   []byte // what another program's version is based on: saved as it was at first
	written  bool   // this Handle has changed the lockfile since then
	disk     snapshot
	replaced *ReplacedError // set once it is noticed; then nothing more is written to path
}

// spare is roughly how much an apply adds to a lockfile.
const spare = 64 << 10

// Open locks the lockfile at path, waiting up to timeout for another holder, and reads it. If
// the lock is still held then, the error is a [HeldError]. Open removes temporary files that
// killed processes left behind, and checks that the lockfile can be written: otherwise
// requests could be sent whose outcome cannot be recorded.
func Open(ctx context.Context, path string, timeout time.Duration) (*Handle, error) {
	l, err := lock(ctx, path, timeout)
	if err != nil {
		return nil, err
	}
	atomicfile.Sweep(path)
	h, err := open(path)
	if err != nil {
		return nil, errors.Join(err, l.Unlock())
	}
	h.lock = l
	return h, nil
}

// open reads the lockfile at path, whose lock is held.
func open(path string) (*Handle, error) {
	if err := checkMerged(path); err != nil {
		return nil, err
	}
	disk, err := takeSnapshot(path)
	if err != nil {
		return nil, fmt.Errorf("the lockfile cannot be read: %w", err)
	}
	f := new(File)
	if disk.exists {
		if f, err = Parse(path, disk.data); err != nil {
			return nil, err
		}
	}
	data := f.Format()
	return &Handle{path: path, file: f, saved: data, opened: data, disk: disk}, atomicfile.CheckWritable(path, len(data)+spare)
}

// File returns a copy of the content.
func (h *Handle) File() *File {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.file.clone()
}

// Check returns a [ReplacedError] if another program has replaced the lockfile.
func (h *Handle) Check() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.check()
}

// Update applies change to a copy of the content and saves that. When Update returns nil, the
// change is on the disk; when it returns an error, the change is discarded. A change that
// changes nothing is not written.
//
// If another program has replaced the lockfile, the error is a [ReplacedError], and what
// this Handle had written to the lockfile before is saved beside it.
func (h *Handle) Update(change func(*File)) error { return h.update(change, false) }

// Settle is [Handle.Update] for a change that must not be lost, such as the outcome of a
// request. If another program has replaced the lockfile, Settle saves the change beside it
// too; the error is a [ReplacedError] all the same.
func (h *Handle) Settle(change func(*File)) error { return h.update(change, true) }

func (h *Handle) update(change func(*File), mustKeep bool) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.check(); err != nil && (h.replaced == nil || !mustKeep) {
		return err
	}
	next := h.file.clone()
	change(next)
	data := next.Format()
	if bytes.Equal(data, h.saved) {
		return h.replacedError()
	}
	next, err := Parse(h.path, data)
	if err != nil {
		return fmt.Errorf("not saved, because it could not be read back: %w", err)
	}
	if h.replaced == nil {
		err = h.write(data)
	}
	switch {
	case h.replaced == nil && err == nil:
		h.file, h.saved = next, data
		return nil
	case h.replaced == nil || !mustKeep:
		return err
	}
	h.file, h.saved = next, data
	return h.saveBeside()
}

// write replaces the lockfile, unless another program did.
func (h *Handle) write(data []byte) error {
	replaced, err := atomicfile.WriteIf(h.path, data, 0o644, h.check)
	if replaced {
		h.disk, h.written = snapshot{true, data}, true
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

// Close releases the lock. Further calls do nothing.
func (h *Handle) Close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.lock == nil {
		return nil
	}
	err := h.lock.Unlock()
	h.lock = nil
	return err
}
