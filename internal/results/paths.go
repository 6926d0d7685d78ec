package results

import (
	"path/filepath"

	"github.com/secretsync/secretsync/internal/render"
	"github.com/secretsync/secretsync/internal/repo"
)

// fromRoot returns a function that rewrites a file name relative to the folder that an
// environment variable names, if the file is in it.
func (r *Writer) fromRoot(variable string) func(string) string {
	root, _ := r.LookupEnv(variable)
	return relativeTo(root)
}

// relativeTo returns a function that rewrites a file name relative to a folder, if the file is
// in it. An empty folder leaves names as they are.
func relativeTo(root string) func(string) string {
	return func(name string) string {
		abs, err := filepath.Abs(name)
		if root == "" || name == "" || err != nil {
			return name
		}
		below, err := filepath.Rel(root, abs)
		if err != nil || !filepath.IsLocal(below) {
			return name
		}
		return filepath.ToSlash(below)
	}
}

// fromRepository returns a function that rewrites a file name relative to the folder of the
// repository that a manifest is in, which CI knows better. Names outside of it become absolute.
func (r *Writer) fromRepository(manifest string) func(string) string {
	root := repo.New(filepath.Dir(manifest), false).Root
	for _, variable := range []string{"GITHUB_WORKSPACE", "CI_PROJECT_DIR"} {
		if dir, _ := r.LookupEnv(variable); dir != "" {
			root = dir
		}
	}
	below := relativeTo(root)
	return func(name string) string {
		if name == "" {
			return ""
		}
		abs, err := filepath.Abs(name)
		if name = below(name); err == nil && !filepath.IsLocal(name) {
			return abs
		}
		return name
	}
}

// rename rewrites the file names of mistakes.
func rename(mistakes []render.Mistake, name func(string) string) {
	for i := range mistakes {
		mistakes[i].Pos.File = name(mistakes[i].Pos.File)
	}
}
