package manifest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// What the package exports names no type of an internal package, which a program outside
// this module could not name, but for the aliases in types.go. The examples, which show
// how it is used outside, import nothing internal at all.
func TestAPIIsUsableOutside(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	set := token.NewFileSet()
	exported := 0
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") && name != "example_test.go" || name == "types.go" {
			continue
		}
		f, err := parser.ParseFile(set, name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		internal := map[string]bool{}
		for _, imp := range f.Imports {
			if path, _ := strconv.Unquote(imp.Path.Value); strings.Contains(path, "/internal/") {
				internal[path[strings.LastIndex(path, "/")+1:]] = true
			}
		}
		if name == "example_test.go" {
			if len(internal) > 0 {
				t.Errorf("%s imports %v", name, internal)
			}
			continue
		}
		ast.FileExports(f)
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.BlockStmt: // a body is no part of the API
				return false
			case *ast.ValueSpec: // nor is what a variable is set to
				n.Values = nil
			case *ast.FuncDecl, *ast.TypeSpec:
				exported++
			case *ast.SelectorExpr:
				if of, ok := n.X.(*ast.Ident); ok && internal[of.Name] {
					t.Errorf("%s names %s.%s", set.Position(n.Pos()), of.Name, n.Sel.Name)
				}
			}
			return true
		})
	}
	if exported < 30 {
		t.Errorf("only %d exported functions and types were looked at", exported)
	}
}
