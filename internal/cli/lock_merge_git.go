package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/secretsync/secretsync/internal/hint"
	"github.com/secretsync/secretsync/internal/keyring"
)

// unmergedVersions returns the versions of a file that git could not merge, from its index;
// nil if it is not in conflict.
func unmergedVersions(ctx context.Context, path string) (*versions, error) {
	dir, name := filepath.Split(path)
	if dir == "" {
		dir = "."
	}
	if !keyring.InWorkTree(dir) {
		return nil, nil
	}
	listed, err := git(ctx, dir, "--literal-pathspecs", "ls-files", "--unmerged", "-z", "--", name)
	if err != nil || len(listed) == 0 {
		return nil, err
	}
	v := &versions{name: path}
	for entry := range strings.SplitSeq(strings.TrimSuffix(string(listed), "\x00"), "\x00") {
		about, _, _ := strings.Cut(entry, "\t") // mode, object and stage
		fields := strings.Fields(about)
		if len(fields) != 3 {
			return nil, fmt.Errorf("git ls-files lists %q in a form that is not known", path)
		}
		to, ok := map[string]*[]byte{"1": &v.base, "2": &v.ours, "3": &v.theirs}[fields[2]]
		if !ok {
			return nil, fmt.Errorf("git ls-files lists %q in an unknown stage", path)
		}
		if *to, err = git(ctx, dir, "cat-file", "blob", fields[1]); err != nil {
			return nil, err
		}
	}
	if v.ours == nil || v.theirs == nil {
		return nil, hint.With(fmt.Errorf("one side removed %s, and the other changed it", path),
			"keep it with git add, or remove it with git rm")
	}
	return v, nil
}

// git returns what git prints in a folder.
func git(ctx context.Context, dir string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "LC_ALL=C", "GIT_OPTIONAL_LOCKS=0")
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		first, _, _ := strings.Cut(strings.TrimSpace(said.String()), "\n")
		return nil, fmt.Errorf("git %s failed: %s", args[0], first)
	case err != nil:
		return nil, fmt.Errorf("git could not be run: %w", err)
	}
	return append([]byte{}, out.Bytes()...), nil
}
