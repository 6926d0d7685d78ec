package repo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/secretsync/secretsync/internal/subprocess"
)

const (
	// gitTime limits git. In a very large repository, comparing all files can take longer.
	gitTime = 5 * time.Second
	// maxGit limits what git prints. The largest is a version of a lockfile.
	maxGit = 64 << 20
)

// gitEnv are the variables that git needs to find its programs, its configuration and the
// repository.
var gitEnv = []string{
	"PATH", "HOME", "USERPROFILE", "SYSTEMROOT", "XDG_CONFIG_HOME", "GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM",
	"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_CEILING_DIRECTORIES",
}

// Git returns what git prints in a folder. The error is [fs.ErrNotExist] if that is in no
// repository. git gets none of the credentials in the environment, takes paths literally, and
// writes nothing. A folder that is a repository without .git is not used as one: a pull request can
// add such a folder, and its configuration names commands that git runs (git 2.38 and later).
func Git(ctx context.Context, dir string, env func(string) string, args ...string) ([]byte, error) {
	if !InWorkTree(dir) {
		return nil, fmt.Errorf("a git repository at %s: %w", dir, fs.ErrNotExist)
	}
	git := subprocess.Command{
		Args: append([]string{"git", "-c", "core.fsmonitor=false", "-c", "safe.bareRepository=explicit"}, args...), Dir: dir,
		Env:  []string{"GIT_OPTIONAL_LOCKS=0", "GIT_LITERAL_PATHSPECS=1", "LC_ALL=C"},
		Time: gitTime, MaxOutput: maxGit,
	}
	for _, name := range gitEnv {
		if value := env(name); value != "" {
			git.Env = append(git.Env, name+"="+value)
		}
	}
	name := args[slices.IndexFunc(args, func(arg string) bool { return !strings.HasPrefix(arg, "-") })]
	out, err := git.Output(ctx)
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		first, _, _ := strings.Cut(strings.TrimSpace(string(exit.Stderr)), "\n")
		return nil, &gitError{fmt.Sprintf("git %s failed: %s", name, first), exit.ExitCode()}
	}
	switch {
	case errors.Is(err, subprocess.ErrTime):
		return nil, fmt.Errorf("git %s took longer than %v", name, gitTime)
	case errors.Is(err, subprocess.ErrOutput):
		return nil, fmt.Errorf("git %s printed more than %d MiB", name, maxGit>>20)
	case err != nil:
		return nil, fmt.Errorf("git could not be run: %w", err)
	}
	return out, nil
}

// gitError is that git ended with an exit code other than 0.
type gitError struct {
	what string
	code int
}

func (e *gitError) Error() string { return e.what }

// Ignored reports whether git ignores a path below dir.
func Ignored(ctx context.Context, dir string, env func(string) string, path string) (bool, error) {
	// check-ignore refuses GIT_LITERAL_PATHSPECS. A path that begins with ./ has no magic.
	_, err := Git(ctx, dir, env, "--no-literal-pathspecs", "check-ignore", "-q", "./"+filepath.ToSlash(path))
	if failed, ok := errors.AsType[*gitError](err); ok && failed.code == 1 {
		return false, nil
	}
	return err == nil, err
}

// Tracked returns the files in dir that exist and that git tracks, in no particular order. Git runs
// only if one of them exists.
func Tracked(ctx context.Context, dir string, env func(string) string, names ...string) []string {
	names = slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		_, err := os.Lstat(filepath.Join(dir, name))
		return err != nil
	})
	if len(names) == 0 {
		return nil
	}
	out, err := Git(ctx, dir, env, append([]string{"ls-files", "-z", "--"}, names...)...)
	if err != nil || len(out) == 0 {
		return nil
	}
	return strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
}
