package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/secretsync/secretsync/internal/atomicfile"
	"github.com/secretsync/secretsync/internal/hint"
	"github.com/secretsync/secretsync/internal/metrics"
	"github.com/secretsync/secretsync/manifest"
	"github.com/secretsync/secretsync/planner/planfile"
	"github.com/secretsync/secretsync/reconcile"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// All files that commands write as output are opened here, so that none goes over a file that
// secretsync relies on. Other packages write only the files that they own: the lockfile, the
// key file, .gitignore, an emulator's state, and wrangler configurations.

// outFile is a file that a command is to write.
type outFile struct {
	// flag is how the user named the file: a flag or an environment variable.
	flag, path string
	// kind is what the file will be, such as "plan", and isKind recognizes what an earlier
	// run wrote: nothing else is replaced. Without isKind, any other file is.
	kind   string
	isKind func([]byte) bool
	// stdout is how to write to the standard output instead, if that is possible.
	stdout string
}

// planOut is the file that a plan is to be written to.
func planOut(path string) outFile {
	return outFile{flag: "-o", path: path, kind: "plan", isKind: planfile.Is, stdout: "--format json writes the plan to the standard output"}
}

// metricsOut is the file of --metrics-file.
func metricsOut(path string) outFile {
	return outFile{flag: "--metrics-file", path: path, kind: "metrics file of secretsync", isKind: metrics.Is}
}

// reportOut is a report of a fixed name in the current folder.
func reportOut(path string) outFile { return outFile{flag: "--format gitlab", path: path} }

// ownFile is a file that no output may replace, and what it is.
type ownFile struct{ path, what string }

// protect keeps later output out of a project's files.
func (a *App) protect(files []reconcile.File) {
	what := map[reconcile.FileRole]string{
		reconcile.FileManifest: "the manifest", reconcile.FileIncluded: "a file that the manifest includes",
		reconcile.FileSOPS: "a SOPS file that the manifest names", reconcile.FileValue: "a file with a secret's value",
		reconcile.FileWorker: "a wrangler configuration", reconcile.FileLockfile: "the lockfile",
		reconcile.FileBeside: "a file that belongs to the lockfile", reconcile.FileKey: "the fingerprint key's file", reconcile.FileIdentity: "a file with a decryption key",
		reconcile.FileRecipients: "the configuration of SOPS",
	}
	for _, f := range files {
		a.own = append(a.own, ownFile{f.Name, what[f.Role]})
	}
}

// protectUnread keeps later output out of the files of a project whose manifest was not read.
// lock is the flag --lockfile, or nil.
func (a *App) protectUnread(ctx context.Context, file string, lock *pflag.Flag) {
	c := reconcile.Config{Manifest: file, LookupEnv: a.LookupEnv}
	if lock != nil {
		c.Lockfile = lock.Value.String()
	}
	m, err := manifest.Load(ctx, manifest.Options{File: file, LookupEnv: a.LookupEnv})
	var bad *manifest.LoadError
	if errors.As(err, &bad) {
		m = bad.Partial
	}
	a.protect(reconcile.Files(c, m))
}

// protectPlan keeps later output out of a plan file that was read, and of its project.
func (a *App) protectPlan(ctx context.Context, path string, f *planfile.File) {
	a.own = append(a.own, ownFile{path, "the plan that is read"})
	if f.Inputs.Manifest != "" {
		a.protectUnread(ctx, f.Inputs.Manifest, nil)
	}
}

// checkOwn refuses a file that secretsync relies on, but for those that are allowed.
func (a *App) checkOwn(flag, path string, allowed ...string) error {
	what := ""
	for _, own := range a.own {
		if sameFile(path, own.path) {
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

// checkMetrics reports why the file of --metrics-file, if one is named, may not be replaced.
func (a *App) checkMetrics(path string) error {
	if path == "" {
		return nil
	}
	return a.checkOut(metricsOut(path))
}

// checkOut reports why a file may not be replaced.
func (a *App) checkOut(o outFile) error {
	if err := a.checkOwn(o.flag, o.path); err != nil {
		return err
	}
	info, err := os.Lstat(o.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("%s %s: %w", o.flag, o.path, err)
	case !info.Mode().IsRegular():
		return hint.With(fmt.Errorf("%s %s: that is not a regular file", o.flag, o.path), o.stdout)
	case o.isKind == nil || info.Size() == 0:
		return nil
	case info.Size() > planfile.MaxSize:
		return o.notKind()
	}
	old, err := os.ReadFile(o.path)
	switch {
	case err != nil:
		return fmt.Errorf("%s %s: %w", o.flag, o.path, err)
	case len(bytes.TrimSpace(old)) > 0 && !o.isKind(old):
		return o.notKind()
	}
	return nil
}

func (o outFile) notKind() error {
	return hint.With(fmt.Errorf("%s %s: that file exists, and is no %s", o.flag, o.path, o.kind), "name another one, or remove it")
}

// writeOut replaces a file, or creates it.
func (a *App) writeOut(o outFile, data []byte) error {
	if err := a.checkOut(o); err != nil {
		return err
	}
	return atomicfile.Write(o.path, data, 0o644)
}

// appendOut appends to a file, or creates it.
func (a *App) appendOut(o outFile, data []byte) error {
	if err := a.checkOwn(o.flag, o.path); err != nil {
		return err
	}
	f, err := os.OpenFile(o.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("%s: %w", o.flag, err)
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("%s: %w", o.flag, err)
	}
	return nil
}

// readExisting returns the content of a file, or nil if there is none.
func readExisting(name string) ([]byte, error) {
	data, err := os.ReadFile(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err == nil && data == nil:
		data = []byte{}
	}
	return data, err
}

// prepareOut reports why replaceOut would fail, and removes what killed runs left behind.
func prepareOut(name string, data []byte) error {
	atomicfile.Sweep(name)
	return atomicfile.CheckWritable(name, len(data))
}

// replaceOut replaces a file whose content was read by readExisting, or creates it, unless
// another program has changed it meanwhile. The caller has called checkOwn.
func replaceOut(name string, was, data []byte) error {
	_, err := atomicfile.WriteIf(name, data, 0o644, func() error {
		now, err := readExisting(name)
		if err == nil && (!bytes.Equal(now, was) || (now == nil) != (was == nil)) {
			err = fmt.Errorf("%s was changed meanwhile: run the command again", name)
		}
		return err
	})
	return err
}

// createOut creates a file, and reports false if it exists.
func (a *App) createOut(o outFile, data []byte) (bool, error) {
	if err := a.checkOwn(o.flag, o.path); err != nil {
		return false, err
	}
	f, err := os.OpenFile(o.path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	switch {
	case errors.Is(err, fs.ErrExist):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("writing a new file: %w", err)
	}
	_, err = f.Write(data)
	if err := errors.Join(err, f.Close()); err != nil {
		return false, errors.Join(fmt.Errorf("writing %s: %w", o.path, err), os.Remove(o.path))
	}
	return true, nil
}

// removeOut removes what an earlier run wrote, and reports whether there was anything. An empty
// file is not that, and stays.
func (a *App) removeOut(o outFile) (bool, error) {
	if err := a.checkOut(o); err != nil {
		return false, err
	}
	old, err := os.ReadFile(o.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("%s %s: %w", o.flag, o.path, err)
	case !o.isKind(old):
		return false, nil
	}
	err = os.Remove(o.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, fmt.Errorf("%s %s: the %s of an earlier run: %w", o.flag, o.path, o.kind, err)
	}
	return err == nil, nil
}

// removeOld removes the plan that an earlier run wrote to the file of -o. It is called before
// anything is planned, also if the manifest cannot be used: if this run fails, the earlier plan
// could be mistaken for its plan. say is to be called at the end; it says so if no plan was
// written in its place.
func (a *App) removeOld(cmd *cobra.Command, path string) (say func(), err error) {
	if len(a.own) == 0 { // it failed before it read the manifest
		a.protectUnread(cmd.Context(), reportedManifest(cmd), cmd.Flags().Lookup("lockfile"))
	}
	removed, err := a.removeOut(planOut(path))
	return func() {
		if _, err := os.Lstat(path); removed && errors.Is(err, fs.ErrNotExist) {
			a.Say("removed %s, which an earlier run wrote", path)
		}
	}, err
}

// sameFile reports whether two names are those of one file: by another path, a link, or other
// upper and lower case in a file system that ignores it. Neither file has to exist.
func sameFile(x, y string) bool {
	infoX, errX := os.Stat(x)
	infoY, errY := os.Stat(y)
	if errX == nil && errY == nil {
		return os.SameFile(infoX, infoY)
	}
	if (errX == nil) != (errY == nil) {
		return false // if the names were those of one file, both would exist
	}
	return strings.EqualFold(resolved(x), resolved(y))
}

// resolved returns the name that a file would have if it were created.
func resolved(name string) string {
	if abs, err := filepath.Abs(name); err == nil {
		name = abs
	}
	if target, err := os.Readlink(name); err == nil { // a link to a file that does not exist
		if !filepath.IsAbs(target) {
			target = filepath.Join(filepath.Dir(name), target)
		}
		name = target
	}
	if dir, err := filepath.EvalSymlinks(filepath.Dir(name)); err == nil {
		name = filepath.Join(dir, filepath.Base(name))
	}
	return name
}
