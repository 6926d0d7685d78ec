package docs

import (
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// module is the path that this module's packages begin with.
const module = "github.com/secretsync/secretsync/"

// row is a package in the table of architecture.md: its name, purpose and imports.
var row = regexp.MustCompile("(?m)^\\| `([a-z0-9/]+)` \\| (.*) \\| (.*) \\|$")

// TestArchitecture compares the table of packages in architecture.md with the code: it has
// every package, and what each of them imports. With -update, the imports are rewritten.
func TestArchitecture(t *testing.T) {
	data, err := os.ReadFile("architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	actual := imports(t)
	if len(actual) < 20 {
		t.Fatalf("%d packages found: the test is looking in the wrong place", len(actual))
	}
	described := map[string]bool{}
	want := row.ReplaceAllStringFunc(string(data), func(line string) string {
		m := row.FindStringSubmatch(line)
		pkg, purpose, cell := m[1], m[2], m[3]
		described[pkg] = true
		if names, ok := actual[pkg]; !ok {
			t.Errorf("architecture.md has the package %s, which is not there", pkg)
		} else if cell != "all" {
			cell = strings.Join(names, ", ")
		}
		return "| `" + pkg + "` | " + purpose + " | " + cell + " |"
	})
	for pkg := range actual {
		if !described[pkg] {
			t.Errorf("architecture.md lacks the package %s", pkg)
		}
	}
	if *update {
		if err := os.WriteFile("architecture.md", []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if diff := cmp.Diff(strings.Split(string(data), "\n"), strings.Split(want, "\n")); diff != "" {
		t.Errorf("the imports in architecture.md are not those of the code; go test ./docs -update rewrites them:\n%s", diff)
	}
}

// imports returns, for each package of this module, which others of them it imports, quoted and
// in order, or the word "none". Tests, the demo and other modules are left out.
func imports(t *testing.T) map[string][]string {
	t.Helper()
	found := map[string]map[string]bool{}
	err := filepath.WalkDir("..", func(name string, entry fs.DirEntry, err error) error {
		switch base := path.Base(filepath.ToSlash(name)); {
		case err != nil:
			return err
		case entry.IsDir():
			if slices.Contains([]string{".git", ".tools", "demo", "dist", "examples", "node_modules", "testdata"}, base) {
				return fs.SkipDir
			}
			if _, err := os.Stat(filepath.Join(name, "go.mod")); err == nil && name != ".." {
				return fs.SkipDir // another module
			}
			return nil
		case !strings.HasSuffix(base, ".go") || strings.HasSuffix(base, "_test.go"):
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		pkg := strings.TrimPrefix(path.Dir(filepath.ToSlash(name)), "../")
		if found[pkg] == nil {
			found[pkg] = map[string]bool{}
		}
		for _, spec := range file.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			if name, ours := strings.CutPrefix(imported, module); ours {
				found[pkg]["`"+name+"`"] = true
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	sorted := map[string][]string{}
	for pkg, names := range found {
		sorted[pkg] = slices.Sorted(maps.Keys(names))
		if len(names) == 0 {
			sorted[pkg] = []string{"none"}
		}
	}
	return sorted
}
