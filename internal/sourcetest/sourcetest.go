// Package sourcetest reads the program's own code, for tests that follow it.
package sourcetest

import (
	"encoding/json"
	"errors"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Module is the prefix of the paths of the program's own packages.
const Module = "github.com/secretsync/secretsync/"

// Source is the program's own code, type-checked together: an object is the same one in the package
// that declares it and in those that use it.
type Source struct {
	Fset  *token.FileSet
	Info  *types.Info
	Files map[string][]*ast.File // by the package's path
}

// Load reads the packages that end in the binary, without tests. Other modules' packages are
// imported from the build cache.
func Load(t *testing.T) *Source {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-deps", "-export", "-json=ImportPath,Export,Dir,GoFiles", Module+"cmd/secretsync")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	s := &Source{Fset: token.NewFileSet(), Files: map[string][]*ast.File{}, Info: &types.Info{
		Types: map[ast.Expr]types.TypeAndValue{}, Defs: map[*ast.Ident]types.Object{}, Uses: map[*ast.Ident]types.Object{},
		Selections: map[*ast.SelectorExpr]*types.Selection{}, Implicits: map[ast.Node]types.Object{},
	}}
	exports, own := map[string]string{}, map[string]*types.Package{}
	others := importer.ForCompiler(s.Fset, "gc", func(path string) (io.ReadCloser, error) { return os.Open(exports[path]) })
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p struct {
			ImportPath, Export, Dir string
			GoFiles                 []string
		}
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return s
		} else if err != nil {
			t.Fatal(err)
		}
		exports[p.ImportPath] = p.Export
		if !strings.HasPrefix(p.ImportPath, Module) {
			continue
		}
		for _, name := range p.GoFiles { // go list names dependencies first
			f, err := parser.ParseFile(s.Fset, filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			s.Files[p.ImportPath] = append(s.Files[p.ImportPath], f)
		}
		conf := types.Config{Importer: importFunc(func(path string) (*types.Package, error) {
			if pkg := own[path]; pkg != nil {
				return pkg, nil
			}
			return others.Import(path)
		})}
		if own[p.ImportPath], err = conf.Check(p.ImportPath, s.Fset, s.Files[p.ImportPath], s.Info); err != nil {
			t.Fatal(err)
		}
	}
}

type importFunc func(path string) (*types.Package, error)

func (f importFunc) Import(path string) (*types.Package, error) { return f(path) }
