package manifest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Errors of [Find].
var (
	// ErrNone says that there is no manifest.
	ErrNone = errors.New("no secretsync.yaml, .yml, .toml or .json")
	// ErrAbsent says that the manifest that was named does not exist.
	ErrAbsent = errors.New("there is no such manifest")
	// ErrSeveral says that there is more than one.
	ErrSeveral = errors.New("several manifests")
)

// Find returns the manifest of a folder: secretsync.yaml, .yml, .toml or .json. Its errors
// are [ErrNone] and [ErrSeveral].
func Find(dir string) (string, error) {
	var found, odd []string
	for _, ext := range []string{".yaml", ".yml", ".toml", ".json"} {
		name := filepath.Join(dir, "secretsync"+ext)
		if info, err := os.Stat(name); err == nil && info.Mode().IsRegular() {
			found = append(found, name)
		} else if _, err := os.Lstat(name); err == nil {
			odd = append(odd, name)
		}
	}
	switch len(found) {
	case 0:
		if len(odd) > 0 { // a folder, a pipe or a dead link: Load says which
			return odd[0], nil
		}
		return "", fmt.Errorf("%w in %q", ErrNone, dir)
	case 1:
		return found[0], nil
	}
	return "", fmt.Errorf("%w: %s", ErrSeveral, strings.Join(found, ", "))
}
