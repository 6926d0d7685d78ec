// Package atomicfile replaces the content of a file atomically: a reader finds the old or the
// new content, never a part of either, and so does the next process after a crash.
//
// Call [Write], or [Create] for a new file. If the process is killed while it writes, a temporary file may be left behind
// (144 times in 200, docs/findings.md §4), which [Sweep] removes.
package atomicfile

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Write replaces the content of path with data. An existing file keeps its mode; a new one
// gets perm, regardless of the umask. Write refuses to replace anything but a regular file,
// in particular a symbolic link.
//
// If an error occurs before the rename, the old file is unchanged. If syncing the directory
// fails after it, the file has the new content, but a power failure may still undo that.
func Write(path string, data []byte, perm fs.FileMode) error {
	_, err := WriteIf(path, data, perm, func() error { return nil })
	return err
}

// WriteIf is [Write] for a file that another program may replace meanwhile. It calls check
// right before the rename, and replaces nothing if check returns an error, which it returns
// unchanged. It reports whether the file was replaced, which it may have been despite an error.
func WriteIf(path string, data []byte, perm fs.FileMode, check func() error) (replaced bool, err error) {
	var checked error
	replaced, err = write(path, data, perm, func() error { checked = check(); return checked })
	switch {
	case checked != nil:
		return false, checked
	case err != nil:
		return replaced, fmt.Errorf("write %q: %w", path, err)
	}
	return true, nil
}

func write(path string, data []byte, perm fs.FileMode, check func() error) (replaced bool, err error) {
	mode, err := targetMode(path, perm)
	if err != nil {
		return false, err
	}
	tmp, err := createTemp(path)
	if err != nil {
		return false, err
	}
	err = fill(tmp, data, mode)
	if err == nil {
		err = check()
	}
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		_ = os.Remove(tmp.Name()) // if that fails, Sweep removes it later
		return false, err
	}
	return true, syncDir(filepath.Dir(path))
}

// Create writes a new file with the mode perm, regardless of the umask. It leaves a file of that
// name as it is, of whatever kind, and returns an error that is [fs.ErrExist]. A crash leaves the
// whole file or none, if the file system has hard links.
func Create(path string, data []byte, perm fs.FileMode) error {
	if err := create(path, data, perm); err != nil {
		return &fs.PathError{Op: "open", Path: path, Err: cause(err)}
	}
	return syncDir(filepath.Dir(path))
}

func create(path string, data []byte, perm fs.FileMode) error {
	tmp, err := createTemp(path)
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	if err := fill(tmp, data, perm); err != nil {
		return err
	}
	if err := os.Link(tmp.Name(), path); err == nil || errors.Is(err, fs.ErrExist) {
		return err
	}
	return createWhole(path, data, perm) // without hard links
}

// createWhole creates a file, which a crash can leave incomplete.
func createWhole(path string, data []byte, perm fs.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, perm)
	if err != nil {
		return err
	}
	if err := fill(f, data, perm); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

// cause is an error without the name of the temporary file.
func cause(err error) error {
	if named, ok := errors.AsType[*fs.PathError](err); ok {
		return named.Err
	}
	if linked, ok := errors.AsType[*os.LinkError](err); ok {
		return linked.Err
	}
	return err
}

// CheckWritable reports why [Write] would fail to write size bytes: it checks that path may
// be replaced, and writes and removes a temporary file of that size beside it.
func CheckWritable(path string, size int) error {
	if err := checkWritable(path, size); err != nil {
		return fmt.Errorf("%q cannot be written: %w", path, err)
	}
	return nil
}

func checkWritable(path string, size int) error {
	if _, err := targetMode(path, 0); err != nil {
		return err
	}
	tmp, err := createTemp(path)
	if err != nil {
		return err
	}
	err = fill(tmp, make([]byte, size), 0o600)
	return cmp.Or(err, os.Remove(tmp.Name()))
}

// SyncDir makes the creation of the file at path durable.
func SyncDir(path string) error { return syncDir(filepath.Dir(path)) }

// Sweep removes temporary files that killed writers of path left behind, and ignores errors.
// It must not run concurrently with [Write] of the same path.
func Sweep(path string) {
	dir, base := filepath.Dir(path), filepath.Base(path)
	entries, _ := os.ReadDir(dir) // temporary files that stay do no harm
	for _, e := range entries {
		if e.Type().IsRegular() && isTemp(e.Name(), base) {
			_ = os.Remove(filepath.Join(dir, e.Name()))
		}
	}
}

// targetMode returns the mode for the new file, or an error if path must not be replaced.
func targetMode(path string, perm fs.FileMode) (fs.FileMode, error) {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return perm, nil
	case err != nil:
		return 0, err
	case info.Mode()&fs.ModeSymlink != 0:
		return 0, errors.New("it is a symbolic link: name the file that it points to")
	case !info.Mode().IsRegular():
		return 0, errors.New("it is not a regular file")
	case info.Mode()&0o200 == 0: // a rename would replace it nevertheless
		return 0, errors.New("it is read-only")
	}
	return info.Mode().Perm(), nil
}

// createTemp creates ".NAME-DIGITS.tmp" beside path, because a rename is atomic only within
// one file system.
func createTemp(path string) (*os.File, error) {
	return os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*.tmp")
}

// isTemp reports whether createTemp could choose this name for base. It checks for digits, so
// that the temporary files of "a-b" are not taken for files of "a".
func isTemp(name, base string) bool {
	rest, ok := strings.CutPrefix(name, "."+base+"-")
	digits, isTmp := strings.CutSuffix(rest, ".tmp")
	return ok && isTmp && digits != "" && strings.Trim(digits, "0123456789") == ""
}

// fill sets the mode and content of f, syncs and closes it.
func fill(f *os.File, data []byte, mode fs.FileMode) error {
	err := f.Chmod(mode)
	if err == nil {
		_, err = f.Write(data)
	}
	if err == nil {
		err = f.Sync()
	}
	return cmp.Or(err, f.Close())
}
