package planner_test

import (
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestPurity allows the planner what data and decisions need. Without the value type, it
// cannot hold a plaintext; without os, net and a clock, it depends only on its input.
//
// The only package of this module that it may import is internal/position, so that a
// position has one type everywhere: a struct of a file, a line and a column, which imports
// less than the planner itself.
func TestPurity(t *testing.T) {
	imports(t, ".", "cmp", "maps", "path", "slices", "strings", "time", "github.com/secretsync/secretsync/internal/position")
	imports(t, "../internal/position", "cmp", "strconv")
}

// imports fails the test if a package imports what is not allowed, or reads the clock.
func imports(t *testing.T, dir string, allowed ...string) {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".go") || strings.HasSuffix(f.Name(), "_test.go") {
			continue
		}
		src, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), f.Name(), src, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, imp := range parsed.Imports {
			if path, _ := strconv.Unquote(imp.Path.Value); !slices.Contains(allowed, path) {
				t.Errorf("%s imports %s", f.Name(), path)
			}
		}
		if strings.Contains(string(src), "time.Now") {
			t.Errorf("%s reads the clock", f.Name())
		}
		checked++
	}
	if checked == 0 {
		t.Errorf("%s: no file was checked", dir)
	}
}
