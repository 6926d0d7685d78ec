// Package envimport imports files with plaintext values, such as .dev.vars: it encrypts the values
// into a SOPS file, and writes entries for them to the manifest. It does what import --from-env
// does, and names the flags of that command.
package envimport

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/secretsync/secretsync/internal/envfile"
	"github.com/secretsync/secretsync/internal/outfile"
	"github.com/secretsync/secretsync/internal/redact"
	"github.com/secretsync/secretsync/internal/sopsfile"
	"github.com/secretsync/secretsync/internal/syntax"
	"github.com/secretsync/secretsync/manifest"
	"github.com/secretsync/secretsync/reconcile"
)

// The names that are used if there is no manifest, or no SOPS file is named.
const (
	defaultManifest = "secretsync.yaml"
	defaultStore    = "default_secrets_store"
	defaultSOPS     = "secrets.enc.yaml"
)

// Options say what to import, and where to.
type Options struct {
	// Files are read; "-" is the standard input.
	Files []string
	// Only and Except are globs that choose names.
	Only, Except []string
	// Store is its label in the manifest; if it is empty, the only store there is.
	Store string
	// Manifest is the file that --file names, or empty. Without such a file, it is created.
	Manifest string
	// SOPS is the file to encrypt the values into, or empty for the usual name.
	SOPS string
	// Out is a new file for the entries, instead of the manifest; or empty.
	Out string
	// DryRun writes nothing.
	DryRun bool
	// AllowOutside allows a SOPS file outside the repository.
	AllowOutside bool
	// KeyTypes are the key types that SOPS files may use; none means the default.
	KeyTypes []string
	// Open opens the manifest.
	Open func() (*reconcile.Project, error)
}

// Host is the program around an import: its streams, and what it knows about the command line.
type Host struct {
	In        io.Reader
	Out       io.Writer
	LookupEnv func(string) (string, bool)
	// Filter learns all values before anything is written.
	Filter *redact.Filter
	// Outputs says which files must not be written.
	Outputs *outfile.Guard
	// Say writes a line to the standard error, and Hint one with advice.
	Say    func(format string, args ...any)
	Hint   func(text string)
	Notify func(reconcile.Event)
	// Line is a command of secretsync that can be pasted.
	Line func(words ...string) string
}

// getenv returns an environment variable's value, or "".
func (h *Host) getenv(name string) string {
	value, _ := h.LookupEnv(name)
	return value
}

// importer is an import of files with plaintext values.
type importer struct {
	Host
	opts Options
	// project is nil if there is no manifest yet.
	project *reconcile.Project
	// manifest is the file to write entries to; it exists unless created is set.
	manifest, store, sops string
	created               bool
	root                  string // of the repository

	sealer  *sopsfile.Opener
	entries []entry
	left    []entry // not to be imported
	// taken are the names that each file has of the entries, in its order.
	taken map[string][]string
	// The files to write, nil if every entry is present, and what they replace, nil if there is
	// no such file.
	extended                           *sopsfile.Extended
	manifestText, oldSOPS, oldManifest []byte
}

// entry is an entry and what becomes of it.
type entry struct {
	envfile.Entry
	why     string // it is left out, or empty
	present bool   // the manifest describes it, with the same value
}

// Run encrypts the values of existing files into a SOPS file, and writes entries for them
// to the manifest. The SOPS file is written first: if the second write fails, the values are
// still in the files they came from, and the same command completes the import.
func Run(ctx context.Context, o Options, h Host) error {
	im := &importer{Host: h, opts: o, taken: map[string][]string{}}
	defer im.wipe()
	if err := im.open(); err != nil {
		return err
	}
	if err := im.read(); err != nil {
		return err
	}
	if err := im.compare(ctx); err != nil {
		return err
	}
	if err := im.seal(ctx); err != nil {
		return err
	}
	if err := im.describe(ctx); err != nil {
		return err
	}
	if err := im.show(); err != nil {
		return err
	}
	if !o.DryRun {
		if err := im.write(); err != nil {
			return err
		}
	}
	return im.next(ctx)
}

// wipe overwrites the values in memory.
func (im *importer) wipe() {
	for _, e := range slices.Concat(im.entries, im.left) {
		e.Value.Wipe()
	}
}

// compare finds the names that the manifest describes already.
func (im *importer) compare(ctx context.Context) error {
	if im.project == nil {
		return nil
	}
	m := im.project.Manifest()
	described := map[manifest.SecretRef]manifest.Position{}
	for _, st := range m.Stores {
		for _, sec := range st.Secrets {
			described[manifest.SecretRef{Store: st.Label, Secret: sec.Label}] = sec.Pos
		}
	}
	named := map[manifest.SecretRef]bool{}
	for _, e := range im.entries {
		named[manifest.SecretRef{Store: im.store, Secret: e.Name}] = true
	}
	values, err := m.ResolveSome(ctx, func(ref manifest.SecretRef) bool { return named[ref] })
	if err != nil {
		return err
	}
	defer func() {
		for _, v := range values {
			v.Value.Wipe()
		}
	}()
	var mistakes syntax.ErrorList
	for i := range im.entries {
		e := &im.entries[i]
		ref := manifest.SecretRef{Store: im.store, Secret: e.Name}
		pos, known := described[ref]
		v, hasValue := values[ref]
		const todo = "remove one of the two, or leave it out with --except"
		switch {
		case !known:
		case !hasValue:
			mistakes.Add(e.Pos, todo, "the manifest describes %s already, without a value: %s", e.Name, pos)
		case !v.Value.Equal(e.Value):
			mistakes.Add(e.Pos, todo, "the manifest describes %s already, with another value: %s", e.Name, pos)
		default:
			e.present = true
		}
	}
	mistakes.Tag("import", 0)
	return mistakes.Err()
}

// missing are the entries that the manifest does not describe yet.
func (im *importer) missing() (all []entry) {
	for _, e := range im.entries {
		if !e.present {
			all = append(all, e)
		}
	}
	return all
}

// seal encrypts the values of missing entries, in memory.
func (im *importer) seal(ctx context.Context) error {
	var values []sopsfile.Named
	for _, e := range im.missing() {
		values = append(values, sopsfile.Named{Key: e.Name, Value: e.Value})
	}
	if len(values) == 0 {
		return nil
	}
	var err error
	if im.oldSOPS, err = outfile.ReadExisting(im.sops); err != nil {
		return fmt.Errorf("--sops: %w", err)
	}
	if im.oldSOPS == nil {
		im.extended, err = im.sealer.Create(ctx, im.root, im.sops, values)
	} else {
		im.extended, err = im.sealer.Extend(ctx, im.sops, im.oldSOPS, values)
	}
	return err
}

// describe writes the manifest's entries, in memory.
func (im *importer) describe(ctx context.Context) error {
	missing := im.missing()
	if len(missing) == 0 {
		return nil
	}
	from, err := filepath.Rel(filepath.Dir(im.manifest), im.sops)
	if err != nil {
		return fmt.Errorf("--sops: %w", err)
	}
	var secrets []manifest.Insertion
	for _, e := range missing {
		secrets = append(secrets, manifest.Insertion{Label: e.Name, SOPS: from, Key: e.Name})
	}
	if im.created {
		empty := map[string]string{".toml": "version = 1\n", ".json": `{"version": 1}` + "\n"}[strings.ToLower(filepath.Ext(im.manifest))]
		if empty == "" {
			empty = "version: 1\n"
		}
		im.manifestText, err = manifest.Insert(ctx, manifest.Options{File: im.manifest, LookupEnv: im.LookupEnv}, []byte(empty),
			im.store, secrets)
		return err
	}
	if im.oldManifest, err = os.ReadFile(im.manifest); err != nil {
		return err
	}
	im.manifestText, err = im.project.InsertSecrets(ctx, im.oldManifest, im.store, secrets)
	return err
}
