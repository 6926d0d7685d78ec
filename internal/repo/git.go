package repo

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// gitTime limits git. In a very large repository, comparing all files can take longer.
const gitTime = 5 * time.Second

// Git returns what git prints in a folder, and false if there is no repository or git fails.
// git gets none of the credentials in the environment, and writes nothing.
func Git(ctx context.Context, dir string, env func(string) string, args ...string) (string, bool) {
	if _, err := os.Lstat(filepath.Join(New(dir, false).Root, ".git")); err != nil {
		return "", false
	}
	ctx, cancel := context.WithTimeout(ctx, gitTime)
	defer cancel()
	git := exec.CommandContext(ctx, "git", append([]string{"-c", "core.fsmonitor=false"}, args...)...)
	git.Dir, git.WaitDelay = dir, time.Second
	git.Env = []string{"GIT_OPTIONAL_LOCKS=0", "GIT_LITERAL_PATHSPECS=1"}
	for _, name := range []string{"PATH", "HOME", "USERPROFILE", "SYSTEMROOT", "GIT_DIR", "GIT_WORK_TREE", "GIT_CEILING_DIRECTORIES"} {
		if value := env(name); value != "" {
			git.Env = append(git.Env, name+"="+value)
		}
	}
	out, err := git.Output()
	return string(out), err == nil
}

// Tracked returns those of the files in dir that git tracks, in no particular order.
func Tracked(ctx context.Context, dir string, env func(string) string, names ...string) []string {
	out, ok := Git(ctx, dir, env, append([]string{"ls-files", "-z", "--"}, names...)...)
	if !ok || out == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(out, "\x00"), "\x00")
}
