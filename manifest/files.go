package manifest

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/secretsync/secretsync/internal/syntax"
)

// files reads the repository's files. Names are as the caller would open them;
// neither ".." nor a symbolic link leads out of the root.
type files struct {
	base         string // the manifest's folder
	root         string // absolute
	allowOutside bool
}

// newFiles takes the nearest folder with a .git entry as the root, at or above
// the manifest's, else the manifest's own.
func newFiles(base string, allowOutside bool) files {
	own, err := filepath.Abs(base)
	if err != nil {
		own = base
	}
	f := files{base: base, root: own, allowOutside: allowOutside}
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

// open opens a regular file. It looks before it opens: opening a pipe waits, and
// opening a device may do anything.
func (f files) open(at syntax.Pos, name string) (*os.File, *syntax.Error) {
	stat, openFile := os.Stat, os.Open
	if rel, ok := f.inside(name); ok && !f.allowOutside {
		root, err := os.OpenRoot(f.root)
		if err != nil {
			return nil, f.explain(at, name, err)
		}
		defer root.Close()
		stat = func(string) (fs.FileInfo, error) { return root.Stat(rel) }
		openFile = func(string) (*os.File, error) { return root.Open(rel) }
	} else if !f.allowOutside {
		return nil, outside(at, name)
	}
	info, err := stat(name)
	if err == nil && !info.Mode().IsRegular() {
		return nil, notRegular(at, name)
	}
	if err != nil {
		return nil, f.explain(at, name, err)
	}
	file, err := openFile(name)
	if err != nil {
		return nil, f.explain(at, name, err)
	}
	if now, err := file.Stat(); err != nil || !now.Mode().IsRegular() {
		file.Close()
		return nil, notRegular(at, name)
	}
	return file, nil
}

// read returns the content of a regular file of at most limit bytes.
func (f files) read(at syntax.Pos, name string, limit int) ([]byte, *syntax.Error) {
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
func (f files) check(at syntax.Pos, name string) *syntax.Error {
	file, bad := f.open(at, name)
	if bad == nil {
		file.Close()
	}
	return bad
}

// explain puts an error of the file system into words.
func (f files) explain(at syntax.Pos, name string, err error) *syntax.Error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return mistake(at, "paths are relative to the file that names them", "file %q does not exist", name)
	case errors.Is(err, fs.ErrPermission):
		return mistake(at, "", "file %q: permission denied", name)
	case f.leads(name):
		return outside(at, name)
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

// glob returns the files that match a pattern which a file names, sorted.
func (f files) glob(at syntax.Pos, from, pattern string) ([]string, *syntax.Error) {
	if strings.Contains(pattern, "**") {
		return nil, mistake(at, "name each level: a/*/b.yaml", "** is not supported in a pattern")
	}
	if f.allowOutside {
		names, err := filepath.Glob(join(from, pattern))
		if err != nil {
			return nil, mistake(at, "", "not a pattern: %q", pattern)
		}
		return names, nil
	}
	dir, _ := f.inside(filepath.Dir(from))
	rel := path.Join(escapePattern.Replace(filepath.ToSlash(dir)), filepath.ToSlash(pattern))
	if filepath.IsAbs(pattern) || !filepath.IsLocal(rel) {
		return nil, outside(at, pattern)
	}
	root, err := os.OpenRoot(f.root)
	if err != nil {
		return nil, f.explain(at, f.root, err)
	}
	defer root.Close()
	names, err := fs.Glob(root.FS(), rel)
	if err != nil {
		return nil, mistake(at, "", "not a pattern: %q", pattern)
	}
	for i, name := range names {
		names[i] = f.named(name)
	}
	return names, nil
}

// escapePattern keeps a folder's name from being read as a pattern.
var escapePattern = strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`)

// named is the name of a file inside the root as the caller would open it.
func (f files) named(rel string) string {
	abs := filepath.Join(f.root, filepath.FromSlash(rel))
	base, err1 := filepath.Abs(f.base)
	below, err2 := filepath.Rel(base, abs)
	if err1 != nil || err2 != nil {
		return abs
	}
	return filepath.Join(f.base, below)
}

func outside(at syntax.Pos, name string) *syntax.Error {
	return mistake(at, "--allow-outside permits it", "%q lies outside the repository", name)
}

func notRegular(at syntax.Pos, name string) *syntax.Error {
	return mistake(at, "", "%q is not a regular file", name)
}
