package lockfile

import (
	"context"
	"errors"
	"time"

	"github.com/secretsync/secretsync/internal/atomicfile"
)

// Resolve locks the lockfile at path, waiting up to timeout, and replaces its content by the
// result of resolve. content is nil if there is no such file. Unlike [Open], Resolve accepts any
// content, such as a conflict of git's. If resolve returns an error, nothing is written.
func Resolve(ctx context.Context, path string, timeout time.Duration, resolve func(content []byte) ([]byte, error), opts ...Option) error {
	l, err := lock(ctx, path, timeout)
	if err != nil {
		return err
	}
	return errors.Join(replace(path, limitsOf(opts), resolve), l.Unlock())
}

// replace rewrites the lockfile at path, whose lock is held.
func replace(path string, most limits, resolve func(content []byte) ([]byte, error)) error {
	atomicfile.Sweep(path)
	disk, err := takeSnapshot(path, most)
	if err != nil {
		return err
	}
	j, err := readJournal(path, most)
	if err != nil {
		return err
	}
	if j != nil {
		if _, fits := j.missing(disk); !fits {
			if err := unfold(path, j, disk); err != nil {
				return err
			}
		}
	}
	resolved, err := resolve(disk.data)
	if err != nil {
		return err
	}
	_, err = atomicfile.WriteIf(path, resolved, 0o644, func() error {
		what, err := disk.difference(path)
		if err == nil && what != "" {
			err = &ReplacedError{Path: path, What: what}
		}
		return err
	})
	return err
}
