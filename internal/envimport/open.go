package envimport

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/secretsync/secretsync/internal/hint"
	"github.com/secretsync/secretsync/internal/outfile"
	"github.com/secretsync/secretsync/internal/render"
	"github.com/secretsync/secretsync/internal/repo"
	"github.com/secretsync/secretsync/internal/sopsfile"
	"github.com/secretsync/secretsync/manifest"
)

// open finds the manifest, the store and the SOPS file.
func (im *importer) open() error {
	o := im.opts
	var err error
	if im.sealer, err = sopsfile.New(sopsfile.Options{KeyTypes: o.KeyTypes}); err != nil {
		return err
	}
	im.project, err = o.Open()
	switch {
	case err == nil:
		im.manifest, im.root = im.project.Manifest().File, im.project.Manifest().Root
	case errors.Is(err, manifest.ErrNone) || errors.Is(err, manifest.ErrAbsent):
		im.manifest, im.created = o.Manifest, true
		if im.manifest == "" {
			im.manifest = defaultManifest
		}
		im.root = repo.New(filepath.Dir(im.manifest), false).Root
	default:
		return err
	}
	if err := im.chooseStore(); err != nil {
		return err
	}
	im.sops = o.SOPS
	if im.sops == "" {
		im.sops = filepath.Join(filepath.Dir(im.manifest), defaultSOPS)
	}
	if o.Out != "" {
		if err := outfile.CheckAbsent(o.Out, "import"); err != nil {
			return err
		}
		im.manifest, im.created = o.Out, true
	}
	return im.checkNames()
}

// chooseStore finds the store's label in the manifest.
func (im *importer) chooseStore() error {
	im.store = im.opts.Store
	if im.project == nil {
		if im.store == "" {
			im.store = defaultStore
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
func (im *importer) checkNames() error {
	if err := im.Outputs.CheckOwn("--sops", im.sops, "a SOPS file that the manifest names"); err != nil {
		return err
	}
	if out := im.opts.Out; out != "" {
		if err := im.Outputs.CheckOwn("-o", out); err != nil {
			return err
		}
	}
	if ext := strings.ToLower(filepath.Ext(im.sops)); ext != ".yaml" && ext != ".yml" && ext != ".json" {
		return hint.With(fmt.Errorf("--sops %s: values are added to SOPS files in YAML or JSON only", im.sops),
			"name a file that ends in .yaml or .json: in SOPS's dotenv, quotes are a part of the value and line ends are lost")
	}
	for _, file := range im.opts.Files {
		if outfile.Same(file, im.sops) || outfile.Same(file, im.manifest) {
			return fmt.Errorf("%s cannot be both read and written: name another file", file)
		}
	}
	if !im.opts.AllowOutside && !outfile.Inside(im.root, im.sops) {
		return hint.With(fmt.Errorf("--sops %s: %w", im.sops, manifest.ErrOutside),
			"name a file in the repository, or pass --allow-outside here and to every later command")
	}
	return nil
}
