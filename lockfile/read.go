package lockfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// ErrNotRegular means that the lockfile's path names something other than a regular file.
var ErrNotRegular = errors.New("not a regular file")

// maxSize bounds what is read: more than 100,000 secrets with long comments take.
const maxSize = 256 << 20

// Read reads the lockfile at path and the journal beside it, without locking them. If there is
// none, it returns an empty File. If the error is an [UnmergedError], Read returns what the
// lockfile holds as well.
func Read(path string) (*File, error) {
	unmerged := checkMerged(path)
	if unmerged != nil && !errors.As(unmerged, new(*UnmergedError)) {
		return nil, unmerged
	}
	l, err := load(path)
	if err != nil {
		return nil, err
	}
	if l.journal != nil && !l.fits && !l.disk.exists {
		return nil, errRemoved(path)
	}
	if l.journal != nil && !l.fits && unmerged == nil {
		unmerged = &UnmergedError{path, []Saved{{Ours: journalPath(path)}}}
	}
	return l.file, unmerged
}

// loaded is a lockfile that was read.
type loaded struct {
	disk snapshot
	file *File // with the changes of the journal
	// before is the content without them.
	before []byte
	// journal is nil if there is none. fits says that it is about this lockfile, and pending how
	// many of its changes the lockfile lacks.
	journal *journal
	fits    bool
	pending int
}

// loadTries bounds how often the two files are read again because an apply changed them meanwhile.
const loadTries = 10

// load reads the lockfile at path, and the journal beside it.
func load(path string) (l loaded, err error) {
	for range loadTries {
		if l.disk, err = takeSnapshot(path); err != nil {
			return l, fmt.Errorf("the lockfile cannot be read: %w", err)
		}
		if l.journal, err = readJournal(path); err != nil {
			return l, err
		}
		if what, err := l.disk.difference(path); err == nil && what == "" {
			break
		}
	}
	l.file = new(File)
	if l.disk.exists {
		if l.file, err = Parse(path, l.disk.data); err != nil {
			return l, err
		}
	}
	l.before = l.file.Format()
	if l.journal == nil {
		return l, nil
	}
	var changes []step
	changes, l.fits = l.journal.missing(l.disk)
	for _, c := range changes {
		l.file.replace(c.was, c.now)
	}
	l.pending = len(changes)
	return l, nil
}

// readFile reads a lockfile.
func readFile(path string) ([]byte, error) { return readUpTo(path, maxSize) }

// readUpTo opens only regular files: a link may lead anywhere, and reading a pipe blocks.
func readUpTo(path string, most int64) ([]byte, error) {
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
	case info.Size() > most:
		return nil, &pathError{ErrLost, fmt.Sprintf("%q is larger than %d MiB, so it is not a lockfile: restore the last good version from git", path, most>>20)}
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
