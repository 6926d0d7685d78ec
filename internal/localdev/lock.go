package localdev

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

// lockFile, in the root of a Place, is locked while secretsync works there: two instances
// of Miniflare that start at the same time on the same database fail. Like the lockfile's
// lock, the file is never removed.
const lockFile = "secretsync-dev.flock"

// lockTimeout is how long to wait for another secretsync dev, which takes seconds.
const lockTimeout = 2 * time.Minute

func lock(ctx context.Context, p Place) (unlock func(), err error) {
	if err := os.MkdirAll(p.Root(), 0o755); err != nil {
		return nil, err
	}
	path := filepath.Join(p.Root(), lockFile)
	// Opening a link that was planted in the repository would overwrite its target.
	if info, err := os.Lstat(path); err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("lock: %q is not a regular file: remove it", path)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("lock: %w", err)
	}
	l := flock.New(path, flock.SetPermissions(0o644))
	timed, cancel := context.WithTimeout(ctx, lockTimeout)
	defer cancel()
	switch _, err := l.TryLockContext(timed, 50*time.Millisecond); {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.Is(err, context.DeadlineExceeded):
		return nil, fmt.Errorf("%s: %w: waited %s", p.Root(), ErrBusy, lockTimeout)
	case err != nil:
		return nil, fmt.Errorf("lock %q: %w", path, err)
	}
	return func() { _ = l.Unlock() }, nil
}
