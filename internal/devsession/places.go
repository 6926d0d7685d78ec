package devsession

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/secretsync/secretsync/internal/localdev"
	"github.com/secretsync/secretsync/manifest"
)

// Place is a local store, and the Workers that look there for their secrets.
type Place struct {
	localdev.Place
	Visitors []Visitor
	// Others look there too, and keep what they bind when the visitors' secrets are removed.
	Others []Visitor
}

// Visitor is a Worker that looks in a place, by its configuration.
type Visitor struct {
	File string
	// By says what makes it look there. Empty for the place beside the configuration.
	By string
}

// Files names the Workers.
func (p *Place) Files() string {
	var names []string
	for _, v := range p.Visitors {
		names = append(names, v.File)
	}
	return strings.Join(names, ", ")
}

// Layout is a list of different places.
type Layout []*Place

// InFolder returns the places of Workers that all look in one folder, relative to each of them. by
// says what names the folder.
func InFolder(folder, by string, files []string) Layout {
	var l Layout
	for _, file := range files {
		l.Add(localdev.Place{Dir: filepath.Dir(file), PersistTo: folder}, file, by)
	}
	return l
}

// Unknown is a Worker in a session whose folder is not known.
type Unknown struct {
	File    string
	Session Session
}

// Places returns the places where some Workers look for their secrets: what the manifest names
// for them, or else the sessions that run the Worker, or else the place beside its
// configuration.
func Places(root string, files []string, named map[string][]manifest.WorkerFolder) (Layout, []Unknown) {
	var l Layout
	var unknown []Unknown
	sessions := Find(root, files)
	for _, file := range files {
		own := localdev.Place{Dir: filepath.Dir(file)}
		known := false
		for _, to := range named[file] {
			known = true
			l.Add(inFolder(to.Name, root, own.Dir), file, "persist_to in "+to.Pos.File)
		}
		for _, s := range sessions {
			switch {
			case len(named[file]) > 0 || !slices.Contains(s.Files, file):
			case s.Problem != "":
				unknown = append(unknown, Unknown{file, s})
			default:
				known = true
				l.Add(inSession(s, root, own.Dir), file, s.By)
			}
		}
		if !known {
			l.Add(own, file, "")
		}
	}
	return l, unknown
}

// inFolder is the place that the manifest names. The folder that it is the state of may have
// other packages than the Worker's.
func inFolder(folder, root, own string) localdev.Place {
	p := localdev.Place{Dir: own, PersistTo: folder, Within: root}
	if above := filepath.Dir(p.Root()); p.Root() != folder {
		if info, err := os.Stat(above); err == nil && info.IsDir() {
			p.Dir, p.Dirs = above, []string{own}
		}
	}
	return p
}

func inSession(s Session, root, own string) localdev.Place {
	p := localdev.Place{Dir: s.Dir, Dirs: []string{own}, PersistTo: s.State, Within: s.Dir, Vite: s.Vite}
	if rel, err := filepath.Rel(s.Dir, s.State); err != nil || !filepath.IsLocal(rel) {
		p.Within = root
	}
	return p
}

// Add adds a place of a Worker. If the place is known already, the Worker and its folders are added
// to it.
func (l *Layout) Add(p localdev.Place, file, by string) {
	for _, known := range *l {
		if SamePath(known.State(), p.State()) {
			known.Dirs = append(known.Dirs, append([]string{p.Dir}, p.Dirs...)...)
			known.Vite = known.Vite || p.Vite
			if !slices.ContainsFunc(known.Visitors, func(v Visitor) bool { return v.File == file }) {
				known.Visitors = append(known.Visitors, Visitor{file, by})
			}
			return
		}
	}
	*l = append(*l, &Place{Place: p, Visitors: []Visitor{{file, by}}})
}

// Of returns the places where some of the Workers look. A place's others are the other Workers that
// look there.
func (l Layout) Of(files []string) Layout {
	var places Layout
	for _, p := range l {
		of := &Place{Place: p.Place}
		for _, v := range p.Visitors {
			if slices.ContainsFunc(files, func(file string) bool { return SamePath(file, v.File) }) {
				of.Visitors = append(of.Visitors, v)
			} else {
				of.Others = append(of.Others, v)
			}
		}
		if len(of.Visitors) > 0 {
			places = append(places, of)
		}
	}
	return places
}

// SamePath reports whether two paths are the same once they are absolute.
func SamePath(a, b string) bool {
	x, errA := filepath.Abs(a)
	y, errB := filepath.Abs(b)
	return errA == nil && errB == nil && x == y
}
