package planner_test

import (
	"go/parser"
	"go/token"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestPurity allows the planner what data and decisions need. Without the value
// type, it cannot hold a plaintext; without os, net and a clock, it cannot depend
// on anything but its input.
func TestPurity(t *testing.T) {
	allowed := []string{"cmp", "maps", "path", "slices", "strings", "time"}
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".go") || strings.HasSuffix(f.Name(), "_test.go") {
			continue
		}
		src, err := os.ReadFile(f.Name())
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
		t.Error("no file was checked")
	}
}
