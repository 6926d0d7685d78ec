package manifest

// FileRole says what a file is to a manifest.
type FileRole int

// The roles.
const (
	// RoleManifest is the manifest itself.
	RoleManifest FileRole = iota
	// RoleIncluded is a file that the manifest includes.
	RoleIncluded
	// RoleSOPS is a SOPS file with values.
	RoleSOPS
	// RoleValue is a file whose content is a value.
	RoleValue
	// RoleWorker is a wrangler configuration.
	RoleWorker
)

// File is a file that a manifest consists of or names.
type File struct {
	Name string
	Role FileRole
}

// Files returns all files that the manifest consists of or names. They need not exist.
func (m *Manifest) Files() []File {
	var files []File
	for i, name := range m.sources.names {
		role := RoleIncluded
		if i == 0 {
			role = RoleManifest
		}
		files = append(files, File{name, role})
	}
	for _, st := range m.Stores {
		for _, sec := range st.Secrets {
			switch s := sec.Source; {
			case s.target == "":
			case s.Kind == SourceSOPS:
				files = append(files, File{s.target, RoleSOPS})
			case s.Kind == SourceFile:
				files = append(files, File{s.target, RoleValue})
			}
		}
	}
	for _, w := range m.sources.workers {
		names, _ := m.sources.files.Glob(w.pos, w.from, w.pattern) // WorkerFiles reports mistakes
		for _, name := range names {
			files = append(files, File{name, RoleWorker})
		}
	}
	return files
}

// Watch adds a file that something else reads to those that [Manifest.Changed] looks at.
func (m *Manifest) Watch(name string) { m.sources.files.Seen.Watch(name) }

// Changed returns the names of the files that were read so far and have changed or
// disappeared since: of the manifest, what it includes, its sources and its wrangler
// configurations.
func (m *Manifest) Changed() []string {
	if m.sources.files.Seen == nil { // not from Load
		return nil
	}
	return m.sources.files.Seen.Changed()
}
