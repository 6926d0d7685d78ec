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

// Handle is an open lockfile: nobody else changes it until [Handle.Close]. Its
// methods may be called at any time from any goroutine.
type Handle struct {
	path string

	mu    sync.Mutex
	lock  *flock.Flock // nil once closed
	file  *File
	saved []byte // file as formatted
}

// spare is about what an apply adds to a lockfile: room for it is made sure of.
const spare = 64 << 10

// Open locks the lockfile at path, waiting up to timeout for whoever has it
// ([HeldError] says who), and reads it. Left-over temporary files are swept, and
// that the file can be written is made sure of before anything is sent that could
// not be recorded.
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

// Update saves what change makes of a copy of the content. The change is on the
// disk when it returns; after an error it is discarded. Where change changes
// nothing, nothing is written.
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
		return fmt.Errorf("not saved, since it could not be read back: %w", err)
	}
	if err := atomicfile.Write(h.path, data, 0o644); err != nil {
		return err
	}
	h.file, h.saved = next, data
	return nil
}

// Close frees the lock. Closing again does nothing.
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
