package manifest

import (
	"context"
	"path/filepath"
	"slices"
	"strings"

	"github.com/secretsync/secretsync/internal/syntax"
)

const maxIncludeDepth = 16

// include reads the files that a list of patterns names. A file that was read
// already is not read again.
func (d *document) include(ctx context.Context, f syntax.Field) {
	defer d.errs.Tag(ruleInclude, len(d.errs))
	for _, item := range d.list(f, []literal{"teams/*/secrets.yaml"}) {
		pattern, ok := d.path(item)
		if !ok {
			continue
		}
		names, bad := d.files.Glob(item.Pos, d.name, pattern)
		if bad != nil {
			d.errs = append(d.errs, bad)
			continue
		}
		for _, name := range names {
			d.includeFile(ctx, item.Pos, name)
		}
	}
}

func (d *document) includeFile(ctx context.Context, at Position, name string) {
	id := identity(name)
	if i := slices.IndexFunc(d.chain, func(c string) bool { return identity(c) == id }); i >= 0 {
		d.errs.Add(at, "", "an include cycle: %s", strings.Join(append(slices.Clone(d.chain[i:]), name), " -> "))
		return
	}
	switch {
	case d.read[id]:
		return
	case len(d.read) >= d.opts.MaxFiles:
		d.exceeded(at, "more than %d files are included", d.opts.MaxFiles)
		return
	case len(d.chain) > maxIncludeDepth:
		d.errs.Add(at, "", "includes are nested more than %d deep", maxIncludeDepth)
		return
	}
	d.read[id] = true
	data, bad := d.files.Read(at, name, d.opts.MaxFileSize)
	if bad != nil {
		d.errs = append(d.errs, bad)
		return
	}
	if d.included += len(data); d.included > d.opts.MaxFileSize {
		d.errs.Add(at, "", "the included files have more than %d bytes together", d.opts.MaxFileSize)
		return
	}
	d.document(ctx, name, data)
}

// identity is one name for all names of a file.
func identity(name string) string {
	if abs, err := filepath.Abs(name); err == nil {
		name = abs
	}
	if resolved, err := filepath.EvalSymlinks(name); err == nil {
		return resolved
	}
	return name
}
