package repo

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/secretsync/secretsync/internal/position"
	"github.com/secretsync/secretsync/internal/syntax"
)

// looks limits how many names one pattern may visit beyond twice the number of its matches: cyclic
// links can multiply a few folders. Twice, because "*/x" lists a folder and then looks for each x.
const looks = 20_000

// Glob returns the files that match a pattern from another file, sorted.
func (f Files) Glob(at position.Position, from, pattern string) ([]string, *syntax.Error) {
	rel, bad := f.pattern(at, from, pattern)
	if bad != nil {
		return nil, bad
	}
	var names []string
	looked := f.budget()
	if f.allowOutside {
		abs, err := filepath.Abs(Join(from, pattern))
		if err != nil {
			return nil, f.explain(at, pattern, err)
		}
		top := filepath.VolumeName(abs) + string(filepath.Separator)
		looked.FS = os.DirFS(top)
		names, _ = fs.Glob(looked, filepath.ToSlash(strings.TrimPrefix(abs, top))) // pattern has checked the syntax
		for i, name := range names {
			names[i] = f.named(filepath.Join(top, filepath.FromSlash(name)))
		}
	} else {
		root, err := os.OpenRoot(f.Root)
		if err != nil {
			return nil, f.explain(at, f.Root, err)
		}
		defer root.Close()
		looked.FS = root.FS()
		names, _ = fs.Glob(looked, rel)
		for i, name := range names {
			names[i] = f.named(filepath.Join(f.Root, filepath.FromSlash(name)))
		}
	}
	if looked.spent() {
		return nil, mistake(at, "name the folders", "too many files and folders to look at for %q", pattern)
	}
	return f.someOf(at, pattern, rel, names)
}

// budget is a file system that returns nothing more when no names are left.
type budget struct {
	fs.FS
	left int
}

func (f Files) budget() *budget { return &budget{left: looks + 2*f.MaxMatches} }

func (b *budget) spent() bool { return b.left < 0 }

func (b *budget) Stat(name string) (fs.FileInfo, error) {
	if b.left--; b.spent() {
		return nil, fs.ErrPermission
	}
	return fs.Stat(b.FS, name)
}

func (b *budget) ReadDir(name string) ([]fs.DirEntry, error) {
	if b.left--; b.spent() {
		return nil, fs.ErrPermission
	}
	entries, err := fs.ReadDir(b.FS, name)
	b.left -= len(entries)
	return entries, err
}

// CheckPattern reports what is wrong with a pattern, regardless of what it matches.
func (f Files) CheckPattern(at position.Position, from, pattern string) *syntax.Error {
	_, bad := f.pattern(at, from, pattern)
	return bad
}

// pattern checks a pattern from another file, and returns it relative to the root.
func (f Files) pattern(at position.Position, from, pattern string) (string, *syntax.Error) {
	dir, _ := f.inside(filepath.Dir(from))
	rel := path.Join(EscapeGlob(filepath.ToSlash(dir)), filepath.ToSlash(pattern))
	_, err := path.Match(pattern, "")
	switch {
	case strings.Contains(pattern, "**"):
		return "", mistake(at, "name each level: a/*/b.yaml", "** is not supported in a pattern")
	case err != nil:
		return "", mistake(at, "", "not a pattern: %q", pattern)
	case !f.allowOutside && (filepath.IsAbs(pattern) || !filepath.IsLocal(rel)):
		return "", f.outside(at, pattern)
	}
	return rel, nil
}

// someOf refuses a pattern that matches nothing or too much. If a link on the path leads
// out of the root, the error says so, because its target was not searched.
func (f Files) someOf(at position.Position, pattern, rel string, names []string) ([]string, *syntax.Error) {
	switch {
	case len(names) > f.MaxMatches:
		return nil, mistake(at, "", "more than %d files match %q", f.MaxMatches, pattern)
	case len(names) > 0:
		return names, nil
	}
	if link := f.leadingOut(rel); link != "" {
		e := mistake(at, "", "no file matches %q, and %q leads out of %s", pattern, link, f.area())
		e.Kind = ErrOutside
		return nil, e
	}
	return nil, mistake(at, relative(pattern), "no file matches %q", pattern)
}

// leadingOut returns a match of a pattern, or of one of its parent folders, that is a link
// out of the root. The shortest come first, so that no folder outside is listed.
func (f Files) leadingOut(rel string) string {
	if f.allowOutside {
		return ""
	}
	looked := f.budget()
	looked.FS = os.DirFS(f.Root)
	parts := strings.Split(rel, "/")
	for i := range parts {
		matches, _ := fs.Glob(looked, path.Join(parts[:i+1]...))
		for _, m := range matches {
			if abs := filepath.Join(f.Root, filepath.FromSlash(m)); f.leads(abs) {
				return f.named(abs)
			}
		}
	}
	return ""
}

// EscapeGlob returns a pattern, for [path.Match] or [Files.Glob], that matches only the name.
func EscapeGlob(name string) string { return escaper.Replace(name) }

var escaper = strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`)

// named returns the name of a file as the caller would open it.
func (f Files) named(abs string) string {
	base, err1 := filepath.Abs(f.base)
	below, err2 := filepath.Rel(base, abs)
	if err1 != nil || err2 != nil {
		return abs
	}
	return filepath.Join(f.base, below)
}
