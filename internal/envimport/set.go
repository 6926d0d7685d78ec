package envimport

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/secretsync/secretsync/internal/envfile"
	"github.com/secretsync/secretsync/internal/hint"
	"github.com/secretsync/secretsync/internal/outfile"
	"github.com/secretsync/secretsync/internal/render"
	"github.com/secretsync/secretsync/internal/secret"
	"github.com/secretsync/secretsync/internal/shell"
	"github.com/secretsync/secretsync/internal/sopsfile"
	"github.com/secretsync/secretsync/manifest"
)

// Set encrypts one value, which read returns, for the secret with the label name. It adds an entry
// for it to the manifest or, if the manifest takes its value from a SOPS file already, replaces the
// value there. What cannot be set is said before read is called.
func Set(ctx context.Context, name string, read func() (secret.Value, error), o Options, h Host) error {
	im := &importer{Host: h, opts: o, taken: map[string][]string{}}
	defer im.wipe()
	if err := im.open(); err != nil {
		return err
	}
	old, err := im.settable(name)
	if err != nil {
		return err
	}
	value, err := read()
	if err != nil {
		return err
	}
	im.entries = []entry{{Entry: envfile.Entry{Name: name, Value: value}}}
	if err := checkValue(im.entries[0].Entry); err != nil {
		return err
	}
	im.Filter.Public(name)
	im.Filter.Know(value)
	if old != nil {
		return im.replace(ctx, *old)
	}
	if err := im.seal(ctx); err != nil {
		return err
	}
	if err := im.describe(ctx); err != nil {
		return err
	}
	if err := im.write(); err != nil {
		return err
	}
	return im.next(ctx)
}

// settable returns the secret of the manifest that has the label, or nil. It is an error if its
// value is not at the top of a SOPS file.
func (im *importer) settable(name string) (*manifest.Secret, error) {
	if im.project == nil {
		return nil, nil
	}
	for _, st := range im.project.Manifest().Stores {
		for _, sec := range st.Secrets {
			if st.Label == im.store && sec.Label == name {
				return &sec, im.checkSettable(sec)
			}
		}
	}
	return nil, nil
}

func (im *importer) checkSettable(sec manifest.Secret) error {
	file, path, ok := sec.Source.SOPS()
	switch {
	case sec.External:
		return fmt.Errorf("%s: the manifest says that the value of %s comes from elsewhere", sec.Pos, sec.Label)
	case !ok:
		return hint.With(fmt.Errorf("%s: the manifest takes the value of %s from %s", sec.Pos, sec.Label, sec.Source),
			"change it there; or remove the entry, and run this again")
	case len(path) != 1:
		return hint.With(fmt.Errorf("%s: the value of %s is not at the top of %s, and set does not replace it", sec.Pos, sec.Label, file),
			"run sops edit "+shell.File(file))
	case im.opts.SOPS != "" && !outfile.Same(im.opts.SOPS, file):
		return hint.With(fmt.Errorf("--sops %s: the manifest takes the value of %s from %s", im.opts.SOPS, sec.Label, file), "leave --sops out")
	}
	return im.Outputs.CheckOwn("--sops", file, "a SOPS file that the manifest names")
}

// replace replaces a value in the SOPS file that the manifest takes it from, or creates that.
func (im *importer) replace(ctx context.Context, old manifest.Secret) error {
	file, path, _ := old.Source.SOPS()
	data, err := outfile.ReadExisting(file)
	if err != nil {
		return err
	}
	values := []sopsfile.Named{{Key: path[0], Value: im.entries[0].Value}}
	var changed *sopsfile.Extended
	if data == nil {
		changed, err = im.sealer.Create(ctx, im.root, file, values)
	} else {
		changed, err = im.sealer.Replace(ctx, file, data, values)
	}
	switch {
	case err != nil:
		return err
	case len(changed.Added)+len(changed.Replaced) == 0:
		_, err := fmt.Fprintf(im.Out, "Nothing to do: %s has this value for %s.\n", render.Safe(file), old.Label)
		return err
	}
	if err := outfile.Prepare(file, changed.Data); err != nil {
		return err
	}
	if err := outfile.Replace(file, data, changed.Data); err != nil {
		return err
	}
	_, err = fmt.Fprintf(im.Out, "Wrote %s: the value of %s is set, encrypted for recipients: %d.\nNext: run %s, and commit %s.\n",
		render.Safe(file), old.Label, changed.Recipients, im.Line("plan"), render.Safe(file))
	return err
}

// checkValue refuses a text that cannot be a secret's value.
func checkValue(e envfile.Entry) error {
	if !utf8.Valid(e.Value.Reveal()) {
		return errors.New("the value is not UTF-8 text")
	}
	bad := e.Check()
	if bad == nil {
		return nil
	}
	advice := bad.Hint
	if strings.Contains(advice, "--except") { // a flag of import
		advice = ""
	}
	return hint.With(errors.New(bad.What), advice)
}
