package lockfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// ErrNotRegular means that the lockfile's path names something other than a regular file.
var ErrNotRegular = errors.New("not a regular file")

// maxSize bounds what is read. It is a thousand times what the largest account needs.
const maxSize = 64 << 20

// Read reads the lockfile at path without locking it. If there is none, it returns an empty
// File. If the error is an [UnmergedError], Read returns what the lockfile holds as well.
func Read(path string) (*File, error) {
	unmerged := checkMerged(path)
	if unmerged != nil && !errors.As(unmerged, new(*UnmergedError)) {
		return nil, unmerged
	}
	data, err := readFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return new(File), unmerged
	}
	if err != nil {
		return nil, fmt.Errorf("the lockfile cannot be read: %w", err)
	}
	f, err := Parse(path, data)
	if err != nil {
		return nil, err
	}
	return f, unmerged
}

// readFile opens only regular files: a link may lead anywhere, and reading a pipe blocks.
func readFile(path string) ([]byte, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	switch mode := info.Mode(); {
	case mode.IsDir():
		return nil, &pathError{ErrNotRegular, fmt.Sprintf("%q is a directory", path)}
	case mode&fs.ModeSymlink != 0:
		return nil, &pathError{ErrNotRegular, fmt.Sprintf("%q is a symbolic link: name the file that it points to", path)}
	case !mode.IsRegular():
		return nil, &pathError{ErrNotRegular, fmt.Sprintf("%q is not a regular file", path)}
	case info.Size() > maxSize:
		return nil, &pathError{ErrLost, fmt.Sprintf("%q is larger than %d MiB, so it is not a lockfile: restore the last good version from git", path, maxSize>>20)}
	}
	return os.ReadFile(path)
}

// pathError says what is wrong with a path. [errors.Is] finds its kind.
type pathError struct {
	kind error
	what string
}

func (e *pathError) Error() string { return e.what }
func (e *pathError) Unwrap() error { return e.kind }
