package apitest_test

import (
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/secretsync/secretsync/internal/apitest"
)

const module = "github.com/secretsync/secretsync"

// Other modules can name and create everything that the public packages use.
func TestPublicPackages(t *testing.T) {
	packages := publicPackages(t)
	for _, name := range []string{"reconcile", "connect", "manifest", "planner", "planner/planfile", "applier", "lockfile", "secretsynctest"} {
		if packages[module+"/"+name] == nil {
			t.Errorf("%s is not among the public packages", name)
		}
	}
	all := make([]*types.Package, 0, len(packages))
	for _, p := range packages {
		all = append(all, p)
	}
	for _, problem := range apitest.Check(module, all) {
		t.Error(problem)
	}
}

// Examples show how the packages are used from outside, so they import nothing internal.
func TestExamplesImportNothingInternal(t *testing.T) {
	checked := map[string]bool{}
	for path := range publicPackages(t) {
		dir := filepath.Join("..", "..", strings.TrimPrefix(path, module+"/"))
		files, err := filepath.Glob(filepath.Join(dir, "example*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
			if err != nil {
				t.Fatal(err)
			}
			checked[strings.TrimPrefix(path, module+"/")] = true
			for _, imp := range f.Imports {
				if strings.Contains(imp.Path.Value, "/internal/") {
					t.Errorf("%s imports %s", file, imp.Path.Value)
				}
			}
		}
	}
	for _, name := range []string{"reconcile", "connect", "manifest", "planner", "planner/planfile", "lockfile", "secretsynctest"} {
		if !checked[name] {
			t.Errorf("no example of %s was found", name)
		}
	}
}

// publicPackages are the module's packages that others can import, from the compiler's
// export data. Those under test/ belong to this module's own tests.
func publicPackages(t *testing.T) map[string]*types.Package {
	t.Helper()
	openFolders(t)
	list := exec.CommandContext(t.Context(), "go", "list", "-export", "-deps", "-f", "{{.Name}} {{.ImportPath}} {{.Export}}", module+"/...")
	list.Stderr = os.Stderr
	out, err := list.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	files := map[string]string{}
	var public []string
	for line := range strings.Lines(string(out)) {
		name, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		path, file, _ := strings.Cut(rest, " ")
		files[path] = file
		inside, ours := strings.CutPrefix(path, module+"/")
		if ours && file != "" && name != "main" && !strings.HasPrefix(inside, "test/") && !strings.Contains("/"+path+"/", "/internal/") {
			public = append(public, path)
		}
	}
	compiled := importer.ForCompiler(token.NewFileSet(), "gc", func(path string) (io.ReadCloser, error) { return os.Open(files[path]) })
	packages := map[string]*types.Package{}
	for _, path := range public {
		p, err := compiled.Import(path)
		if err != nil {
			t.Fatal(err)
		}
		packages[path] = p
	}
	return packages
}

// openFolders opens all folders with sources. "go test" caches a result until a file or a
// folder that the test opened changes, and does not know what "go list" opens.
func openFolders(t *testing.T) {
	t.Helper()
	err := filepath.WalkDir("../..", func(_ string, d fs.DirEntry, err error) error {
		if name := d.Name(); d.IsDir() && (name == "testdata" || name == "node_modules" || len(name) > 2 && name[0] == '.') {
			return filepath.SkipDir
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
