package docs

import (
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// front are the packages of front ends and of the API: if the engine imported one of them,
// another could not take its place.
var front = []string{
	"github.com/spf13/cobra", "github.com/spf13/pflag", "golang.org/x/term",
	module + "internal/render", module + "internal/cli", module + "internal/emulator", module + "internal/cloudflare",
}

// terminal is what speaks to a terminal or ends the process.
var terminal = regexp.MustCompile(`\bos\.(Stdin|Stdout|Stderr|Exit)\b|\bfmt\.Print|\blog\.(Print|Fatal|Panic)|\b(print|println)\(`)

// TestEngineIsPure: nothing that package reconcile imports, directly or indirectly, is a terminal,
// a flag library, the emulator or the API client. It prints nothing itself and never exits.
func TestEngineIsPure(t *testing.T) {
	seen := map[string]bool{}
	inspect(t, "../reconcile", nil, seen)
	for _, name := range []string{"planner", "applier", "lockfile", "manifest"} {
		if !seen[filepath.Join("..", name)] {
			t.Errorf("%s was not looked at", name)
		}
	}
	for dir := range seen {
		if !strings.HasPrefix(filepath.ToSlash(dir), "../reconcile") {
			continue
		}
		for _, file := range sources(t, dir) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if found := terminal.FindString(string(text)); found != "" {
				t.Errorf("%s has %s", file, found)
			}
		}
	}
}

// inspect follows the imports of a package's files. path is how it was reached.
func inspect(t *testing.T, dir string, path []string, seen map[string]bool) {
	t.Helper()
	if seen[dir] {
		return
	}
	seen[dir] = true
	path = append(path, dir)
	for _, file := range sources(t, dir) {
		for _, name := range importsOf(t, file) {
			if bad := forbidden(name); bad != "" {
				t.Errorf("%s imports %s, by %s", file, bad, strings.Join(path, ", "))
				continue
			}
			if inner, ok := strings.CutPrefix(name, module); ok {
				inspect(t, filepath.Join("..", filepath.FromSlash(inner)), path[:len(path):len(path)], seen)
			}
		}
	}
}

// importsOf returns what a file imports.
func importsOf(t *testing.T, file string) []string {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, imp := range parsed.Imports {
		name, err := strconv.Unquote(imp.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	return names
}

// forbidden returns the forbidden package that an import belongs to, or "".
func forbidden(name string) string {
	for _, bad := range front {
		if name == bad || strings.HasPrefix(name, bad+"/") {
			return bad
		}
	}
	return ""
}

// sources are the files of a package for all systems, without tests.
func sources(t *testing.T, dir string) []string {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	var files []string
	for _, file := range all {
		if !strings.HasSuffix(file, "_test.go") {
			files = append(files, file)
		}
	}
	if len(files) == 0 {
		t.Fatalf("no files in %s", dir)
	}
	return files
}

// TestImpurityIsSeen: TestEngineIsPure finds impure code.
func TestImpurityIsSeen(t *testing.T) {
	for _, name := range front {
		if forbidden(name) != name || forbidden(name+"/v2") != name || forbidden(name+"x") != "" {
			t.Errorf("%s is not seen, or too much is", name)
		}
	}
	for _, text := range []string{"fmt.Println(x)", "x = os.Stderr", "os.Exit(1)", "log.Fatalf(x)", "fmt.Print(1)"} {
		if !terminal.MatchString(text) {
			t.Errorf("%s is not seen", text)
		}
	}
	for _, text := range []string{"fmt.Sprint(x)", "os.ReadFile(x)", "p.fingerprint(x)"} {
		if terminal.MatchString(text) {
			t.Errorf("%s is seen", text)
		}
	}
}

// TestPlannerIsPure allows the planner what data and decisions need. Without the value type, it
// cannot hold a plaintext; without os, net and a clock, it depends only on its input.
//
// The only package of this module that it may import is internal/position, so that a
// position has one type everywhere: a struct of a file, a line and a column, which imports
// less than the planner itself.
func TestPlannerIsPure(t *testing.T) {
	checkImports(t, "../planner", "cmp", "maps", "path", "slices", "strings", "time", module+"internal/position")
	checkImports(t, "../internal/position", "cmp", "strconv")
}

// checkImports fails the test if a package imports anything that is not allowed, or reads the clock.
func checkImports(t *testing.T, dir string, allowed ...string) {
	t.Helper()
	for _, file := range sources(t, dir) {
		for _, name := range importsOf(t, file) {
			if !slices.Contains(allowed, name) {
				t.Errorf("%s imports %s", file, name)
			}
		}
		src, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(src), "time.Now") {
			t.Errorf("%s reads the clock", file)
		}
	}
}
