package lockfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

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
		return nil, fmt.Errorf("%q is a directory: name a file in it with --lockfile", path)
	case mode&fs.ModeSymlink != 0:
		return nil, fmt.Errorf("%q is a symbolic link: name the file that it points to with --lockfile", path)
	case !mode.IsRegular():
		return nil, fmt.Errorf("%q is not a regular file: name one with --lockfile", path)
	case info.Size() > maxSize:
		return nil, fmt.Errorf("%q is larger than %d MiB, as no lockfile is: restore the last good one from git", path, maxSize>>20)
	}
	return os.ReadFile(path)
}
