package cli

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/secretsync/secretsync/internal/devsession"
	"github.com/secretsync/secretsync/internal/localdev"
	"github.com/secretsync/secretsync/internal/repo"
	"github.com/secretsync/secretsync/manifest"
)

// devPlace is a local store, and the Workers that look there for their secrets.
type devPlace struct {
	localdev.Place
	visitors []visitor
	// others look there too, and keep what they bind when the visitors' secrets are removed.
	others []visitor
}

// visitor is a Worker that looks in a place, by its configuration.
type visitor struct {
	file string
	// by says what makes it look there. Empty for the place beside the configuration.
	by string
}

// files names the Workers.
func (p *devPlace) files() string {
	var names []string
	for _, v := range p.visitors {
		names = append(names, v.file)
	}
	return strings.Join(names, ", ")
}

// devPlaces returns the places where some Workers look for their secrets: what --persist-to
// names, or else the manifest's persist_to, or else the sessions that run the Worker, or else
// the place beside its configuration.
func (a *App) devPlaces(w *workers, persistTo string, files []string) []*devPlace {
	var l layout
	if persistTo != "" {
		for _, file := range files {
			l.add(localdev.Place{Dir: filepath.Dir(file), PersistTo: persistTo}, file, "--persist-to")
		}
		return l
	}
	root := repo.New(filepath.Dir(w.manifest.File), false).Root
	named := map[string][]manifest.WorkerFolder{}
	found, _ := w.manifest.WorkerFiles() // the mistakes were reported with the bindings
	for _, f := range found {
		named[f.Name] = f.PersistTo
	}
	sessions := devsession.Find(root, files)
	for _, file := range files {
		own := localdev.Place{Dir: filepath.Dir(file)}
		known := false
		for _, to := range named[file] {
			known = true
			l.add(inFolder(to.Name, root, own.Dir), file, "persist_to in "+to.Pos.File)
		}
		for _, s := range sessions {
			switch {
			case len(named[file]) > 0 || !slices.Contains(s.Files, file):
			case s.Problem != "":
				a.Say("warning: %s runs %s, but %s: set persist_to for it under workers:", s.By, file, s.Problem)
			default:
				known = true
				l.add(inSession(s, root, own.Dir), file, s.By)
			}
		}
		if !known {
			l.add(own, file, "")
		}
	}
	return l
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

func inSession(s devsession.Session, root, own string) localdev.Place {
	p := localdev.Place{Dir: s.Dir, Dirs: []string{own}, PersistTo: s.State, Within: s.Dir, Vite: s.Vite}
	if rel, err := filepath.Rel(s.Dir, s.State); err != nil || !filepath.IsLocal(rel) {
		p.Within = root
	}
	return p
}

// layout is a list of different places.
type layout []*devPlace

// add adds a place of a Worker. If the place is known already, it is used with the packages of
// those who look there.
func (l *layout) add(p localdev.Place, file, by string) {
	for _, known := range *l {
		if samePath(known.State(), p.State()) {
			known.Dirs = append(known.Dirs, append([]string{p.Dir}, p.Dirs...)...)
			known.Vite = known.Vite || p.Vite
			if !slices.ContainsFunc(known.visitors, func(v visitor) bool { return v.file == file }) {
				known.visitors = append(known.visitors, visitor{file, by})
			}
			return
		}
	}
	*l = append(*l, &devPlace{Place: p, visitors: []visitor{{file, by}}})
}

// sayWhere says where each Worker looks, and what to do about the plain text there.
func (a *App) sayWhere(places []*devPlace) {
	var folders []string
	byDefault := 0
	for _, p := range places {
		a.Filter.Public(p.Values()) // others may have chosen it
		for _, v := range p.visitors {
			a.Filter.Public(v.by)
			by := v.by
			if by == "" {
				byDefault++
				by = "beside it"
			}
			a.Say("%s looks in %s (%s)", v.file, p.State(), by)
		}
		folders = append(folders, p.Values())
	}
	if byDefault > 1 {
		a.Say("Workers that run together, as by wrangler dev -c A -c B, all look where the first one does: set persist_to for them under workers:")
	}
	if len(folders) > 0 {
		a.Say("the values are in plain text in %s; %s removes them", strings.Join(folders, ", "), a.line("dev", "--clear"))
	}
}
