package outfile

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/secretsync/secretsync/internal/hint"
	"github.com/secretsync/secretsync/manifest"
	"github.com/secretsync/secretsync/planner/planfile"
	"github.com/secretsync/secretsync/reconcile"
)

// ownFile is a file that no output may replace. what describes it.
type ownFile struct{ path, what string }

// Guard keeps output out of the files that secretsync relies on. The zero Guard knows none yet.
type Guard struct{ own []ownFile }

// Empty reports whether the guard knows no file yet: no manifest was read.
func (g *Guard) Empty() bool { return len(g.own) == 0 }

// Protect keeps later output out of a project's files.
func (g *Guard) Protect(files []reconcile.File) {
	what := map[reconcile.FileRole]string{
		reconcile.FileManifest: "the manifest", reconcile.FileIncluded: "a file that the manifest includes",
		reconcile.FileSOPS: "a SOPS file that the manifest names", reconcile.FileValue: "a file with a secret's value",
		reconcile.FileWorker: "a wrangler configuration", reconcile.FileLockfile: "the lockfile",
		reconcile.FileBeside: "a file that belongs to the lockfile", reconcile.FileKey: "the fingerprint key's file",
		reconcile.FileIdentity:   "a file with a decryption key",
		reconcile.FileRecipients: "the configuration of SOPS",
	}
	for _, f := range files {
		g.own = append(g.own, ownFile{f.Name, what[f.Role]})
	}
}

// ProtectUnread keeps later output out of the files of a project whose manifest was not read.
func (g *Guard) ProtectUnread(ctx context.Context, c reconcile.Config) {
	m, err := manifest.Load(ctx, manifest.Options{File: c.Manifest, LookupEnv: c.LookupEnv})
	var bad *manifest.LoadError
	if errors.As(err, &bad) {
		m = bad.Partial
	}
	g.Protect(reconcile.Files(c, m))
}

// ProtectPlan keeps later output out of a plan file that was read, and of its project.
func (g *Guard) ProtectPlan(ctx context.Context, path string, f *planfile.File, lookupEnv func(string) (string, bool)) {
	g.own = append(g.own, ownFile{path, "the plan that is read"})
	if f.Inputs.Manifest != "" {
		g.ProtectUnread(ctx, reconcile.Config{Manifest: f.Inputs.Manifest, LookupEnv: lookupEnv})
	}
}

// CheckOwn refuses a file that secretsync relies on, unless it is one of the allowed ones.
func (g *Guard) CheckOwn(flag, path string, allowed ...string) error {
	what := ""
	for _, own := range g.own {
		if Same(path, own.path) {
			what = own.what
			break
		}
	}
	if what == "" && strings.EqualFold(filepath.Base(path), ".sops.yaml") {
		what = "a configuration of SOPS"
	}
	for _, ok := range allowed {
		if what == ok {
			return nil
		}
	}
	if what == "" {
		return nil
	}
	return hint.With(fmt.Errorf("%s %s: that is %s", flag, path, what), "name another file")
}

// Same reports whether two names mean one file: by another path, a link, or a difference in case
// that the file system ignores. Neither file has to exist.
func Same(x, y string) bool {
	infoX, errX := os.Stat(x)
	infoY, errY := os.Stat(y)
	if errX == nil && errY == nil {
		return os.SameFile(infoX, infoY)
	}
	if (errX == nil) != (errY == nil) {
		return false // if the names were those of one file, both would exist
	}
	return strings.EqualFold(Resolved(x), Resolved(y))
}

// Inside reports whether a file is in a folder, or would be if it were created. Links are followed.
func Inside(folder, file string) bool {
	rel, err := filepath.Rel(Resolved(folder), Resolved(file))
	return err == nil && filepath.IsLocal(rel)
}

// maxLinks is how many links to what does not exist are followed, one after the other.
const maxLinks = 40

// Resolved returns the absolute name, without links, that a file has or would have if it were
// created, with the folders above it that do not exist.
func Resolved(name string) string { return resolve(name, maxLinks) }

func resolve(name string, links int) string {
	name, err := filepath.Abs(name)
	if err != nil {
		return name
	}
	if followed, err := filepath.EvalSymlinks(name); err == nil {
		return followed
	}
	dir := filepath.Dir(name)
	if target, err := os.Readlink(name); err == nil && links > 0 { // a link to what does not exist
		if !filepath.IsAbs(target) {
			target = filepath.Join(resolve(dir, links-1), target)
		}
		return resolve(target, links-1)
	}
	if dir == name {
		return name
	}
	return filepath.Join(resolve(dir, links), filepath.Base(name))
}
