package manifest

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/secretsync/secretsync/internal/syntax"
)

// glob returns the files that match a pattern which a file names, sorted.
func (f files) glob(at syntax.Pos, from, pattern string) ([]string, *syntax.Error) {
	rel, bad := f.pattern(at, from, pattern)
	if bad != nil {
		return nil, bad
	}
	if f.allowOutside {
		names, _ := filepath.Glob(join(from, pattern)) // pattern has checked it
		return f.someOf(at, pattern, rel, names)
	}
	root, err := os.OpenRoot(f.root)
	if err != nil {
		return nil, f.explain(at, f.root, err)
	}
	defer root.Close()
	names, _ := fs.Glob(root.FS(), rel)
	for i, name := range names {
		names[i] = f.named(name)
	}
	return f.someOf(at, pattern, rel, names)
}

// pattern checks a pattern that a file names, and returns it relative to the root.
func (f files) pattern(at syntax.Pos, from, pattern string) (string, *syntax.Error) {
	dir, _ := f.inside(filepath.Dir(from))
	rel := path.Join(escapePattern.Replace(filepath.ToSlash(dir)), filepath.ToSlash(pattern))
	_, err := path.Match(pattern, "")
	switch {
	case strings.Contains(pattern, "**"):
		return "", mistake(at, "name each level: a/*/b.yaml", "** is not supported in a pattern")
	case err != nil:
		return "", mistake(at, "", "not a pattern: %q", pattern)
	case !f.allowOutside && (filepath.IsAbs(pattern) || !filepath.IsLocal(rel)):
		return "", outside(at, pattern)
	}
	return rel, nil
}

// someOf refuses a pattern that matches nothing, or too much. Where a link on the way leads out of
// the root, it says so, as what lies there was not looked at.
func (f files) someOf(at syntax.Pos, pattern, rel string, names []string) ([]string, *syntax.Error) {
	switch {
	case len(names) > maxIncluded:
		return nil, mistake(at, "", "more than %d files match %q", maxIncluded, pattern)
	case len(names) > 0:
		return names, nil
	}
	if link := f.leadingOut(rel); link != "" {
		return nil, mistake(at, "--allow-outside permits it", "no file matches %q, and %q leads out of the repository", pattern, link)
	}
	return nil, mistake(at, "paths are relative to the file that names them", "no file matches %q", pattern)
}

// leadingOut returns a match of a pattern, or of a folder on its way, that is a link
// out of the root. The shortest come first, so that no folder outside is listed.
func (f files) leadingOut(rel string) string {
	if f.allowOutside {
		return ""
	}
	parts := strings.Split(rel, "/")
	base := escapePattern.Replace(filepath.ToSlash(f.root))
	for i := range parts {
		matches, _ := filepath.Glob(filepath.FromSlash(path.Join(base, path.Join(parts[:i+1]...))))
		for _, m := range matches {
			if f.leads(m) {
				below, _ := f.inside(m)
				return f.named(below)
			}
		}
	}
	return ""
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
