package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/secretsync/secretsync/internal/envfile"
	"github.com/secretsync/secretsync/internal/hint"
	"github.com/secretsync/secretsync/internal/outfile"
	"github.com/secretsync/secretsync/internal/render"
	"github.com/secretsync/secretsync/internal/repo"
	"github.com/secretsync/secretsync/internal/sopsfile"
	"github.com/secretsync/secretsync/internal/syntax"
	"github.com/secretsync/secretsync/manifest"
	"github.com/secretsync/secretsync/reconcile"
	"github.com/spf13/pflag"
)

// envFlags are the flags of import --from-env.
type envFlags struct {
	files, only, except []string
	store               string
	dryRun              bool
}

func (f *envFlags) register(fs *pflag.FlagSet) {
	fs.StringArrayVar(&f.files, "from-env", nil,
		"encrypt the values in this .dev.vars, .env or JSON `file` (repeatable; - is the standard input)")
	fs.StringVar(&f.store, "store", "", "with --from-env: the store in the manifest (default: the only one)")
	fs.StringArrayVar(&f.only, "only", nil, "with --from-env: only names that match this `glob` (repeatable)")
	fs.StringArrayVar(&f.except, "except", nil, "with --from-env: no names that match this `glob` (repeatable)")
	fs.BoolVar(&f.dryRun, "dry-run", false, "with --from-env: show what would be written, and write nothing")
}

// check refuses the flags that go only with --from-env.
func (f *envFlags) check() error {
	if len(f.files) == 0 && (f.store != "" || f.dryRun || len(f.only)+len(f.except) > 0) {
		return errors.New("--store, --only, --except and --dry-run go with --from-env")
	}
	return nil
}

// envDefaults are the names that import --from-env uses if there is no manifest, or no --sops.
const (
	envManifest = "secretsync.yaml"
	envStore    = "default_secrets_store"
	envSOPS     = "secrets.enc.yaml"
)

// envImport is an import of files with values in clear.
type envImport struct {
	app  *App
	opts *importOptions
	// project is nil if there is no manifest yet.
	project *reconcile.Project
	// manifest is the file to write entries to; it exists unless created is set.
	manifest, store, sops string
	created               bool
	root                  string // of the repository

	sealer  *sopsfile.Opener
	entries []envEntry
	left    []envEntry // not to be imported
	// taken are the names that each file has of the entries, in its order.
	taken map[string][]string
	// The files to write, nil if every entry is present, and what they replace, nil if there is
	// no such file.
	extended                           *sopsfile.Extended
	manifestText, oldSOPS, oldManifest []byte
}

// envEntry is an entry and what becomes of it.
type envEntry struct {
	envfile.Entry
	why     string // it is left out, or empty
	present bool   // the manifest describes it, with the same value
}

// importEnv encrypts the values of existing files into a SOPS file, and writes entries for them
// to the manifest. The SOPS file is written first: if the second write fails, the values are
// still in the files they came from, and the same command completes the import.
func (a *App) importEnv(ctx context.Context, o *importOptions) error {
	im := &envImport{app: a, opts: o, taken: map[string][]string{}}
	defer im.wipe()
	if err := im.open(ctx); err != nil {
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
	if !o.env.dryRun {
		if err := im.write(); err != nil {
			return err
		}
	}
	return im.next(ctx)
}

// wipe overwrites the values in memory.
func (im *envImport) wipe() {
	for _, e := range slices.Concat(im.entries, im.left) {
		e.Value.Wipe()
	}
}

// open finds the manifest, the store and the SOPS file.
func (im *envImport) open(ctx context.Context) error {
	a, o := im.app, im.opts
	var err error
	if im.sealer, err = sopsfile.New(sopsfile.Options{KeyTypes: a.sopsKeyTypes(&o.manifestFlags)}); err != nil {
		return err
	}
	im.project, err = a.project(ctx, &o.manifestFlags, nil)
	switch {
	case err == nil:
		im.manifest, im.root = im.project.Manifest().File, im.project.Manifest().Root
	case errors.Is(err, manifest.ErrNone) || errors.Is(err, manifest.ErrAbsent):
		im.manifest, im.created = o.file, true
		if im.manifest == "" {
			im.manifest = envManifest
		}
		im.root = repo.New(filepath.Dir(im.manifest), false).Root
	default:
		return err
	}
	if err := im.chooseStore(); err != nil {
		return err
	}
	im.sops = o.sops
	if im.sops == "" {
		im.sops = filepath.Join(filepath.Dir(im.manifest), envSOPS)
	}
	if o.out != "" {
		if err := checkAbsent(o.out); err != nil {
			return err
		}
		im.manifest, im.created = o.out, true
	}
	return im.checkNames()
}

// chooseStore finds the store's label in the manifest.
func (im *envImport) chooseStore() error {
	im.store = im.opts.env.store
	if im.project == nil {
		if im.store == "" {
			im.store = envStore
		}
		if !manifest.IsName(im.store) {
			return fmt.Errorf("--store %q: a store's label consists of letters, digits, _ and -", im.store)
		}
		return nil
	}
	var labels []string
	for _, st := range im.project.Manifest().Stores {
		labels = append(labels, st.Label)
	}
	switch {
	case im.store == "" && len(labels) == 1:
		im.store = labels[0]
	case im.store == "":
		return hint.With(errors.New("the manifest has several stores"), "name one with --store: "+render.Shortened(labels))
	case !slices.Contains(labels, im.store):
		return hint.With(fmt.Errorf("--store %q: the manifest has no such store", im.store), "it has "+render.Shortened(labels))
	}
	return nil
}

// checkNames refuses outputs that are, or would be, something else.
func (im *envImport) checkNames() error {
	a := im.app
	if err := a.files.CheckOwn("--sops", im.sops, "a SOPS file that the manifest names"); err != nil {
		return err
	}
	if out := im.opts.out; out != "" {
		if err := a.files.CheckOwn("-o", out); err != nil {
			return err
		}
	}
	if ext := strings.ToLower(filepath.Ext(im.sops)); ext != ".yaml" && ext != ".yml" && ext != ".json" {
		return hint.With(fmt.Errorf("--sops %s: values are added to SOPS files in YAML or JSON only", im.sops),
			"name a file that ends in .yaml or .json: in SOPS's dotenv, quotes are a part of the value and line ends are lost")
	}
	for _, file := range im.opts.env.files {
		if outfile.Same(file, im.sops) || outfile.Same(file, im.manifest) {
			return fmt.Errorf("%s cannot be both read and written: name another file", file)
		}
	}
	if rel, err := filepath.Rel(im.root, outfile.Resolved(im.sops)); !im.opts.allow.Outside && (err != nil || !filepath.IsLocal(rel)) {
		return hint.With(fmt.Errorf("--sops %s: %w", im.sops, manifest.ErrOutside),
			"name a file in the repository, or pass --allow-outside here and to every later command")
	}
	return nil
}

// compare finds the names that the manifest describes already.
func (im *envImport) compare(ctx context.Context) error {
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
func (im *envImport) missing() (all []envEntry) {
	for _, e := range im.entries {
		if !e.present {
			all = append(all, e)
		}
	}
	return all
}

// seal encrypts the values of missing entries, in memory.
func (im *envImport) seal(ctx context.Context) error {
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
func (im *envImport) describe(ctx context.Context) error {
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
		im.manifestText, err = manifest.Insert(ctx, manifest.Options{File: im.manifest, LookupEnv: im.app.LookupEnv}, []byte(empty),
			im.store, secrets)
		return err
	}
	if im.oldManifest, err = os.ReadFile(im.manifest); err != nil {
		return err
	}
	im.manifestText, err = im.project.InsertSecrets(ctx, im.oldManifest, im.store, secrets)
	return err
}
