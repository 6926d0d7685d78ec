package lockfile

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
)

// snapshot is a file as it was last read or written.
type snapshot struct {
	exists bool
	data   []byte
	stamp  stamp
}

// stamp is what tells without reading a file that its content was not changed. The zero stamp
// tells nothing.
type stamp struct {
	info    fs.FileInfo
	changed time.Time // its change time, which programs cannot set, unlike its modification time
	seen    time.Time
}

// tick is more than the precision of change times in every file system. A file that was changed
// less than that before it was looked at may have been changed again at the same time.
const tick = 2 * time.Second

// stampOf is taken before the content is read: a change in between is then noticed.
func stampOf(path string) stamp {
	st := stamp{seen: time.Now(), changed: changeTime(path)}
	st.info, _ = os.Lstat(path)
	return st
}

// holds reports whether the file at path was not changed since.
func (s stamp) holds(path string) bool {
	if s.info == nil || s.changed.IsZero() || s.seen.Sub(s.changed) < tick {
		return false
	}
	now := stampOf(path)
	return now.info != nil && os.SameFile(s.info, now.info) && now.info.Size() == s.info.Size() && now.info.Mode() == s.info.Mode() &&
		now.changed.Equal(s.changed)
}

// takeSnapshot reads the file at path, if there is one.
func takeSnapshot(path string) (snapshot, error) {
	stamp := stampOf(path)
	data, err := readFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return snapshot{}, nil
	}
	return snapshot{err == nil, data, stamp}, err
}

// difference describes how the file at path differs from the snapshot, and is empty if it
// does not. Another file with the same content, such as a copy, is no difference: nothing is
// lost if that is replaced. The file is read unless its change time proves that it is as it was:
// a changed file may have the size and the times of modification of the previous one.
func (s *snapshot) difference(path string) (string, error) {
	if s.exists && s.stamp.holds(path) {
		return "", nil
	}
	stamp := stampOf(path)
	data, err := readFile(path)
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
