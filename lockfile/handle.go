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

// Handle is an open, locked lockfile: until [Handle.Close], no other process changes it.
// Its methods may be called concurrently.
type Handle struct {
	path string

	mu    sync.Mutex
	lock  *flock.Flock // nil after Close
	file  *File
	saved []byte // file as formatted
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
	f, err := Read(path)
	if err == nil {
		err = atomicfile.CheckWritable(path, len(f.Format())+spare)
	}
	if err != nil {
		return nil, errors.Join(err, l.Unlock())
	}
	return &Handle{path: path, lock: l, file: f, saved: f.Format()}, nil
}

// File returns a copy of the content.
func (h *Handle) File() *File {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.file.clone()
}

// Update applies change to a copy of the content and saves that. When Update returns nil, the
// change is on the disk; when it returns an error, the change is discarded. A change that
// changes nothing is not written.
func (h *Handle) Update(change func(*File)) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.lock == nil {
		return fmt.Errorf("%q: the lockfile is closed", h.path)
	}
	next := h.file.clone()
	change(next)
	data := next.Format()
	if bytes.Equal(data, h.saved) {
		return nil
	}
	next, err := Parse(h.path, data)
	if err != nil {
		return fmt.Errorf("not saved, because it could not be read back: %w", err)
	}
	if err := atomicfile.Write(h.path, data, 0o644); err != nil {
		return err
	}
	h.file, h.saved = next, data
	return nil
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
