package envimport

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"

	"github.com/secretsync/secretsync/internal/envfile"
	"github.com/secretsync/secretsync/internal/render"
	"github.com/secretsync/secretsync/internal/shell"
	"github.com/secretsync/secretsync/internal/syntax"
	"github.com/secretsync/secretsync/reconcile"
)

// stdinName is how the standard input is named, on the command line and in messages.
const stdinName = "-"

// read reads the files with plaintext values, and selects entries.
func (im *importer) read() error {
	var mistakes syntax.ErrorList
	seen := map[string]envfile.Entry{}
	used := map[string]bool{}
	for _, name := range im.opts.Files {
		file, err := im.readFile(name)
		var list syntax.ErrorList
		switch {
		case errors.As(err, &list):
			mistakes = append(mistakes, list...)
			continue
		case err != nil:
			return err
		}
		im.note(file.Notes)
		for _, e := range file.Entries {
			why, err := im.opts.leftOut(e, used)
			if err != nil {
				return err
			}
			if why != "" {
				im.left = append(im.left, entry{Entry: e, why: why})
				continue
			}
			im.taken[name] = append(im.taken[name], e.Name)
			first, again := seen[e.Name]
			bad := e.Check()
			switch {
			case bad != nil:
				mistakes = append(mistakes, bad)
			case again && !first.Value.Equal(e.Value):
				mistakes.Add(e.Pos, "import one environment at a time, or leave one of the two out", "sets the name of %s to another value", first.Pos)
			case again: // the same
			default:
				seen[e.Name] = e
				im.entries = append(im.entries, entry{Entry: e})
				im.Filter.Public(e.Name)
			}
		}
	}
	mistakes.Tag("import", 0)
	if err := mistakes.Err(); err != nil {
		return err
	}
	return im.opts.unused(im.opts.Files, used)
}

// readFile reads a file, and registers its values with the filter.
func (im *importer) readFile(name string) (*envfile.File, error) {
	in := im.In
	if name != stdinName {
		f, err := os.Open(name)
		if err != nil {
			return nil, fmt.Errorf("--from-env: %w", err)
		}
		defer f.Close()
		in = f
	}
	data, err := io.ReadAll(io.LimitReader(in, envfile.MaxSize+1))
	if err != nil {
		return nil, fmt.Errorf("--from-env: %w", err)
	}
	defer clear(data)
	file, err := envfile.Parse(name, data)
	if err != nil {
		return nil, err
	}
	for _, e := range file.Entries {
		im.Filter.Know(e.Value)
	}
	return file, nil
}

func (im *importer) note(notes []*syntax.Error) {
	for _, n := range notes {
		im.Notify(reconcile.ManifestWarning{Mistake: n})
	}
}

// leftOut says why an entry is not selected, or nothing. It marks the globs that match.
func (o *Options) leftOut(e envfile.Entry, used map[string]bool) (why string, err error) {
	only, err := matches(o.Only, e.Name, used)
	if err != nil {
		return "", fmt.Errorf("--only %w", err)
	}
	except, err := matches(o.Except, e.Name, used)
	switch {
	case err != nil:
		return "", fmt.Errorf("--except %w", err)
	case except:
		return "--except", nil
	case len(o.Only) > 0 && !only:
		return "not in --only", nil
	case e.Setting && !only:
		return "wrangler's own settings are not secrets of a Worker; --only " + shell.Word(e.Name) + " imports it", nil
	}
	return "", nil
}

// matches reports whether a glob matches a name, and marks it.
func matches(globs []string, name string, used map[string]bool) (matched bool, err error) {
	for _, glob := range globs {
		ok, err := path.Match(glob, name)
		if err != nil {
			return false, fmt.Errorf("%q is not a glob", glob)
		}
		if ok {
			matched, used[glob] = true, true
		}
	}
	return matched, nil
}

// unused reports globs that matched no name: one with a typing error would import too little,
// or too much.
func (o *Options) unused(files []string, used map[string]bool) error {
	for _, glob := range slices.Concat(o.Only, o.Except) {
		if !used[glob] {
			return fmt.Errorf("no name in %s matches %q", render.Shortened(files), glob)
		}
	}
	return nil
}
