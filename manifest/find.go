package manifest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// ErrNone says that there is no manifest.
var ErrNone = errors.New("no secretsync.yaml, .yml, .toml or .json")

// Find returns the manifest of a folder: secretsync.yaml, .yml, .toml or .json.
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
		return "", fmt.Errorf("%w in %q: name one with --file, or write one (see docs/manifest.md)", ErrNone, dir)
	case 1:
		return found[0], nil
	}
	return "", fmt.Errorf("several manifests: %s: remove all but one, or name one with --file", strings.Join(found, ", "))
}
