package troubleshooting

import (
	"go/ast"
	"go/token"
	"go/types"
	"testing"

	"github.com/secretsync/secretsync/internal/sourcetest"
)

const module = sourcetest.Module

// source is the program's own code, type-checked together: an object is the same in the package that
// declares it and in the packages that use it.
type source struct {
	fset  *token.FileSet
	info  *types.Info
	files map[string][]*ast.File // by the package's path
}

// load reads the program's own code.
func load(t *testing.T) *source {
	t.Helper()
	s := sourcetest.Load(t)
	return &source{fset: s.Fset, info: s.Info, files: s.Files}
}
