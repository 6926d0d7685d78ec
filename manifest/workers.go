package manifest

import "github.com/secretsync/secretsync/internal/syntax"

// workerPattern is an entry of workers: which wrangler configurations there are.
type workerPattern struct {
	pos           syntax.Pos
	from, pattern string
}

func (d *document) readWorkers(f syntax.Field) {
	for _, item := range d.list(f) {
		pattern, ok := d.path(item)
		if !ok {
			continue
		}
		if _, bad := d.files.pattern(item.Pos, d.name, pattern); bad != nil {
			d.errs = append(d.errs, bad)
			continue
		}
		d.workers = append(d.workers, workerPattern{item.Pos, d.name, pattern})
	}
}

// File is a file that the manifest names.
type File struct {
	// Name is as the caller would open it.
	Name string
	Data []byte
}

// WorkerFiles reads the wrangler configurations that workers names, each once. Its
// error is a [syntax.ErrorList]: of those that cannot be read, besides those that can.
func (m *Manifest) WorkerFiles() ([]File, error) {
	var found []File
	var errs syntax.ErrorList
	seen := map[string]bool{}
	for _, w := range m.sources.workers {
		names, bad := m.sources.files.glob(w.pos, w.from, w.pattern)
		if bad != nil {
			errs = append(errs, bad)
		}
		for _, name := range names {
			if seen[identity(name)] {
				continue
			}
			seen[identity(name)] = true
			data, bad := m.sources.files.read(w.pos, name, syntax.MaxSize)
			if bad != nil {
				errs = append(errs, bad)
				continue
			}
			found = append(found, File{name, data})
		}
	}
	return found, errs.Err()
}

// HasWorkers reports whether the manifest names wrangler configurations.
func (m *Manifest) HasWorkers() bool { return len(m.sources.workers) > 0 }
