package lockmerge

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/secretsync/secretsync/internal/hint"
	"github.com/secretsync/secretsync/internal/repo"
	"github.com/secretsync/secretsync/internal/shell"
)

// unmerged returns the versions of a file that git could not merge, from its index;
// nil if it is not in conflict.
func unmerged(ctx context.Context, path string, getenv func(string) string) (*Versions, error) {
	dir, name := filepath.Split(path)
	if dir == "" {
		dir = "."
	}
	listed, err := repo.Git(ctx, dir, getenv, "ls-files", "--unmerged", "-z", "--", name)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(listed) == 0 {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	v := &Versions{Name: path}
	for entry := range strings.SplitSeq(strings.TrimSuffix(string(listed), "\x00"), "\x00") {
		about, _, _ := strings.Cut(entry, "\t") // mode, object and stage
		fields := strings.Fields(about)
		if len(fields) != 3 {
			return nil, fmt.Errorf("git ls-files lists %q in an unknown form", path)
		}
		to, ok := map[string]*[]byte{"1": &v.Base, "2": &v.Ours, "3": &v.Theirs}[fields[2]]
		if !ok {
			return nil, fmt.Errorf("git ls-files lists %q in an unknown stage", path)
		}
		if *to, err = repo.Git(ctx, dir, getenv, "cat-file", "blob", fields[1]); err != nil {
			return nil, err
		}
	}
	if v.Ours == nil || v.Theirs == nil {
		return nil, hint.With(fmt.Errorf("one side removed %s, and the other changed it", path),
			"keep it with "+shell.Git(path, "add")+", or remove it with "+shell.Git(path, "rm"))
	}
	return v, nil
}
