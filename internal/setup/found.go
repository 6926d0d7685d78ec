package setup

import (
	"bytes"
	"context"
	"errors"
	"os"
	"strings"

	"github.com/secretsync/secretsync/internal/repo"
	"github.com/secretsync/secretsync/manifest"
)

// FindManifest finds the manifest, or the name for a new one.
func FindManifest(file string) (name string, exists bool, err error) {
	if file == "" {
		file, err = manifest.Find(".")
		if errors.Is(err, manifest.ErrNone) {
			return "secretsync.yaml", false, nil
		}
		return file, err == nil, err
	}
	_, err = os.Lstat(file)
	return file, err == nil, nil
}

// LikelyCI is the CI system that the repository's origin suggests.
func LikelyCI(ctx context.Context, root string, getenv func(string) string) string {
	origin, err := repo.Git(ctx, root, getenv, "config", "--get", "remote.origin.url")
	switch {
	case err != nil:
		return NoCI
	case bytes.Contains(origin, []byte("gitlab")):
		return GitLab
	case bytes.Contains(origin, []byte("github")):
		return GitHub
	}
	return NoCI
}

// AppliedBranch returns the branch to apply: the origin's default branch, or a new repository's.
func AppliedBranch(ctx context.Context, root string, getenv func(string) string) string {
	for _, ref := range []string{"refs/remotes/origin/HEAD", "HEAD"} {
		out, err := repo.Git(ctx, root, getenv, "symbolic-ref", "--short", ref)
		branch := strings.TrimPrefix(strings.TrimSpace(string(out)), "origin/")
		if err == nil && (ref != "HEAD" || branch == "master") {
			return branch
		}
	}
	return "main"
}
