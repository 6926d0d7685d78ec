package lockfile

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/secretsync/secretsync/internal/filestamp"
)

// snapshot is a file as it was last read or written.
type snapshot struct {
	exists bool
	data   []byte
	stamp  filestamp.Stamp
	most   limits
}

// takeSnapshot reads the file at path, if there is one.
func takeSnapshot(path string, most limits) (snapshot, error) {
	stamp := filestamp.Of(path)
	data, err := readUpTo(path, most.size)
	if errors.Is(err, fs.ErrNotExist) {
		return snapshot{most: most}, nil
	}
	return snapshot{err == nil, data, stamp, most}, err
}

// difference describes how the file at path differs from the snapshot, and is empty if it
// does not. Another file with the same content, such as a copy, is not a difference: nothing is
// lost if that is replaced. The file is read unless its change time proves that it is unchanged:
// a changed file may have the same size and modification time as the previous one.
func (s *snapshot) difference(path string) (string, error) {
	if s.exists && s.stamp.Holds(path) {
		return "", nil
	}
	stamp := filestamp.Of(path)
	data, err := readUpTo(path, s.most.size)
	switch {
	case errors.Is(err, fs.ErrNotExist) && !s.exists:
		return "", nil
	case errors.Is(err, fs.ErrNotExist):
		return "it was removed", nil
	case errors.Is(err, ErrNotRegular):
		return "it is no longer a regular file", nil
	case err != nil && !errors.Is(err, ErrLost):
		return "", fmt.Errorf("the lockfile cannot be checked: %w", err)
	case !s.exists:
		return "it was created", nil
	case !bytes.Equal(data, s.data):
		return "its content was changed", nil
	}
	s.stamp = stamp
	return "", nil
}

// lstat returns nil if there is no file.
func lstat(path string) (fs.FileInfo, error) {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return info, err
}
