package lockfile

import (
	"context"
	"errors"
	"io/fs"
	"time"

	"github.com/secretsync/secretsync/internal/atomicfile"
)

// Resolve locks the lockfile at path, waiting up to timeout, and replaces its content, nil if
// there is no such file, by what resolve returns. Unlike [Open], it accepts any content, such
// as a conflict of git's. If resolve returns an error, nothing is written.
func Resolve(ctx context.Context, path string, timeout time.Duration, resolve func(content []byte) ([]byte, error)) error {
	l, err := lock(ctx, path, timeout)
	if err != nil {
		return err
	}
	return errors.Join(replace(path, resolve), l.Unlock())
}

// replace rewrites the lockfile at path, whose lock is held.
func replace(path string, resolve func(content []byte) ([]byte, error)) error {
	atomicfile.Sweep(path)
	content, err := readFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	resolved, err := resolve(content)
	if err != nil {
		return err
	}
	return atomicfile.Write(path, resolved, 0o644)
}
