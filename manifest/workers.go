package manifest

import (
	"slices"
	"strings"

	"github.com/secretsync/secretsync/internal/repo"
	"github.com/secretsync/secretsync/internal/syntax"
)

// workerPattern is an entry of workers: which wrangler configurations there are.
type workerPattern struct {
	pos           Position
	from, pattern string
	env           *string // nil for the whole file
	persistTo     string  // empty if the entry has none
}

// readWorkers reads patterns, and maps of a pattern and the environment to read in
// those files.
func (d *document) readWorkers(f syntax.Field) {
	defer d.errs.Tag(ruleWorkers, len(d.errs))
	for _, item := range d.list(f, []literal{"apps/*/wrangler.jsonc"}) {
		w := workerPattern{pos: item.Pos, from: d.name}
		var ok bool
		if item.Value.Kind == syntax.Map {
			d.object(item.Value,
				key{"file", func(f syntax.Field) { w.pattern, ok = d.path(f) }},
				key{"env", func(f syntax.Field) {
					if env, ok := d.expanded(f); ok {
						w.env = &env
					}
				}},
				key{"persist_to", func(f syntax.Field) { w.persistTo = d.folder(f) }},
			)
			if item.Value.Get("file") == nil {
				d.errs.Add(item.Pos, d.forExample("file", "apps/*/wrangler.jsonc"), "the entry has no file")
			}
		} else {
			w.pattern, ok = d.path(item)
		}
		if !ok {
			continue
		}
		if bad := d.files.CheckPattern(item.Pos, d.name, w.pattern); bad != nil {
			d.errs = append(d.errs, bad)
			continue
		}
		d.workers = append(d.workers, w)
	}
}

// folder returns the name of a folder inside the repository, which need not exist.
func (d *document) folder(f syntax.Field) string {
	text, ok := d.path(f)
	if !ok {
		return ""
	}
	name := repo.Join(d.name, text)
	if bad := d.files.CheckInside(f.Value.Pos, name); bad != nil {
		d.errs = append(d.errs, bad)
		return ""
	}
	return name
}

// WorkerFile is a wrangler configuration that the manifest names.
type WorkerFile struct {
	// Name is the name that the caller would open.
	Name string
	Data []byte
	// Named says that an entry names the file itself; otherwise it is what a pattern matches.
	Named bool
	// Environments are the environments to read; nil for all, including the top level.
	Environments []WorkerEnvironment
	// PersistTo are the folders that keep the Worker's state in local development; none if the
	// manifest names none.
	PersistTo []WorkerFolder
}

// WorkerFolder is a folder that keeps a Worker's state. Name is the name that the caller would open,
// and Pos is where the manifest names it.
type WorkerFolder struct {
	Name string
	Pos  Position
}

// WorkerEnvironment is an environment of a wrangler configuration; its Name is empty for
// the top level. Pos is where the manifest names it.
type WorkerEnvironment struct {
	Name string
	Pos  Position
}

// WorkerFiles reads the wrangler configurations that workers names, each once. It returns the
// readable ones, and a mistake for each of the others.
func (m *Manifest) WorkerFiles() ([]WorkerFile, []*Error) {
	var found []WorkerFile
	var errs ErrorList
	index := map[string]int{} // in found, by identity
	for _, w := range m.sources.workers {
		names, bad := m.sources.files.Glob(w.pos, w.from, w.pattern)
		if bad != nil {
			errs = append(errs, bad)
		}
		for _, name := range names {
			named := !strings.ContainsAny(w.pattern, `*?[\`)
			id := identity(name)
			if i, again := index[id]; again {
				found[i].merge(w, named)
				continue
			}
			data, bad := m.sources.files.Read(w.pos, name, syntax.MaxSize)
			if bad != nil {
				errs = append(errs, bad)
				continue
			}
			f := WorkerFile{Name: name, Data: data, Environments: []WorkerEnvironment{}}
			f.merge(w, named)
			index[id] = len(found)
			found = append(found, f)
		}
	}
	return found, errs.Sorted()
}

// merge adds what an entry of workers says about the file.
func (f *WorkerFile) merge(w workerPattern, named bool) {
	f.Named = f.Named || named
	switch {
	case w.env == nil:
		f.Environments = nil
	case f.Environments != nil:
		f.Environments = append(f.Environments, WorkerEnvironment{*w.env, w.pos})
	}
	known := slices.ContainsFunc(f.PersistTo, func(to WorkerFolder) bool { return to.Name == w.persistTo })
	if w.persistTo != "" && !known {
		f.PersistTo = append(f.PersistTo, WorkerFolder{w.persistTo, w.pos})
	}
}

// HasWorkers reports whether the manifest names wrangler configurations.
func (m *Manifest) HasWorkers() bool { return len(m.sources.workers) > 0 }
