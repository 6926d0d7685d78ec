package reconcile

import (
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/secretsync/secretsync/"

// front are the packages of front ends and of the API: if the engine imported one of them,
// another could not take its place.
var front = []string{
	"github.com/spf13/cobra", "github.com/spf13/pflag", "golang.org/x/term",
	module + "internal/render", module + "internal/cli", module + "internal/emulator", module + "internal/cloudflare",
}

// terminal is what speaks to a terminal or ends the process.
var terminal = regexp.MustCompile(`\bos\.(Stdin|Stdout|Stderr|Exit)\b|\bfmt\.Print|\blog\.(Print|Fatal|Panic)|\b(print|println)\(`)

// TestPurity: nothing that the engine imports, directly or indirectly, is a terminal, a flag
// library, the emulator or the API client. The engine itself prints nothing and never exits.
func TestPurity(t *testing.T) {
	seen := map[string]bool{}
	inspect(t, ".", nil, seen)
	for _, name := range []string{"planner", "applier", "lockfile", "manifest"} {
		if !seen[filepath.Join("..", name)] {
			t.Errorf("%s was not looked at", name)
		}
	}
	for _, dir := range []string{".", "internal/observe", "internal/records"} {
		for _, file := range sources(t, dir) {
			if found := terminal.FindString(read(t, file)); found != "" {
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
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, imp := range parsed.Imports {
			name, err := strconv.Unquote(imp.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
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

// The test sees what it looks for.
func TestPurityIsSeen(t *testing.T) {
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
	if _, err := os.Stat("imports_test.go"); err != nil {
		t.Error(err) // the folder is that of the package
	}
}
