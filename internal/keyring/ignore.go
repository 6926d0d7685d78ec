package keyring

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/secretsync/secretsync/internal/charset"
	"github.com/secretsync/secretsync/internal/shell"
)

// Ignore adds names to the .gitignore file of dir, unless it lists them already, also outside
// a git work tree: the folder may become one. It refuses a .gitignore that is a link or no
// regular file, because a pull request may have planted it.
func Ignore(dir string, names ...string) error {
	err := addLines(filepath.Join(dir, ".gitignore"), func(lines []string) (missing []string) {
		for _, name := range names {
			if !slices.Contains(lines, name) && !slices.Contains(lines, "/"+name) {
				missing = append(missing, "/"+name)
			}
		}
		return missing
	})
	if err != nil {
		return fmt.Errorf("adding %s to .gitignore: %w", strings.Join(names, ", "), err)
	}
	return nil
}

// MergeWith adds to the .gitattributes file of dir that git merges the file name with the
// named merge driver, unless a line for that file names one already. It reports whether it
// did, also outside a git work tree. It refuses what [Ignore] refuses.
func MergeWith(dir, name, driver string) (added bool, err error) {
	pattern := shell.GitPattern(name)
	err = addLines(filepath.Join(dir, ".gitattributes"), func(lines []string) []string {
		for _, line := range lines {
			fields := strings.Fields(line)
			if len(fields) > 1 && (fields[0] == pattern || fields[0] == "/"+pattern) && strings.Contains(line, "merge") {
				return nil
			}
		}
		added = true
		return []string{"/" + pattern + " merge=" + driver}
	})
	if err != nil {
		return false, fmt.Errorf("adding %s to .gitattributes: %w", name, err)
	}
	return added, nil
}

// addLines appends lines to the file at path. missing gets its present lines, and returns the new
// ones.
func addLines(path string, missing func(lines []string) []string) error {
	old, err := readIgnored(path)
	if err != nil {
		return err
	}
	if encoding := charset.UTF16(old); encoding != "" {
		return fmt.Errorf("%s is encoded in %s, and git reads none of it: %s", path, encoding, charset.Hint)
	}
	lines := strings.TrimPrefix(strings.ReplaceAll(string(old), "\r\n", "\n"), charset.BOM)
	add := missing(strings.Split(lines, "\n"))
	if len(add) == 0 {
		return nil
	}
	text := strings.Join(add, "\n") + "\n"
	if len(old) > 0 && !strings.HasSuffix(string(old), "\n") {
		text = "\n" + text
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

// maxIgnored is far larger than any .gitignore or .gitattributes.
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
