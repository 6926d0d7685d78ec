package manifest

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// files reads the repository's files. Names are as the caller would open them;
// neither ".." nor a symbolic link leads out of the root.
type files struct {
	base         string // the manifest's folder
	root         string // absolute
	allowOutside bool
	private      []string // files that no source may name
}

// newFiles takes the nearest folder with a .git entry as the root, at or above
// the manifest's, else the manifest's own.
func newFiles(base string, allowOutside bool, private ...string) files {
	own, err := filepath.Abs(base)
	if err != nil {
		own = base
	}
	f := files{base: base, root: own, allowOutside: allowOutside, private: private}
	for dir := own; ; dir = filepath.Dir(dir) {
		if _, err := os.Lstat(filepath.Join(dir, ".git")); err == nil {
			f.root = dir
			break
		}
		if dir == filepath.Dir(dir) {
			break
		}
	}
	return f
}

// join is the name of a path that a file names.
func join(from, path string) string {
	if path = filepath.FromSlash(path); filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(filepath.Dir(from), path)
}

// shown is a name as descriptions have it: relative to the manifest, so that it
// is the same wherever the tool is started.
func (f files) shown(name string) string {
	base, err1 := filepath.Abs(f.base)
	abs, err2 := filepath.Abs(name)
	if rel, err := filepath.Rel(base, abs); err1 == nil && err2 == nil && err == nil {
		name = rel
	}
	return filepath.ToSlash(name)
}

// inside returns a name relative to the root.
func (f files) inside(name string) (string, bool) {
	abs, err := filepath.Abs(name)
	if err != nil {
		return "", false
	}
	rel, err := filepath.Rel(f.root, abs)
	return rel, err == nil && filepath.IsLocal(rel)
}

// open opens a regular file. It looks before it opens, as opening a device may do
// anything, and looks again at what it opened, without waiting for the other end of
// a pipe that was put there meanwhile.
func (f files) open(at Position, name string) (*os.File, *Error) {
	stat := os.Stat
	openFile := func(name string) (*os.File, error) { return os.OpenFile(name, os.O_RDONLY|noWait, 0) }
	if rel, ok := f.inside(name); ok && !f.allowOutside {
		root, err := os.OpenRoot(f.root)
		if err != nil {
			return nil, f.explain(at, name, err)
		}
		defer root.Close()
		stat = func(string) (fs.FileInfo, error) { return root.Stat(rel) }
		openFile = func(string) (*os.File, error) { return root.OpenFile(rel, os.O_RDONLY|noWait, 0) }
	} else if !f.allowOutside {
		return nil, outside(at, name)
	}
	switch info, err := stat(name); {
	case err != nil:
		return nil, f.explain(at, name, err)
	case !info.Mode().IsRegular():
		return nil, notRegular(at, name, info)
	}
	file, err := openFile(name)
	if err != nil {
		return nil, f.explain(at, name, err)
	}
	if bad := f.checkOpened(at, name, file); bad != nil {
		file.Close()
		return nil, bad
	}
	return file, nil
}

// checkOpened looks at what was opened, whatever the name stands for by now.
func (f files) checkOpened(at Position, name string, file *os.File) *Error {
	info, err := file.Stat()
	switch {
	case err != nil:
		return f.explain(at, name, err)
	case !info.Mode().IsRegular():
		return notRegular(at, name, info)
	case f.isPrivate(name, info):
		return mistake(at, "name another file", "file %q holds credentials of secretsync or git, or is the system's, and cannot be read as part of a manifest", name)
	}
	return nil
}

// isPrivate reports whether a file holds the tool's own keys, is one of git's (CI
// leaves the job's token in .git/config), or shows what goes on in the system. As a secret's source it would be handed to
// whoever may read the secret.
func (f files) isPrivate(name string, info fs.FileInfo) bool {
	for _, own := range f.private {
		if other, err := os.Stat(own); err == nil && os.SameFile(info, other) {
			return true
		}
	}
	if resolved, err := filepath.EvalSymlinks(name); err == nil {
		name = resolved
	}
	root, err := filepath.EvalSymlinks(f.root)
	for _, system := range []string{"/proc/", "/sys/", "/dev/"} { // where, for one, every process's environment lies
		if strings.HasPrefix(filepath.ToSlash(name), system) && !strings.HasPrefix(filepath.ToSlash(root), system) {
			return true
		}
	}
	if below, ok := (files{root: root}).inside(name); err == nil && ok {
		name = below // the repository itself may lie anywhere
	}
	parts := strings.Split(filepath.ToSlash(name), "/")
	return slices.ContainsFunc(parts, func(part string) bool { return strings.EqualFold(part, ".git") })
}

// read returns the content of a regular file of at most limit bytes.
func (f files) read(at Position, name string, limit int) ([]byte, *Error) {
	file, bad := f.open(at, name)
	if bad != nil {
		return nil, bad
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, int64(limit)+1))
	if err != nil {
		return nil, f.explain(at, name, err)
	}
	if len(data) > limit {
		return nil, mistake(at, "", "file %q is larger than %d bytes", name, limit)
	}
	return data, nil
}

// check reports why a file could not be read.
func (f files) check(at Position, name string) *Error {
	file, bad := f.open(at, name)
	if bad == nil {
		file.Close()
	}
	return bad
}

// explain puts an error of the file system into words.
func (f files) explain(at Position, name string, err error) *Error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return mistake(at, "paths are relative to the file that names them", "file %q does not exist", name)
	case errors.Is(err, fs.ErrPermission):
		return mistake(at, "", "file %q: permission denied", name)
	case f.leads(name):
		return outside(at, name)
	case f.linked(name): // Go follows no absolute link below a root, wherever it leads
		return mistake(at, "below the repository's folder a link has to be a relative one: ln -sr", "file %q is reached by a link with an absolute path", name)
	}
	return mistake(at, "", "file %q cannot be read", name)
}

// leads reports whether a symbolic link leads out of the root.
func (f files) leads(name string) bool {
	resolved, err1 := filepath.EvalSymlinks(name)
	root, err2 := filepath.EvalSymlinks(f.root)
	if err1 != nil || err2 != nil {
		return false
	}
	_, ok := files{root: root}.inside(resolved)
	return !ok
}

// linked reports whether a symbolic link is on the way from the root to a file.
func (f files) linked(name string) bool {
	rel, ok := f.inside(name)
	resolved, err1 := filepath.EvalSymlinks(name)
	root, err2 := filepath.EvalSymlinks(f.root)
	return ok && err1 == nil && err2 == nil && resolved != filepath.Join(root, rel)
}

func outside(at Position, name string) *Error {
	return refused(ErrOutside, at, "", "%q lies outside the repository", name)
}

func notRegular(at Position, name string, info fs.FileInfo) *Error {
	if info.IsDir() {
		return mistake(at, "name a file in it", "%q is a folder, not a file", name)
	}
	return mistake(at, "pipes and devices are not read", "%q is not a regular file", name)
}
