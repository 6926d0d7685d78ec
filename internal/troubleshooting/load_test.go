package troubleshooting

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

const module = "github.com/secretsync/secretsync/"

// source is the program's own code, type-checked together: an object is the same in the package that
// declares it and in the packages that use it.
type source struct {
	fset  *token.FileSet
	info  *types.Info
	files map[string][]*ast.File // by the package's path
}

// load reads the packages that end in the binary, without tests. Other modules' packages are
// imported from the build cache.
func load(t *testing.T) *source {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-deps", "-export", "-json=ImportPath,Export,Dir,GoFiles", module+"cmd/secretsync")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	s := &source{fset: token.NewFileSet(), files: map[string][]*ast.File{}, info: &types.Info{
		Types: map[ast.Expr]types.TypeAndValue{}, Defs: map[*ast.Ident]types.Object{}, Uses: map[*ast.Ident]types.Object{},
		Selections: map[*ast.SelectorExpr]*types.Selection{}, Implicits: map[ast.Node]types.Object{},
	}}
	exports, own := map[string]string{}, map[string]*types.Package{}
	others := importer.ForCompiler(s.fset, "gc", func(path string) (io.ReadCloser, error) { return os.Open(exports[path]) })
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
		if !strings.HasPrefix(p.ImportPath, module) {
			continue
		}
		for _, name := range p.GoFiles { // go list names dependencies first
			f, err := parser.ParseFile(s.fset, filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			s.files[p.ImportPath] = append(s.files[p.ImportPath], f)
		}
		conf := types.Config{Importer: importFunc(func(path string) (*types.Package, error) {
			if pkg := own[path]; pkg != nil {
				return pkg, nil
			}
			return others.Import(path)
		})}
		if own[p.ImportPath], err = conf.Check(p.ImportPath, s.fset, s.files[p.ImportPath], s.info); err != nil {
			t.Fatal(err)
		}
	}
}

type importFunc func(path string) (*types.Package, error)

func (f importFunc) Import(path string) (*types.Package, error) { return f(path) }
