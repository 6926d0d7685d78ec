// Package licences finds the modules that the program contains, and their licences. Only tests
// and the preparation of a release use it.
package licences

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/google/licensecheck"
)

// Module is what `go list -m -json` says of one version of a module.
type Module struct {
	Path    string
	Version string
	Time    time.Time // of the version
	Dir     string    // in the module cache
	Update  *Module   // the last release, if it was asked for and is newer
	Main    bool
	Error   *struct{ Err string } // with -e
}

// file matches the names of files with licences, and with notices that have to be passed on.
var file = regexp.MustCompile(`(?i)^(licen[cs]e|copying|unlicense|notice|patents)([-._].*)?$`)

// Text is a file with a licence or a notice.
type Text struct {
	Name    string // relative to the module's folder
	Content []byte
	IDs     []string // SPDX identifiers of the licences in it, sorted; none in a notice
}

// Texts reads the licences and notices in a folder of a module, and in the folders from there up
// to the module's own.
func (m Module) Texts(dir string) ([]Text, error) {
	var texts []Text
	for {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			if e.IsDir() || !file.MatchString(e.Name()) || strings.HasSuffix(e.Name(), ".go") {
				continue
			}
			content, err := os.ReadFile(filepath.Join(dir, e.Name()))
			if err != nil {
				return nil, err
			}
			name, err := filepath.Rel(m.Dir, filepath.Join(dir, e.Name()))
			if err != nil {
				return nil, err
			}
			texts = append(texts, Text{Name: filepath.ToSlash(name), Content: content, IDs: identify(content)})
		}
		if dir == m.Dir {
			return texts, nil
		}
		dir = filepath.Dir(dir)
	}
}

// Licences are the SPDX identifiers of all licences in the module's own folder, sorted. A module
// without a recognised licence is an error.
func (m Module) Licences() ([]string, error) {
	texts, err := m.Texts(m.Dir)
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, t := range texts {
		ids = append(ids, t.IDs...)
	}
	if len(ids) == 0 {
		return nil, fmt.Errorf("%s@%s has no licence that is recognised", m.Path, m.Version)
	}
	slices.Sort(ids)
	return slices.Compact(ids), nil
}

func identify(text []byte) []string {
	var ids []string
	for _, m := range licensecheck.Scan(text).Match {
		if !m.IsURL {
			ids = append(ids, m.ID)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// Standard is Go's standard library, as a module.
func Standard(ctx context.Context) (Module, error) {
	out, err := exec.CommandContext(ctx, "go", "env", "GOROOT", "GOVERSION").Output()
	if err != nil {
		return Module{}, err
	}
	root, version, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	return Module{Path: "std", Version: version, Dir: root}, nil
}

// List runs `go list -m -json` with arguments, in a folder of the main module.
func List(ctx context.Context, dir string, args ...string) ([]Module, error) {
	return list[Module](ctx, dir, nil, append([]string{"-m", "-json=Path,Version,Time,Dir,Update,Main,Error"}, args...)...)
}

// Package is a package in the program that comes from another module.
type Package struct {
	ImportPath string
	Dir        string
	Module     *Module
}

// Packages returns the packages that a program contains on any of the systems, such as linux/arm64,
// sorted by their modules.
func Packages(ctx context.Context, dir, program, tags string, systems []string) ([]Package, error) {
	found := map[string]Package{}
	for _, system := range systems {
		goos, goarch, _ := strings.Cut(system, "/")
		env := []string{"GOOS=" + goos, "GOARCH=" + goarch, "CGO_ENABLED=0"}
		packages, err := list[Package](ctx, dir, env, "-deps", "-tags="+tags, "-json=ImportPath,Dir,Module", program)
		if err != nil {
			return nil, err
		}
		for _, p := range packages {
			if p.Module != nil && !p.Module.Main {
				found[p.ImportPath] = p
			}
		}
	}
	var packages []Package
	for _, p := range found {
		packages = append(packages, p)
	}
	slices.SortFunc(packages, func(a, b Package) int {
		return cmp.Or(strings.Compare(a.Module.Path, b.Module.Path), strings.Compare(a.ImportPath, b.ImportPath))
	})
	return packages, nil
}

func list[T any](ctx context.Context, dir string, env []string, args ...string) ([]T, error) {
	cmd := exec.CommandContext(ctx, "go", append([]string{"list"}, args...)...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	var problem bytes.Buffer
	cmd.Stderr = &problem
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list %q: %w: %s", args, err, problem.Bytes())
	}
	var all []T
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var v T
		if err := d.Decode(&v); errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
}
