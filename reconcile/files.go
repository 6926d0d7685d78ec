package reconcile

import (
	"os"
	"path/filepath"

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
