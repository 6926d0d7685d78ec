package lockfile

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// ErrNotRegular means that the lockfile's path names something other than a regular file.
var ErrNotRegular = errors.New("not a regular file")

// DefaultMaxSize is the size in bytes that a lockfile may have without the option [MaxSize]. It is
// enough for 400,000 secrets without long comments.
const DefaultMaxSize = 256 << 20

// Option is an option for opening or reading a lockfile.
type Option struct {
	maxSize int64
	waiting func(*HeldError)
}

// MaxSize is the size in bytes that the lockfile may have; [DefaultMaxSize] if zero. A journal may
// have four times that: an apply writes each record about four times. What is larger is not read,
// as a protection against hostile files. An object store has a limit of its own:
// [objectstore.MaxSize].
func MaxSize(bytes int) Option {
	return Option{maxSize: int64(bytes)}
}

// Waiting is called once if [Open] waits for half a second or more for the lock, with who holds it.
func Waiting(call func(*HeldError)) Option { return Option{waiting: call} }

// limits bound the sizes of files to read.
type limits struct{ size int64 }

func limitsOf(opts []Option) limits {
	l := limits{DefaultMaxSize}
	for _, o := range opts {
		l.size = cmp.Or(o.maxSize, l.size)
	}
	return l
}

func (l limits) journal() int64 { return 4 * l.size }

// Read reads the lockfile at path and the journal beside it, without locking them. If there is
// none, it returns an empty File. If the error is an [UnmergedError], Read returns what the
// lockfile holds as well.
func Read(path string, opts ...Option) (*File, error) {
	unmerged := checkMerged(path)
	if unmerged != nil && !errors.As(unmerged, new(*UnmergedError)) {
		return nil, unmerged
	}
	l, err := load(path, limitsOf(opts))
	if err != nil {
		return nil, err
	}
	if l.journal != nil && !l.fits && !l.disk.exists {
		return nil, errRemoved(path)
	}
	if l.journal != nil && !l.fits && unmerged == nil {
		unmerged = &UnmergedError{path, []Saved{{Ours: journalPath(path)}}}
	}
	return l.current(), unmerged
}

// loaded is a lockfile that was read.
type loaded struct {
	disk snapshot
	file *File // its content, without the changes of the journal
	// journal is nil if there is none. It belongs to another lockfile unless fits is set. missing are
	// its changes that the lockfile lacks.
	journal *journal
	fits    bool
	missing []step
}

// current is the file with the changes of the journal. It changes l.file.
func (l *loaded) current() *File {
	for _, c := range l.missing {
		l.file.replace(c.was, c.now)
	}
	return l.file
}

// loadTries bounds how often the two files are read again because an apply may have folded the
// journal into the lockfile in between.
const loadTries = 10

// load reads the journal beside the lockfile at path, and then the lockfile. In this order, only a
// journal that is about another lockfile can come from a fold in between.
func load(path string, most limits) (l loaded, err error) {
	for range loadTries {
		if l.journal, err = readJournal(path, most); err != nil {
			return l, err
		}
		if l.disk, err = takeSnapshot(path, most); err != nil {
			return l, fmt.Errorf("the lockfile cannot be read: %w", err)
		}
		if l.journal == nil {
			break
		}
		if l.missing, l.fits = l.journal.missing(l.disk); l.fits {
			break
		}
	}
	l.file = new(File)
	if l.disk.exists {
		l.file, err = Parse(path, l.disk.data)
	}
	return l, err
}

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
		return nil, tooLarge(fmt.Sprintf("%q", path), most)
	}
	return os.ReadFile(path)
}

// tooLarge is the error about a file that is not read because of its size.
func tooLarge(name string, most int64) error {
	return &pathError{ErrLost, fmt.Sprintf("%s is larger than %d bytes, so it is probably not a lockfile: restore the last good version from git "+
		"(the library's option MaxLockfileSize raises the limit)", name, most)}
}

// pathError says what is wrong with a path. [errors.Is] finds its kind.
type pathError struct {
	kind error
	what string
}

func (e *pathError) Error() string { return e.what }
func (e *pathError) Unwrap() error { return e.kind }
