package doctor

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/secretsync/secretsync/internal/repo"
	"github.com/secretsync/secretsync/internal/shell"
)

// git runs git in the lockfile's folder, and returns why that is not possible.
func (x *examination) git(ctx context.Context, args ...string) (out string, why string) {
	env := func(name string) string { value, _ := x.Config.LookupEnv(name); return value }
	text, err := repo.Git(ctx, filepath.Dir(x.project.LocalLockfile()), env, args...)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", "not in a git repository"
	case err != nil:
		return "", err.Error()
	}
	return string(text), ""
}

// committed finds out whether the lockfile is in git as it is here.
func (x *examination) committed(ctx context.Context) Check {
	const name = "committed"
	s := &x.lockfile
	switch {
	case s.path == "":
		return skipped(name, s.unknown)
	case s.inBucket():
		return skipped(name, "the lockfile is in a bucket")
	case !s.exists():
		return skipped(name, "there is no lockfile yet")
	}
	text, why := x.status(ctx, filepath.Base(s.path))
	unused := s.file != nil && len(s.file.Stores) == 0 // only the key is in it
	c := Check{Name: name, Subject: s.path, Status: Warning, Hint: "run " + shell.Git(s.path, "add") + ", and commit and push it"}
	switch {
	case why != "":
		return skipped(name, why)
	case text == "":
		return Check{Name: name, Subject: s.path, Status: OK, Message: "committed and unchanged"}
	case strings.Contains(text, "!! "):
		c.Message, c.Hint = "git ignores it: other machines apply without its records", "remove it from .gitignore, and commit it"
	case added(text) && unused && x.manifestAdded(ctx):
		return Check{
			Name: name, Subject: s.path, Status: OK, Message: "neither it nor the manifest is committed yet",
			Hint: "run " + shell.Git(s.path, "add") + ", and commit it together with " + x.project.Manifest().File,
		}
	case strings.Contains(text, "?? ") && unused:
		c.Message = "not in git: other machines start another one"
	case strings.Contains(text, "?? "):
		c.Message = "not in git: other machines apply without its records"
	default:
		c.Message = "has changes that are not committed"
	}
	return c
}

// status is what git says of a file; empty if it has it as it is here.
func (x *examination) status(ctx context.Context, name string) (text, why string) {
	return x.git(ctx, "status", "--porcelain", "--ignored", "-z", "--", name)
}

// added reports whether no commit has a file of this status.
func added(status string) bool {
	return strings.HasPrefix(status, "??") || strings.HasPrefix(status, "A")
}

// manifestAdded reports whether no commit has the manifest, as before the first commit of a project.
func (x *examination) manifestAdded(ctx context.Context) bool {
	file, err := filepath.Abs(x.project.Manifest().File)
	if err != nil {
		return false
	}
	text, why := x.status(ctx, file)
	return why == "" && added(text)
}

// ignored finds out whether git keeps away from files that belong in no repository.
func (x *examination) ignored(ctx context.Context) Check {
	const name = "git"
	if x.project == nil {
		return skipped(name, "no manifest")
	}
	if _, why := x.git(ctx, "rev-parse", "--git-dir"); why != "" {
		return skipped(name, why)
	}
	if found := x.Tracked(ctx, x.project.LocalLockfile()); len(found) > 0 {
		return ofMistakes(name, "", Error, found)
	}
	key := x.project.KeyFile()
	if _, err := os.Lstat(key); errors.Is(err, fs.ErrNotExist) {
		return Check{Name: name, Status: OK, Message: "tracks no key, and there is no key file to ignore"}
	}
	env := func(name string) string { value, _ := x.Config.LookupEnv(name); return value }
	switch ignored, err := repo.Ignored(ctx, filepath.Dir(key), env, filepath.Base(key)); {
	case err != nil:
		return skipped(name, err.Error())
	case !ignored:
		return Check{
			Name: name, Subject: key, Status: Warning, Message: "git does not ignore the fingerprint key, so git add . would commit it",
			Hint: "add the line /" + shell.GitPattern(filepath.Base(key)) + " to .gitignore",
		}
	}
	return Check{Name: name, Status: OK, Message: "ignores the fingerprint key, " + key}
}
