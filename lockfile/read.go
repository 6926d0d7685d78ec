package lockfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// ErrNotRegular is about a path at which no regular file is.
var ErrNotRegular = errors.New("not a regular file")

// maxSize bounds what is read: a thousand times what the largest account needs.
const maxSize = 64 << 20

// Read reads the lockfile without locking it, for looking only. One that isn't
// there is an empty File.
func Read(path string) (*File, error) {
	data, err := readFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return new(File), nil
	}
	if err != nil {
		return nil, fmt.Errorf("the lockfile cannot be read: %w", err)
	}
	return Parse(path, data)
}

// readFile opens nothing but regular files: a link may lead anywhere, and a pipe
// blocks.
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
		return nil, &pathError{ErrLost, fmt.Sprintf("%q is larger than %d MiB, as no lockfile is: restore the last good one from git", path, maxSize>>20)}
	}
	return os.ReadFile(path)
}

// pathError is about what lies at a path. The kind is what [errors.Is] finds.
type pathError struct {
	kind error
	what string
}

func (e *pathError) Error() string { return e.what }
func (e *pathError) Unwrap() error { return e.kind }
