package setup

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/secretsync/secretsync/internal/agekeys"
	"github.com/secretsync/secretsync/internal/atomicfile"
	"github.com/secretsync/secretsync/internal/keyring"
	"github.com/secretsync/secretsync/internal/outfile"
	"github.com/secretsync/secretsync/internal/shell"
)

// Write creates the identity and the .sops.yaml that are missing. If it fails between the two, the
// next run finds the identity. root is the folder of the repository: git ignores an identity in it.
func (e *Encryption) Write(root string, now time.Time) error {
	if e.Exists || len(e.Recipients) == 0 && e.NewKey == "" {
		return nil
	}
	atomicfile.Sweep(e.Rules)
	if err := atomicfile.CheckWritable(e.Rules, 0); err != nil {
		return err
	}
	if e.NewKey != "" {
		if err := ignoreKey(root, e.NewKey); err != nil {
			return err
		}
		own, err := agekeys.Create(e.NewKey, now)
		if err != nil {
			return err
		}
		e.Recipients = append(e.Recipients, own.Recipient)
	}
	if err := atomicfile.Create(e.Rules, Rules(e.Recipients), 0o644); err != nil {
		return fmt.Errorf("writing %s: %w", e.Rules, err)
	}
	return nil
}

// ignoreKey makes git ignore an identity that is to be in the repository, before it is.
func ignoreKey(root, file string) error {
	if !outfile.Inside(root, file) {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	return keyring.Ignore(filepath.Dir(file), shell.GitPattern(filepath.Base(file)))
}

// Outcome says what became of a file.
type Outcome int

// The outcomes of [File.Create].
const (
	Created Outcome = iota + 1
	Present         // it was there, as it is now
	Differs         // there is another file of that name, which stays
)

// Create writes the file below the folder of the repository, unless there is one. It does not follow
// a link out of the repository.
func (f File) Create(root string) (Outcome, error) {
	inside, err := os.OpenRoot(root)
	if err != nil {
		return 0, err
	}
	defer inside.Close()
	name := filepath.FromSlash(f.Path)
	if err := inside.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return 0, fmt.Errorf("writing %s: %w", name, err)
	}
	path := filepath.Join(root, name)
	atomicfile.Sweep(path)
	err = atomicfile.Create(path, f.Data, 0o644)
	switch {
	case err == nil:
		return Created, nil
	case !errors.Is(err, fs.ErrExist):
		return 0, err
	}
	if old, err := inside.ReadFile(name); err == nil && bytes.Equal(old, f.Data) {
		return Present, nil
	}
	return Differs, nil
}

// ProjectOf returns the names for a recipe: paths are made relative to the repository's folder. A
// manifest or a lockfile outside is an error. Changes of a .sops.yaml outside cannot start a job, so
// the recipe then names the one that could be beside the manifest.
func ProjectOf(root, manifest, lockfile, rules, branch string) (Project, error) {
	p := Project{Branch: branch}
	values := filepath.Join(filepath.Dir(manifest), ValuesFile)
	if !outfile.Inside(root, rules) {
		rules = filepath.Join(filepath.Dir(manifest), ".sops.yaml")
	}
	for _, name := range []struct {
		path string
		to   *string
	}{{manifest, &p.Manifest}, {lockfile, &p.Lockfile}, {rules, &p.Rules}, {values, &p.Values}} {
		if !outfile.Inside(root, name.path) {
			return p, fmt.Errorf("%s is not in the repository, so a CI recipe cannot name it", name.path)
		}
		rel, err := filepath.Rel(outfile.Resolved(root), outfile.Resolved(name.path))
		if err != nil {
			return p, err
		}
		*name.to = filepath.ToSlash(rel)
	}
	return p, nil
}
