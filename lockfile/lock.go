package lockfile

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/gofrs/flock"
)

// HeldError means that another process, or another Handle of this one, holds the lock of the
// lockfile.
type HeldError struct {
	Path   string
	Holder Holder
	Waited time.Duration
}

// Error names the holder.
func (e *HeldError) Error() string {
	return fmt.Sprintf("the lockfile %q is in use by %s; waited %s", e.Path, e.Holder, e.Waited)
}

// retryEvery is how often a waiting process tries to lock, and longWait the shortest wait that is
// reported.
const (
	retryEvery = 50 * time.Millisecond
	longWait   = 500 * time.Millisecond
)

// SideFile returns the name of the file that is locked instead of the lockfile at path, in
// the same directory: every write replaces the lockfile, so a lock on that would be lost.
// The side file is never removed, because two processes could then each lock a different
// file of the same name (docs/findings.md §5). Git should ignore it.
func SideFile(path string) string { return "." + filepath.Base(path) + ".flock" }

func sidePath(path string) string { return filepath.Join(filepath.Dir(path), SideFile(path)) }

// lock locks the lockfile at path, waiting up to timeout. The operating system releases the
// lock when the process ends, however it ends.
func lock(ctx context.Context, path string, timeout time.Duration, opts ...Option) (*flock.Flock, error) {
	side := sidePath(path)
	// If a pull request planted a link here, its target would be overwritten.
	if info, err := os.Lstat(side); err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("lock: %q is not a regular file: remove it", side)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("lock: %w", err)
	}
	report := sync.OnceFunc(func() {
		for _, o := range opts {
			if o.waiting != nil {
				o.waiting(&HeldError{path, readHolder(side), longWait})
			}
		}
	})
	l, err := acquire(ctx, side, time.Now().Add(timeout), report)
	switch {
	case err != nil:
		return nil, fmt.Errorf("lock %q: %w", side, err)
	case l == nil:
		return nil, &HeldError{path, readHolder(side), timeout}
	}
	writeHolder(side)
	return l, nil
}

// acquire returns nil if the lock is held by another until the deadline, and an error if ctx
// ended before that. If the side file was removed or replaced between opening and locking
// it, as git clean does, another process may hold the lock of the new one: acquire locks
// that instead. It calls report if that takes a while.
func acquire(ctx context.Context, side string, deadline time.Time, report func()) (*flock.Flock, error) {
	for range sideTries {
		l := flock.New(side, flock.SetPermissions(0o644)) // every user who may read it may wait for it
		locked, err := l.TryLock()
		if !locked && err == nil {
			locked, err = wait(ctx, l, deadline, report)
		}
		if err != nil || !locked {
			return nil, err
		}
		named, err := stillNames(side, l)
		if err == nil && named {
			return l, nil
		}
		if err = errors.Join(err, l.Unlock(), ctx.Err()); err != nil {
			return nil, err
		}
	}
	return nil, errors.New("another program removes or replaces the file again and again")
}

// sideTries bounds how often acquire locks a side file that was replaced meanwhile.
const sideTries = 100

// stillNames reports whether path still names the file that l has locked.
func stillNames(path string, l *flock.Flock) (bool, error) {
	locked, err := l.Stat()
	if err != nil {
		return false, fmt.Errorf("lock: %w", err)
	}
	now, err := lstat(path)
	if err != nil {
		return false, fmt.Errorf("lock: %w", err)
	}
	return now != nil && now.Mode().IsRegular() && os.SameFile(locked, now), nil
}

// wait reports false if the deadline passed, and an error if ctx ended before that. It calls
// report if that takes a while.
func wait(ctx context.Context, l *flock.Flock, deadline time.Time, report func()) (bool, error) {
	if soon := time.Now().Add(longWait); soon.Before(deadline) {
		if locked, err := waitUntil(ctx, l, soon); locked || err != nil {
			return locked, err
		}
		report()
	}
	return waitUntil(ctx, l, deadline)
}

// waitUntil reports false if the deadline passed, and an error if ctx ended before that.
func waitUntil(ctx context.Context, l *flock.Flock, deadline time.Time) (bool, error) {
	timed, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	locked, err := l.TryLockContext(timed, retryEvery)
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		err = nil
	}
	return locked, err
}

// Holder describes the process that holds a lock, as it described itself in the side file.
// PID is 0 if it is unknown.
type Holder struct {
	PID   int       `json:"pid"`
	Host  string    `json:"host,omitempty"`
	Since time.Time `json:"since"`
}

// Held returns the current holder of the lock of the lockfile at path, or nil if it is free.
// To find out, it takes the lock for a moment.
func Held(path string) (*Holder, error) {
	side := sidePath(path)
	info, err := os.Lstat(side)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("lock: %w", err)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("lock: %q is not a regular file: remove it", side)
	}
	l := flock.New(side, flock.SetFlag(os.O_RDONLY))
	free, err := l.TryRLock()
	if err != nil {
		return nil, fmt.Errorf("lock %q: %w", side, err)
	}
	if free {
		return nil, l.Unlock()
	}
	h := readHolder(side)
	return &h, nil
}

// writeHolder describes this process in the side file, for the error messages of waiting
// processes. Nothing else depends on it, so failures are ignored: Windows, for example,
// locks the content too.
func writeHolder(side string) {
	host, _ := os.Hostname()
	data, _ := json.Marshal(Holder{os.Getpid(), host, time.Now().UTC().Truncate(time.Second)})
	_ = os.WriteFile(side, append(data, '\n'), 0o644)
}

// readHolder returns the zero Holder if the side file does not describe one.
func readHolder(side string) (h Holder) {
	data, err := os.ReadFile(side)
	if err != nil || json.Unmarshal(data, &h) != nil {
		return Holder{}
	}
	return h
}

// String describes the holder for error messages.
func (h Holder) String() string {
	if h.PID == 0 {
		return "an unknown process"
	}
	return fmt.Sprintf("process %d on %q since %s", h.PID, h.Host, h.Since.Format(time.RFC3339))
}
