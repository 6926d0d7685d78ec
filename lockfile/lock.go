package lockfile

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
)

// HeldError says that somebody else holds the lock of the lockfile, and who.
type HeldError struct {
	Path   string
	Holder Holder
	Waited time.Duration
}

// Error names the holder.
func (e *HeldError) Error() string {
	return fmt.Sprintf("%q: another secretsync is using the lockfile: %s; waited %s", e.Path, e.Holder, e.Waited)
}

// retryEvery is how often a waiter asks for the lock.
const retryEvery = 50 * time.Millisecond

// SideFile names the file that is locked in the stead of the lockfile at path, in
// the same directory: a write replaces the lockfile, and its lock with it. It is
// never removed, or two processes could hold the locks of two files of one name
// (docs/findings.md §5); git should ignore it.
func SideFile(path string) string { return "." + filepath.Base(path) + ".flock" }

func sidePath(path string) string { return filepath.Join(filepath.Dir(path), SideFile(path)) }

// lock takes the lock of the lockfile at path, waiting for up to timeout. The
// operating system frees it when the process ends, however it ends.
func lock(ctx context.Context, path string, timeout time.Duration) (*flock.Flock, error) {
	side := sidePath(path)
	// A link planted in a repository would have its target overwritten.
	if info, err := os.Lstat(side); err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("lock: %q is not a regular file: remove it", side)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("lock: %w", err)
	}
	l := flock.New(side, flock.SetPermissions(0o644)) // whoever may read it may wait for it
	locked, err := l.TryLock()
	if !locked && err == nil {
		locked, err = wait(ctx, l, timeout)
	}
	switch {
	case err != nil:
		return nil, fmt.Errorf("lock %q: %w", side, err)
	case !locked:
		return nil, &HeldError{path, readHolder(side), timeout}
	}
	writeHolder(side)
	return l, nil
}

// wait reports false where the time is up, and an error where ctx ended first.
func wait(ctx context.Context, l *flock.Flock, timeout time.Duration) (bool, error) {
	timed, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	locked, err := l.TryLockContext(timed, retryEvery)
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		err = nil
	}
	return locked, err
}
