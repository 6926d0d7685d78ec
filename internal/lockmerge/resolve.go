package lockmerge

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/secretsync/secretsync/internal/hint"
	"github.com/secretsync/secretsync/internal/shell"
	"github.com/secretsync/secretsync/lockfile"
)

// Resolution completes a lockfile that git could not merge, or that lacks the records of an
// apply.
type Resolution struct {
	// Path is the lockfile's, and Getenv reads the environment for git.
	Path   string
	Getenv func(string) string
	// Note receives what a person should know.
	Note func(format string, args ...any)

	// Merged says that git's conflict was resolved.
	Merged bool
	// Joined names the files whose records are in the lockfile, or in its conflict.
	Joined []lockfile.Saved
	// Conflict is what only a person can decide; the content has it between git's markers.
	Conflict error
}

// Resolve returns the content with git's conflict resolved and with the records that were
// saved beside the lockfile. It stops at the first conflict that it cannot resolve.
func (r *Resolution) Resolve(ctx context.Context, content []byte) ([]byte, error) {
	saved, err := lockfile.Unmerged(r.Path)
	if err != nil {
		return nil, err
	}
	content, err = r.resolveGit(ctx, content, len(saved) > 0)
	for _, s := range saved {
		if err != nil || r.Conflict != nil {
			break
		}
		content, err = r.join(content, s)
	}
	return content, err
}

// resolveGit merges the versions that git could not merge. Without any, the content has to be
// a lockfile; it may only be missing if there are saved records, which can take its place.
func (r *Resolution) resolveGit(ctx context.Context, content []byte, saved bool) ([]byte, error) {
	v, err := unmerged(ctx, r.Path, r.Getenv)
	switch {
	case err != nil:
		return nil, err
	case v == nil && content == nil && saved:
		return nil, nil
	case v == nil:
		return content, noConflict(r.Path, content)
	}
	r.Merged = true
	return r.merge(*v)
}

// merge returns the merged text, which may have a conflict.
func (r *Resolution) merge(v Versions) ([]byte, error) {
	text, err := v.Merge(r.Note)
	if text == nil {
		return nil, err
	}
	r.Conflict = err
	return text, nil //nolint:nilerr // the text shows the conflict, and is written
}

// join adds the records that an apply saved. A removed lockfile says nothing about any record, so
// the saved content takes its place.
func (r *Resolution) join(content []byte, s lockfile.Saved) ([]byte, error) {
	ours, err := os.ReadFile(s.Ours)
	if err != nil {
		return nil, err
	}
	base, err := os.ReadFile(s.Base)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if content == nil {
		if _, err := lockfile.Parse(s.Ours, ours); err != nil {
			return nil, err
		}
		r.Joined = append(r.Joined, s)
		return ours, nil
	}
	text, err := r.merge(Versions{Name: r.Path, Base: base, Ours: ours, Theirs: content})
	if err == nil {
		r.Joined = append(r.Joined, s)
	}
	return text, err
}

// noConflict returns why a lockfile that git considers merged cannot be used.
func noConflict(path string, content []byte) error {
	if content == nil {
		return fmt.Errorf("%s does not exist", path)
	}
	_, err := lockfile.Parse(path, content)
	if errors.Is(err, lockfile.ErrConflict) {
		return hint.With(fmt.Errorf("%s has a conflict, but git does not have its versions: either it was already added, or no merge is in progress", path),
			shell.Git(path, "checkout", "--merge")+" brings a conflict back, if it was just added; otherwise edit the file")
	}
	return err
}
