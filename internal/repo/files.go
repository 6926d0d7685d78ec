// Package repo reads the files that a manifest names: only regular files inside the
// repository, none reached by a link that leads out of it, and none that hold credentials.
//
// Call [New], then [Files.Read] for a file and [Files.Glob] for the names that match a
// pattern.
package repo

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/secretsync/secretsync/internal/position"
	"github.com/secretsync/secretsync/internal/shell"
	"github.com/secretsync/secretsync/internal/syntax"
)

// ErrOutside identifies mistakes about a file outside the repository.
var ErrOutside = errors.New("a file outside the repository is refused")

// Files reads the repository's files. Callers use the names that they would pass to open.
// Neither ".." nor a symbolic link can lead out of the root.
type Files struct {
	// Root is the repository's folder, as an absolute path.
	Root string
	// MaxMatches is how many files a pattern may match.
	MaxMatches int
	// Seen remembers what Read has read. Copies share it.
	Seen         *Seen
	inGit        bool   // the root is a git repository
	base         string // the manifest's folder
	allowOutside bool
	private      []string // files that no source may read
}

// New uses as the root the nearest folder at or above base that has a .git entry, or else
// base itself. base is the manifest's folder. private are files that may not be read.
func New(base string, allowOutside bool, private ...string) Files {
	own, err := filepath.Abs(base)
	if err != nil {
		own = base
	}
	f := Files{base: base, Root: own, MaxMatches: 1000, Seen: &Seen{}, allowOutside: allowOutside, private: private}
	if root, ok := workTree(own); ok {
		f.Root, f.inGit = root, true
	}
	return f
}

// workTree returns the nearest folder at or above dir, which is absolute, that has a .git entry.
func workTree(dir string) (root string, ok bool) {
	for ; ; dir = filepath.Dir(dir) {
		if _, err := os.Lstat(filepath.Join(dir, ".git")); err == nil {
			return dir, true
		}
		if dir == filepath.Dir(dir) {
			return "", false
		}
	}
}

// InWorkTree reports whether dir or a parent of it contains .git.
func InWorkTree(dir string) bool {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return false
	}
	_, ok := workTree(abs)
	return ok
}

// Join returns the name of a file, given the path that another file contains.
func Join(from, path string) string {
	if path = filepath.FromSlash(path); filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(filepath.Dir(from), path)
}

// Shown returns the name used in descriptions: relative to the manifest, so that it does
// not depend on the current folder.
func (f Files) Shown(name string) string {
	base, err1 := filepath.Abs(f.base)
	abs, err2 := filepath.Abs(name)
	if rel, err := filepath.Rel(base, abs); err1 == nil && err2 == nil && err == nil {
		name = rel
	}
	return filepath.ToSlash(name)
}

// inside returns a name relative to the root.
func (f Files) inside(name string) (string, bool) {
	abs, err := filepath.Abs(name)
	if err != nil {
		return "", false
	}
	rel, err := filepath.Rel(f.Root, abs)
	return rel, err == nil && filepath.IsLocal(rel)
}

// open opens a regular file. It checks the type before opening, because opening a device
// can have side effects, and again afterwards. If a pipe has replaced the file in between,
// open does not wait for the pipe's other end.
func (f Files) open(at position.Position, name string) (*os.File, *syntax.Error) {
	stat := os.Stat
	openFile := func(name string) (*os.File, error) { return os.OpenFile(name, os.O_RDONLY|noWait, 0) }
	if rel, ok := f.inside(name); ok && !f.allowOutside {
		root, err := os.OpenRoot(f.Root)
		if err != nil {
			return nil, f.explain(at, name, err)
		}
		defer root.Close()
		stat = func(string) (fs.FileInfo, error) { return root.Stat(rel) }
		openFile = func(string) (*os.File, error) { return root.OpenFile(rel, os.O_RDONLY|noWait, 0) }
	} else if !f.allowOutside {
		return nil, f.outside(at, name)
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

// checkOpened checks the file that was opened, since its name may refer to another file by
// now.
func (f Files) checkOpened(at position.Position, name string, file *os.File) *syntax.Error {
	info, err := file.Stat()
	switch {
	case err != nil:
		return f.explain(at, name, err)
	case !info.Mode().IsRegular():
		return notRegular(at, name, info)
	case f.isPrivate(name, info):
		return mistake(at, "name another file",
			"file %q holds credentials of secretsync or git, or belongs to the system, and is not read", name)
	}
	return nil
}

// isPrivate reports whether a file holds the tool's own keys, belongs to git (CI leaves the
// job's token in .git/config), or exposes system state. As a secret's source, it would be
// disclosed to everyone who may read the secret.
func (f Files) isPrivate(name string, info fs.FileInfo) bool {
	for _, own := range f.private {
		if other, err := os.Stat(own); err == nil && os.SameFile(info, other) {
			return true
		}
	}
	if resolved, err := filepath.EvalSymlinks(name); err == nil {
		name = resolved
	}
	root, err := filepath.EvalSymlinks(f.Root)
	for _, system := range []string{"/proc/", "/sys/", "/dev/"} { // for example, the environment of every process
		if strings.HasPrefix(filepath.ToSlash(name), system) && !strings.HasPrefix(filepath.ToSlash(root), system) {
			return true
		}
	}
	if below, ok := (Files{Root: root}).inside(name); err == nil && ok {
		name = below // the repository itself may be anywhere
	}
	parts := strings.Split(filepath.ToSlash(name), "/")
	return slices.ContainsFunc(parts, func(part string) bool { return strings.EqualFold(part, ".git") })
}

// Read returns the content of a regular file of at most limit bytes.
func (f Files) Read(at position.Position, name string, limit int) ([]byte, *syntax.Error) {
	file, bad := f.open(at, name)
	if bad != nil {
		return nil, bad
	}
	defer file.Close()
	var b bytes.Buffer
	if info, err := file.Stat(); err == nil {
		b.Grow(int(min(info.Size(), int64(limit))) + bytes.MinRead)
	}
	if _, err := b.ReadFrom(io.LimitReader(file, int64(limit)+1)); err != nil {
		return nil, f.explain(at, name, err)
	}
	data := b.Bytes()
	if len(data) > limit {
		return nil, mistake(at, "", "file %q is larger than %d bytes", name, limit)
	}
	f.Seen.add(name, sighting{true, sha256.Sum256(data)}, limit)
	return data, nil
}

// Check returns the error that reading a file would cause.
func (f Files) Check(at position.Position, name string) *syntax.Error {
	file, bad := f.open(at, name)
	if bad == nil {
		file.Close()
	}
	return bad
}

// CheckInside returns the mistake that a file or folder, which need not exist, is not below
// the root by its name.
func (f Files) CheckInside(at position.Position, name string) *syntax.Error {
	if _, ok := f.inside(name); !ok && !f.allowOutside {
		return f.outside(at, name)
	}
	return nil
}

// relative is advice about a path that names nothing.
func relative(path string) string {
	if strings.Contains(path, `\`) && filepath.Separator == '/' {
		return "paths are written with /, on Windows too: " + strings.ReplaceAll(path, `\`, "/")
	}
	return "paths are relative to the file that names them"
}

// explain turns an error of the file system into an error with a position.
func (f Files) explain(at position.Position, name string, err error) *syntax.Error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return mistake(at, relative(f.Shown(name)), "file %q does not exist", name)
	case errors.Is(err, fs.ErrPermission):
		return mistake(at, "", "file %q: permission denied", name)
	case f.leads(name):
		return f.outside(at, name)
	case f.linked(name): // Go follows no absolute link below a root, even one that stays inside
		return mistake(at, "below "+f.area()+" a link has to be a relative one"+f.relink(name),
			"file %q is reached by a link with an absolute path", name)
	}
	return mistake(at, "", "file %q cannot be read", name)
}

// relink is the command, after a colon, that makes the link with an absolute path on the way to a
// file a relative one, or "" if that link is reached by another one.
func (f Files) relink(name string) string {
	for link := name; ; link = filepath.Dir(link) {
		if rel, ok := f.inside(link); !ok || rel == "." {
			return ""
		}
		target, err := os.Readlink(link)
		if err != nil || !filepath.IsAbs(target) {
			continue
		}
		folder, err := filepath.EvalSymlinks(filepath.Dir(link))
		if err != nil {
			return ""
		}
		folder, err = filepath.Abs(folder)
		if err != nil {
			return ""
		}
		if target, err = filepath.Rel(folder, target); err != nil {
			return ""
		}
		return ": ln -sfn " + shell.File(target) + " " + shell.File(link)
	}
}

// leads reports whether a symbolic link leads out of the root.
func (f Files) leads(name string) bool {
	resolved, err1 := filepath.EvalSymlinks(name)
	root, err2 := filepath.EvalSymlinks(f.Root)
	if err1 != nil || err2 != nil {
		return false
	}
	_, ok := Files{Root: root}.inside(resolved)
	return !ok
}

// linked reports whether a symbolic link is on the way from the root to a file.
func (f Files) linked(name string) bool {
	rel, ok := f.inside(name)
	resolved, err1 := filepath.EvalSymlinks(name)
	root, err2 := filepath.EvalSymlinks(f.Root)
	return ok && err1 == nil && err2 == nil && resolved != filepath.Join(root, rel)
}

// outside returns the mistake that a file is not below the root.
func (f Files) outside(at position.Position, name string) *syntax.Error {
	e := mistake(at, "", "%q lies outside the repository", name)
	if !f.inGit {
		e = mistake(at, ownFolderOnly, "%q lies outside the manifest's folder", name)
	}
	e.Kind, e.Rule = ErrOutside, "outside-repository"
	return e
}

// ownFolderOnly is advice where the root is the manifest's folder: in a copy of a repository,
// such as an image, files that the manifest may name in the repository can lie outside.
const ownFolderOnly = "without a git repository around it, a manifest may name only files in its own folder: " +
	"move it above them, or them below it"

// area is what the root is called.
func (f Files) area() string {
	if f.inGit {
		return "the repository"
	}
	return "the manifest's folder"
}

// mistake returns a mistake about a file that is named. hint may be empty.
func mistake(at position.Position, hint, what string, args ...any) *syntax.Error {
	e := syntax.Errorf(at, hint, what, args...)
	e.Rule = "file"
	return e
}

func notRegular(at position.Position, name string, info fs.FileInfo) *syntax.Error {
	if info.IsDir() {
		return mistake(at, "name a file in it", "%q is a folder, not a file", name)
	}
	return mistake(at, "pipes and devices are not read", "%q is not a regular file", name)
}
