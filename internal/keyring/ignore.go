package keyring

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Ignore adds names to the .gitignore file of dir, unless it lists them already. Outside a git
// work tree it does nothing. It refuses a .gitignore that is a link or no regular file,
// because a pull request may have planted it.
func Ignore(dir string, names ...string) error {
	if !InWorkTree(dir) {
		return nil
	}
	path := filepath.Join(dir, ".gitignore")
	old, err := readIgnored(path)
	if err != nil {
		return fmt.Errorf("adding %s to .gitignore: %w", strings.Join(names, ", "), err)
	}
	lines := strings.Split(string(old), "\n")
	var add strings.Builder
	if len(old) > 0 && !strings.HasSuffix(string(old), "\n") {
		add.WriteByte('\n')
	}
	for _, name := range names {
		if !slices.Contains(lines, name) && !slices.Contains(lines, "/"+name) {
			add.WriteString("/" + name + "\n")
		}
	}
	if strings.TrimSpace(add.String()) == "" {
		return nil
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return fmt.Errorf("adding %s to .gitignore: %w", strings.Join(names, ", "), err)
	}
	_, err = f.WriteString(add.String())
	return errors.Join(err, f.Close())
}

// maxIgnored is far larger than any .gitignore.
const maxIgnored = 4 << 20

// readIgnored returns nil if there is no file.
func readIgnored(path string) ([]byte, error) {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular() || info.Size() > maxIgnored:
		return nil, fmt.Errorf("%s is not a regular file of reasonable size: replace it with one", path)
	}
	return os.ReadFile(path)
}

// InWorkTree reports whether dir or a parent of it contains .git.
func InWorkTree(dir string) bool {
	dir, err := filepath.Abs(dir)
	for err == nil {
		if _, err := os.Lstat(filepath.Join(dir, ".git")); err == nil {
			return true
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return false
		}
		dir = parent
	}
	return false
}
