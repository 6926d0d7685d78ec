package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/secretsync/secretsync/internal/render"
	"github.com/secretsync/secretsync/lockfile"
)

// resolution is how lock merge without files completes a lockfile.
type resolution struct {
	app    *App
	path   string
	merged bool             // git's conflict was resolved
	joined []lockfile.Saved // their records are in the lockfile, or in its conflict
	// conflict is what only a person can decide; the content has it between git's markers.
	conflict error
}

// resolve returns the content with git's conflict resolved and with the records that were
// saved beside the lockfile. It stops at the first conflict that it cannot resolve.
func (r *resolution) resolve(ctx context.Context, content []byte) ([]byte, error) {
	saved, err := lockfile.Unmerged(r.path)
	if err != nil {
		return nil, err
	}
	content, err = r.resolveGit(ctx, content, len(saved) > 0)
	for _, s := range saved {
		if err != nil || r.conflict != nil {
			break
		}
		content, err = r.join(content, s)
	}
	return content, err
}

// resolveGit merges the versions that git could not merge. Without any, the content has to be
// a lockfile; it may only be missing if there are saved records, which can take its place.
func (r *resolution) resolveGit(ctx context.Context, content []byte, saved bool) ([]byte, error) {
	v, err := r.app.unmergedVersions(ctx, r.path)
	switch {
	case err != nil:
		return nil, err
	case v == nil && content == nil && saved:
		return nil, nil
	case v == nil:
		return content, noConflict(r.path, content)
	}
	r.merged = true
	return r.merge(*v)
}

// merge returns the merged text, which may have a conflict.
func (r *resolution) merge(v versions) ([]byte, error) {
	text, err := r.app.merge(v)
	if text == nil {
		return nil, err
	}
	r.conflict = err
	return text, nil //nolint:nilerr // the text shows the conflict, and is written
}

// join adds the records that an apply saved. If the lockfile was removed, that says nothing
// about any record: what was saved takes its place.
func (r *resolution) join(content []byte, s lockfile.Saved) ([]byte, error) {
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
		r.joined = append(r.joined, s)
		return ours, nil
	}
	text, err := r.merge(versions{name: r.path, base: base, ours: ours, theirs: content})
	if err == nil {
		r.joined = append(r.joined, s)
	}
	return text, err
}

// report says what was done.
func (r *resolution) report(out io.Writer) error {
	path := render.Safe(r.path)
	var names []string
	for _, s := range r.joined {
		names = append(names, render.Safe(s.Ours))
	}
	var err error
	switch {
	case r.conflict != nil: // it says what to do
	case len(names) > 0:
		_, err = fmt.Fprintf(out, "Added the records of %s to %s. Next: run plan.\n", strings.Join(names, " and "), path)
	case r.merged:
		_, err = fmt.Fprintf(out, "Merged %s. Next: git add %s, and run plan.\n", path, path)
	default:
		_, err = fmt.Fprintf(out, "%s has no conflict.\n", path)
	}
	return err
}
