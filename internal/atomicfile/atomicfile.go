// Package atomicfile replaces a file as a whole: whoever reads it, after a crash
// too, finds the old content or the new one and never a part of either.
//
// Call [Write]. A process that is killed in the middle of it leaves a temporary
// file behind (144 times in 200, docs/findings.md §4), which [Sweep] removes.
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

// Write replaces the content of path with data. An existing file keeps its mode;
// a new one gets perm, whatever the umask. Anything but a regular file, a
// symbolic link above all, is refused.
//
// An error from before the rename leaves the old file as it was. One from after
// it, from syncing the directory, means that the new content is there but that a
// power cut may still undo it. The os package's errors name the step and the file.
func Write(path string, data []byte, perm fs.FileMode) error {
	if err := write(path, data, perm); err != nil {
		return fmt.Errorf("write %q: %w", path, err)
	}
	return nil
}

func write(path string, data []byte, perm fs.FileMode) error {
	mode, err := targetMode(path, perm)
	if err != nil {
		return err
	}
	tmp, err := createTemp(path)
	if err != nil {
		return err
	}
	err = fill(tmp, data, mode)
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		_ = os.Remove(tmp.Name()) // what stays is for Sweep
		return err
	}
	return syncDir(filepath.Dir(path))
}

// CheckWritable says why [Write] would fail with size bytes: path must be replaceable,
// and its directory must take a new file of that size, which is written and removed.
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

// Sweep removes the temporary files that killed writers of path left behind, as
// far as it can. Nobody may be writing path meanwhile.
func Sweep(path string) {
	dir, base := filepath.Dir(path), filepath.Base(path)
	entries, _ := os.ReadDir(dir) // what cannot be listed stays, and does no harm
	for _, e := range entries {
		if e.Type().IsRegular() && isTemp(e.Name(), base) {
			_ = os.Remove(filepath.Join(dir, e.Name()))
		}
	}
}

// targetMode refuses to replace what is not a regular file, and returns the mode
// that the new one shall have.
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
	case info.Mode()&0o200 == 0: // a rename would replace it all the same
		return 0, errors.New("it is read-only")
	}
	return info.Mode().Perm(), nil
}

// createTemp makes ".NAME-DIGITS.tmp" beside path: a rename is atomic only
// within one file system.
func createTemp(path string) (*os.File, error) {
	return os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*.tmp")
}

// isTemp reports whether createTemp gives such a name for base. The digits
// matter: the temporary files of "a-b" are not those of "a".
func isTemp(name, base string) bool {
	rest, ok := strings.CutPrefix(name, "."+base+"-")
	digits, isTmp := strings.CutSuffix(rest, ".tmp")
	return ok && isTmp && digits != "" && strings.Trim(digits, "0123456789") == ""
}

// fill gives f its mode and its content, makes them durable, and closes it.
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
