// Package devsession finds how a project runs its Workers locally. A development session of
// wrangler or Vite keeps the state of all its Workers in one folder (docs/cloudflare-api.md
// §13), which is not always beside a Worker's own configuration.
//
// Call [Places], which says where each Worker looks. It reads the scripts of package.json files
// and the configurations of Vite as text, and runs neither.
package devsession

import (
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/secretsync/secretsync/internal/localdev"
	"github.com/secretsync/secretsync/internal/wrangler"
)

// maxFile limits the files that are read; a larger one is ignored.
const maxFile = 1 << 20

// Session runs some Workers of the project.
type Session struct {
	// By says where it was found.
	By string
	// Dir is the folder whose packages run it.
	Dir string
	// State is the folder that keeps the state, as for wrangler dev's --persist-to. It is empty
	// if Problem is set.
	State string
	// Files are the configurations of its Workers, as they were given to [Find].
	Files []string
	// Vite says that the session is Vite's.
	Vite bool
	// Problem says why the state's folder is not known.
	Problem string
}

// Find returns the sessions that run any of the files, which are configurations of Workers.
// It looks in the folders of the files and in those above, up to root.
func Find(root string, files []string) []Session {
	s := &search{files: map[string]string{}}
	var err error
	if s.cwd, err = os.Getwd(); err != nil {
		return nil
	}
	if s.root, err = filepath.Abs(root); err != nil {
		return nil
	}
	var dirs []string
	for _, file := range files {
		abs, err := filepath.Abs(file)
		if err != nil {
			continue
		}
		s.files[abs] = file
		for dir := filepath.Dir(abs); inside(s.root, dir); dir = filepath.Dir(dir) {
			if !slices.Contains(dirs, dir) {
				dirs = append(dirs, dir)
			}
			if dir == s.root {
				break
			}
		}
	}
	slices.Sort(dirs)
	for _, dir := range dirs {
		s.scripts(dir)
		s.vite(dir)
	}
	return s.found
}

// search is a search for sessions. Its paths are absolute.
type search struct {
	cwd, root string
	files     map[string]string // how the caller calls a file
	found     []Session
}

// add adds a session if it runs any of the files. state is empty if there is a problem.
func (s *search) add(session Session, configs []string, state string) {
	for _, config := range configs {
		if name, ok := s.files[config]; ok && !slices.Contains(session.Files, name) {
			session.Files = append(session.Files, name)
		}
	}
	if len(session.Files) == 0 {
		return
	}
	if state != "" && !inside(s.root, state) {
		session.Problem = "it keeps its state in " + state + ", outside the project"
	}
	if session.Problem == "" {
		session.State = s.shown(state)
	}
	session.Dir = s.shown(session.Dir)
	s.found = append(s.found, session)
}

// shown returns a path relative to the current folder, as users write them.
func (s *search) shown(path string) string {
	if rel, err := filepath.Rel(s.cwd, path); err == nil {
		return rel
	}
	return path
}

// ownConfig returns the configuration that wrangler and Vite use in a folder if no other is
// named.
func ownConfig(dir string) string {
	for _, name := range wrangler.Names {
		if info, err := os.Stat(filepath.Join(dir, name)); err == nil && info.Mode().IsRegular() {
			return filepath.Join(dir, name)
		}
	}
	return ""
}

// state is the state's folder in a folder that names no other.
func state(dir string) string { return localdev.Place{Dir: dir}.State() }

// resolve returns the path that a program in dir means.
func resolve(dir, path string) string {
	if path = filepath.FromSlash(path); filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(dir, path)
}

func inside(root, path string) bool {
	rel, err := filepath.Rel(root, path)
	return err == nil && filepath.IsLocal(rel)
}

// read returns the content of a regular file, and nil if it cannot be read or is too large.
func read(name string) []byte {
	info, err := os.Stat(name)
	if err != nil || !info.Mode().IsRegular() {
		return nil
	}
	file, err := os.Open(name)
	if err != nil {
		return nil
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err != nil || len(data) > maxFile {
		return nil
	}
	return data
}
