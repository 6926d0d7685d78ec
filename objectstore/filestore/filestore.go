// Package filestore is an [objectstore.Store] in a local folder, for tests and for trying things
// out. Call [Open].
//
// Its advisory lock excludes processes on one machine. A folder on a network file system is not
// supported: not all of them lock, and some make new files visible to other machines late.
package filestore

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"

	"github.com/secretsync/secretsync/internal/atomicfile"
	"github.com/secretsync/secretsync/objectstore"
)

// lockName is the file whose advisory lock a writer holds. It is never deleted, because a process
// could otherwise lock a file that no longer has a name.
const lockName = ".lock"

// Limits of a request.
const (
	timeout   = 10 * time.Second
	lockRetry = 2 * time.Millisecond
)

// Store keeps each object in a file of its own. Versions are digests of the content.
type Store struct{ dir string }

var _ objectstore.Store = (*Store)(nil)

// Open returns the store in a folder, which it creates if it is missing.
func Open(dir string) (*Store, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("create the folder of an object store: %w", err)
	}
	return &Store{dir: dir}, nil
}

// Get implements [objectstore.Store].
func (s *Store) Get(ctx context.Context, key string) (objectstore.Object, error) {
	if err := ctx.Err(); err != nil {
		return objectstore.Object{}, err
	}
	path, err := s.path(key)
	if err != nil {
		return objectstore.Object{}, err
	}
	data, err := read(path)
	if err != nil {
		return objectstore.Object{}, err
	}
	return objectstore.Object{Data: data, Version: version(data)}, nil
}

// Put implements [objectstore.Store].
func (s *Store) Put(ctx context.Context, key string, data []byte, c objectstore.Condition) (objectstore.Version, error) {
	path, err := s.path(key)
	if err != nil {
		return "", err
	}
	unlock, err := s.lock(ctx)
	if err != nil {
		return "", err
	}
	defer unlock()
	var current objectstore.Version
	switch old, err := read(path); {
	case err == nil:
		current = version(old)
	case !errors.Is(err, objectstore.ErrNotExist):
		return "", err
	}
	if current != c.Match {
		return "", objectstore.ErrConflict
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", refused(err)
	}
	atomicfile.Sweep(path)
	return version(data), atomicfile.Write(path, data, 0o600)
}

// Delete implements [objectstore.Store].
func (s *Store) Delete(ctx context.Context, keys ...string) error {
	unlock, err := s.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	for _, key := range keys {
		path, err := s.path(key)
		if err != nil {
			return err
		}
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return refused(err)
		}
	}
	return nil
}

// String implements [objectstore.Store].
func (s *Store) String() string { return "file://" + filepath.ToSlash(s.dir) }

// path returns the file of an object. Keys are relative, so that none leads out of the folder.
func (s *Store) path(key string) (string, error) {
	if !fs.ValidPath(key) || key == "." || key == lockName {
		return "", fmt.Errorf("%w: %q is not a valid key", objectstore.ErrRefused, key)
	}
	local, err := filepath.Localize(key)
	if err != nil {
		return "", fmt.Errorf("%w: %q cannot be a file name here", objectstore.ErrRefused, key)
	}
	return filepath.Join(s.dir, local), nil
}

// lock waits for the folder's advisory lock.
func (s *Store) lock(ctx context.Context) (unlock func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	l := flock.New(filepath.Join(s.dir, lockName), flock.SetPermissions(0o600))
	switch _, err := l.TryLockContext(limited, lockRetry); {
	case err == nil:
		return func() { _ = l.Unlock() }, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case limited.Err() != nil:
		return nil, fmt.Errorf("%w: another process held the lock of %s for %s", objectstore.ErrBusy, s.dir, timeout)
	default:
		return nil, refused(err)
	}
}

// read reads a file. A folder is not an object.
func read(path string) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist), err == nil && info.IsDir():
		return nil, objectstore.ErrNotExist
	case err != nil:
		return nil, refused(err)
	case info.Size() > objectstore.MaxSize:
		return nil, fmt.Errorf("%w: %s has %d bytes, more than %d", objectstore.ErrRefused, path, info.Size(), objectstore.MaxSize)
	}
	switch data, err := os.ReadFile(path); {
	case errors.Is(err, fs.ErrNotExist): // deleted meanwhile
		return nil, objectstore.ErrNotExist
	case err != nil:
		return nil, refused(err)
	default:
		return data, nil
	}
}

func refused(err error) error { return fmt.Errorf("%w: %w", objectstore.ErrRefused, err) }

func version(data []byte) objectstore.Version {
	sum := sha256.Sum256(data)
	return objectstore.Version(hex.EncodeToString(sum[:]))
}
