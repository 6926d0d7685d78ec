package repo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"strings"
	"time"
)

// gitTime limits git. In a very large repository, comparing all files can take longer.
const gitTime = 5 * time.Second

// gitEnv are the variables that git needs to find its programs, its configuration and the
// repository.
var gitEnv = []string{
	"PATH", "HOME", "USERPROFILE", "SYSTEMROOT", "XDG_CONFIG_HOME", "GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM",
	"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_CEILING_DIRECTORIES",
}

// Git returns what git prints in a folder. The error is [fs.ErrNotExist] if that is in no
// repository. git gets none of the credentials in the environment, takes paths literally, and
// writes nothing.
func Git(ctx context.Context, dir string, env func(string) string, args ...string) ([]byte, error) {
	if !InWorkTree(dir) {
		return nil, fmt.Errorf("a git repository at %s: %w", dir, fs.ErrNotExist)
	}
	ctx, cancel := context.WithTimeout(ctx, gitTime)
	defer cancel()
	git := exec.CommandContext(ctx, "git", append([]string{"-c", "core.fsmonitor=false"}, args...)...)
	git.Dir, git.WaitDelay = dir, time.Second
	git.Env = []string{"GIT_OPTIONAL_LOCKS=0", "GIT_LITERAL_PATHSPECS=1", "LC_ALL=C"}
	for _, name := range gitEnv {
		if value := env(name); value != "" {
			git.Env = append(git.Env, name+"="+value)
		}
	}
	out, err := git.Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		first, _, _ := strings.Cut(strings.TrimSpace(string(exit.Stderr)), "\n")
		return nil, fmt.Errorf("git %s failed: %s", args[0], first)
	}
	if err != nil {
		return nil, fmt.Errorf("git could not be run: %w", err)
	}
	return out, nil
}

// Tracked returns those of the files in dir that git tracks, in no particular order.
func Tracked(ctx context.Context, dir string, env func(string) string, names ...string) []string {
	out, err := Git(ctx, dir, env, append([]string{"ls-files", "-z", "--"}, names...)...)
	if err != nil || len(out) == 0 {
		return nil
	}
	return strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
}
