package reconcile

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/secretsync/secretsync/internal/secret"
	"github.com/secretsync/secretsync/lockfile"
	"github.com/secretsync/secretsync/manifest"
)

// FileRole says what a file is to a project.
type FileRole int

// The roles.
const (
	// FileManifest is the manifest.
	FileManifest FileRole = iota
	// FileIncluded is a file that the manifest includes.
	FileIncluded
	// FileSOPS is a SOPS file with values.
	FileSOPS
	// FileValue is a file whose content is a value.
	FileValue
	// FileWorker is a wrangler configuration.
	FileWorker
	// FileLockfile is the lockfile.
	FileLockfile
	// FileBeside is one of the files that belong to the lockfile.
	FileBeside
	// FileKey is the fingerprint key's file.
	FileKey
	// FileIdentity is a file with a key that SOPS decrypts with.
	FileIdentity
	// FileRecipients is a .sops.yaml.
	FileRecipients
)

// File is a file that a project relies on.
type File struct {
	Name string
	Role FileRole
}

// Files returns the files that a project relies on, so that a front end can keep its output
// out of them. They need not exist. m is nil if the manifest could not be read.
func Files(c Config, m *manifest.Manifest) []File {
	c = c.withDefaults()
	files := []File{{c.Lockfile, FileLockfile}}
	if c.Manifest != "" {
		files = append(files, File{c.Manifest, FileManifest})
	}
	for _, name := range lockfile.Beside(c.Lockfile) {
		files = append(files, File{name, FileBeside})
	}
	for _, name := range c.keyFiles() {
		files = append(files, File{name, FileKey})
	}
	for _, name := range c.identityFiles() {
		files = append(files, File{name, FileIdentity})
	}
	for _, dir := range []string{filepath.Dir(c.Lockfile), filepath.Dir(c.Manifest)} {
		for _, name := range recipientFiles(dir) {
			files = append(files, File{name, FileRecipients})
		}
	}
	if m == nil {
		return files
	}
	roles := map[manifest.FileRole]FileRole{
		manifest.RoleManifest: FileManifest, manifest.RoleIncluded: FileIncluded, manifest.RoleSOPS: FileSOPS,
		manifest.RoleValue: FileValue, manifest.RoleWorker: FileWorker,
	}
	for _, f := range m.Files() {
		files = append(files, File{f.Name, roles[f.Role]})
	}
	return files
}

// recipientFiles returns where SOPS looks for a .sops.yaml from dir upwards: the names up to
// the first that exists.
func recipientFiles(dir string) []string {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil
	}
	var names []string
	for ; ; abs, dir = filepath.Dir(abs), filepath.Join(dir, "..") {
		name := filepath.Join(dir, ".sops.yaml")
		names = append(names, name)
		if _, err := os.Lstat(name); err == nil || abs == filepath.Dir(abs) {
			return names
		}
	}
}

// Between reading its inputs and acting on them, a run may wait for a lock or for approval,
// while git or an editor changes them. Until the first request, a change of any input stops
// the run, because what was approved was made from the old one. After it, the run finishes
// what was approved: values are in memory. Only the lockfile, which it writes, is compared
// before each write (see [lockfile.ReplacedError]).

// ChangedError means that another program changed files after this run had read them.
// Nothing was done.
type ChangedError struct{ Files []string }

func (e *ChangedError) Error() string {
	return fmt.Sprintf("another program changed %s while this run was waiting, so nothing was done", strings.Join(e.Files, ", "))
}

// checkInputs returns a [ChangedError] if a file that was read has changed.
func (p *Project) checkInputs() error {
	if changed := p.manifest.Changed(); len(changed) > 0 {
		return &ChangedError{changed}
	}
	return nil
}

// watchRecipients adds the .sops.yaml that a new fingerprint key would be sealed with to the
// inputs, and the absence of one in a nearer folder.
func (p *Project) watchRecipients(lock *lockfile.File) {
	if lock.Key.ID != "" {
		return
	}
	for _, name := range recipientFiles(filepath.Dir(p.cfg.Lockfile)) {
		p.manifest.Watch(name)
	}
}

// unchanged returns an error if a plan's inputs have changed since it was created: the
// lockfile, the manifest's files, or the fingerprint key.
func (r *Run) unchanged(ctx context.Context, key secret.Key, recorded lockfile.Key) error {
	if err := r.handle.Check(); err != nil {
		return fmt.Errorf("nothing was done: %w", err)
	}
	if err := r.shared.check(); err != nil {
		return fmt.Errorf("nothing was done: %w", err)
	}
	if err := r.project.checkInputs(); err != nil {
		return err
	}
	ring := r.project.ring()
	if !key.IsSet() || !ring.InFile(recorded.Sealed) {
		return nil
	}
	if _, err := ring.Find(ctx, key.ID(), nil); err != nil { // it was found there before
		return &ChangedError{[]string{ring.KeyFile()}}
	}
	return nil
}

// restoreKey writes the key file again if it was removed during an apply: without the key,
// all fingerprints in the lockfile would be worthless.
func (p *Project) restoreKey(key secret.Key, recorded lockfile.Key) {
	ring := p.ring()
	if !key.IsSet() || !ring.InFile(recorded.Sealed) {
		return
	}
	if restored, err := ring.Restore(key); restored || err != nil {
		p.cfg.Notify(KeyFileRemoved{File: ring.KeyFile(), Err: err})
	}
}
