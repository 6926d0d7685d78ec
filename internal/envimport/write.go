package envimport

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/secretsync/secretsync/internal/outfile"
	"github.com/secretsync/secretsync/internal/render"
	"github.com/secretsync/secretsync/internal/render/rows"
	"github.com/secretsync/secretsync/internal/repo"
	"github.com/secretsync/secretsync/internal/shell"
)

// show says what becomes of every entry.
func (im *importer) show() error {
	out := &rows.Writer{W: im.Out}
	encrypted := map[string]bool{} // by this command
	if im.extended != nil {
		for _, name := range im.extended.Added {
			encrypted[name] = true
		}
	}
	for _, e := range im.entries {
		switch {
		case e.present:
			out.Add("present", "%s  the manifest has it, with this value", e.Name)
		case !encrypted[e.Name]:
			out.Add("add", "%s  its value is in %s already", e.Name, render.Safe(im.sops))
		default:
			out.Add("add", "%s  from %s", e.Name, render.Safe(e.Pos.String()))
		}
	}
	for _, e := range im.left {
		out.Add("left out", "%s  %s", render.Safe(e.Pos.String()), e.why)
	}
	if out.Err == nil {
		_, out.Err = fmt.Fprintln(im.Out)
	}
	return out.Err
}

// write writes the SOPS file, then the manifest.
func (im *importer) write() error {
	if im.manifestText == nil {
		return nil
	}
	dir := filepath.Dir(im.sops)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := errors.Join(outfile.Prepare(im.sops, im.extended.Data), outfile.Prepare(im.manifest, im.manifestText)); err != nil {
		return err
	}
	if len(im.extended.Added) > 0 {
		if err := outfile.Replace(im.sops, im.oldSOPS, im.extended.Data); err != nil {
			return err
		}
		fmt.Fprintf(im.Out, "Wrote %s: values %d, encrypted for recipients: %d.\n", render.Safe(im.sops),
			len(im.extended.Added), im.extended.Recipients)
	}
	if err := outfile.Replace(im.manifest, im.oldManifest, im.manifestText); err != nil {
		return fmt.Errorf("%w; nothing is lost: run the same command again", err)
	}
	_, err := fmt.Fprintf(im.Out, "Wrote %s: secrets %d, in the store %s.\n", render.Safe(im.manifest), len(im.missing()), im.store)
	return err
}

// next says what to do with the plaintext files, and how to go on.
func (im *importer) next(ctx context.Context) error {
	out := im.Out
	missing := len(im.missing())
	switch {
	case im.opts.DryRun:
		_, err := fmt.Fprintf(out, "Nothing was written. To add: %d, to %s and %s.\n", missing, render.Safe(im.sops), render.Safe(im.manifest))
		return err
	case missing == 0:
		fmt.Fprintf(out, "Nothing to import: to add 0, present %d, left out %d.\n", len(im.entries), len(im.left))
	case im.project != nil && im.created:
		fmt.Fprintf(out, "Next: add %s to include in %s, run %s, and commit both with %s.\n",
			render.Safe(im.manifest), render.Safe(im.project.Manifest().File), im.Line("plan"), render.Safe(im.sops))
	default:
		fmt.Fprintf(out, "Next: run %s, and commit %s and %s.\n", im.Line("plan"), render.Safe(im.manifest), render.Safe(im.sops))
	}
	for _, name := range im.opts.Files {
		if name == stdinName {
			continue
		}
		fmt.Fprintf(out, "Then: %s.\n", render.Safe(im.toDelete(name)))
		im.warnInGit(ctx, name)
	}
	return nil
}

// toDelete says what to delete from a plaintext file. Entries that are left out are not named: what
// precedes a "=" may be a piece of a value.
func (im *importer) toDelete(name string) string {
	when := "when your Workers read them from the store (" + im.Line("bindings", "generate") +
		"; for local development, " + im.Line("dev") + ")"
	switch left := slices.ContainsFunc(im.left, func(e entry) bool { return e.Pos.File == name }); {
	case !left:
		return "delete " + name + ", which holds the values in plaintext, " + when
	case len(im.taken[name]) == 0:
		return "keep " + name + ": nothing was taken from it"
	}
	return "delete " + strings.Join(im.taken[name], ", ") + " from " + name + ", which holds them in plaintext, " + when
}

// warnInGit warns of a plaintext file that git tracks, or would add.
func (im *importer) warnInGit(ctx context.Context, name string) {
	dir, base := filepath.Dir(name), filepath.Base(name)
	replace := "rotate the values at their issuers: the old ones remain in git's history"
	switch {
	case !repo.InWorkTree(dir):
	case len(repo.Tracked(ctx, dir, im.getenv, base)) > 0:
		im.Say("warning: git tracks %s: whoever can read the repository has its values", name)
		im.Hint("run git rm --cached " + shell.File(name) + ", add it to .gitignore, and " + replace)
	case im.wasCommitted(ctx, dir, base):
		im.Say("warning: git's history has %s: whoever can read the repository has what it held", name)
		im.Hint(replace)
	default:
		if ignored, err := repo.Ignored(ctx, dir, im.getenv, base); err == nil && !ignored {
			im.Say("warning: git does not ignore %s", name)
			im.Hint("add it to .gitignore before the next commit")
		}
	}
}

// wasCommitted reports whether a commit of any branch has a file of that name.
func (im *importer) wasCommitted(ctx context.Context, dir, base string) bool {
	out, err := repo.Git(ctx, dir, im.getenv, "log", "-1", "--all", "--format=%h", "--", base)
	return err == nil && len(out) > 0
}
