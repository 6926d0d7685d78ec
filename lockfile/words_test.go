package lockfile

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Other programs show these messages too, so only the command line may name its flags.
func TestNoMessageNamesAFlag(t *testing.T) {
	flag := regexp.MustCompile(`--[a-z][a-z-]*`)
	others := map[string]bool{ // of git, gpg, SOPS and AWS's program
		"--no-literal-pathspecs": true, "--cached": true, "--launch": true, "--import": true, "--list-secret-keys": true,
		"--input-type": true, "--output-type": true, "--encrypted-regex": true, "--query": true,
	}
	for _, dir := range []string{".", "../manifest", "../internal/atomicfile", "../internal/keyring", "../internal/repo", "../internal/sopsfile", "../internal/syntax", "../internal/wrangler"} {
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		try(t, err)
		texts := 0
		for _, name := range files {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			set := token.NewFileSet()
			f, err := parser.ParseFile(set, name, nil, 0)
			try(t, err)
			ast.Inspect(f, func(n ast.Node) bool {
				if text, ok := n.(*ast.BasicLit); ok && text.Kind == token.STRING {
					texts++
					for _, name := range flag.FindAllString(text.Value, -1) {
						if !others[name] {
							t.Errorf("%s: %s", set.Position(text.Pos()), text.Value)
						}
					}
				}
				return true
			})
		}
		if texts == 0 {
			t.Errorf("%s: no texts found", dir)
		}
	}
}
