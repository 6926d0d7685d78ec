package cli

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// sources parses the package's files without its tests.
func sources(t *testing.T) (*token.FileSet, []*ast.File) {
	t.Helper()
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	fset := token.NewFileSet()
	var files []*ast.File
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(fset, name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	return fset, files
}

var flagTypes = regexp.MustCompile(`(Options|Flags?)$`)

// typeName is the name of a type, or of the type it points to.
func typeName(e ast.Expr) string {
	if star, ok := e.(*ast.StarExpr); ok {
		e = star.X
	}
	if id, ok := e.(*ast.Ident); ok {
		return id.Name
	}
	return ""
}

// TestFlagsAreNotAssigned: only the flag parser sets flags. Any other assignment would be an
// argument that no signature shows.
func TestFlagsAreNotAssigned(t *testing.T) {
	fset, files := sources(t)
	checked := 0
	for _, f := range files {
		ast.Inspect(f, func(n ast.Node) bool {
			fn, ok := n.(*ast.FuncDecl)
			if !ok || fn.Body == nil {
				return true
			}
			flags := map[string]bool{}
			declare := func(names []*ast.Ident, typ ast.Expr) {
				for _, name := range names {
					if flagTypes.MatchString(typeName(typ)) {
						flags[name.Name] = true
						checked++
					}
				}
			}
			ast.Inspect(fn, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.Field:
					declare(n.Names, n.Type)
				case *ast.ValueSpec:
					declare(n.Names, n.Type)
				case *ast.AssignStmt:
					for _, left := range n.Lhs {
						for sel, ok := left.(*ast.SelectorExpr); ok; sel, ok = left.(*ast.SelectorExpr) {
							left = sel.X
						}
						if id, ok := left.(*ast.Ident); ok && flags[id.Name] && n.Tok != token.DEFINE {
							t.Errorf("%s: an assignment to flags", fset.Position(n.Pos()))
						}
					}
				}
				return true
			})
			return true
		})
	}
	if checked < 30 {
		t.Errorf("only %d variables with flags were found: the test does not see them", checked)
	}
}

// TestNoCommandEmbedsAnother: commands share groups of flags, never each other's options.
func TestNoCommandEmbedsAnother(t *testing.T) {
	fset, files := sources(t)
	commands := 0
	for _, f := range files {
		ast.Inspect(f, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			if strings.HasSuffix(spec.Name.Name, "Options") {
				commands++
			}
			if s, ok := spec.Type.(*ast.StructType); ok {
				for _, field := range s.Fields.List {
					if name := typeName(field.Type); len(field.Names) == 0 && (strings.HasSuffix(name, "Options") || name == "App") {
						t.Errorf("%s: %s embeds %s", fset.Position(field.Pos()), spec.Name.Name, name)
					}
				}
			}
			return true
		})
	}
	if commands < 8 {
		t.Errorf("only %d commands with options were found", commands)
	}
}

// everyCommand calls do for the root command and everything below it.
func everyCommand(do func(*cobra.Command)) {
	walk((&App{Out: io.Discard, Err: io.Discard}).Command(), do)
}

// walk calls do for a command and everything below it.
func walk(c *cobra.Command, do func(*cobra.Command)) {
	do(c)
	for _, sub := range c.Commands() {
		walk(sub, do)
	}
}

func TestHelpFitsATerminal(t *testing.T) {
	everyCommand(func(c *cobra.Command) {
		var b strings.Builder
		c.SetOut(&b)
		if err := c.Help(); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(b.String()) {
			if n := len([]rune(strings.TrimSuffix(line, "\n"))); n > helpWidth {
				t.Errorf("%s: %d columns: %s", c.CommandPath(), n, line)
			}
		}
	})
}

// TestFlagsAreTheCommandsOwn: no flag is inherited, so that a command takes none that it
// does not read.
func TestFlagsAreTheCommandsOwn(t *testing.T) {
	flags := 0
	everyCommand(func(c *cobra.Command) {
		c.PersistentFlags().VisitAll(func(f *pflag.Flag) { t.Errorf("%s: --%s is for all commands below it", c.CommandPath(), f.Name) })
		c.LocalFlags().VisitAll(func(*pflag.Flag) { flags++ })
	})
	if flags < 100 {
		t.Errorf("only %d flags were found", flags)
	}
}

// TestEveryFlagCompletes: each name in the tables is a flag or a command, so none is misspelt. A flag
// whose help lists its words completes exactly these words.
func TestEveryFlagCompletes(t *testing.T) {
	a := &App{LookupEnv: func(string) (string, bool) { return "", false }}
	root, c := a.Command(), a.completions()
	flags, args := map[string]bool{}, map[string]bool{}
	c.register(root)
	walk(root, func(cmd *cobra.Command) {
		path := strings.TrimPrefix(cmd.CommandPath(), "secretsync ")
		args[path] = true
		cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
			flags[f.Name], flags[path+" --"+f.Name] = true, true
			complete, ok := cmd.GetFlagCompletionFunc(f.Name)
			if !ok {
				t.Errorf("%s --%s completes the names of files", path, f.Name)
				return
			}
			if f.Name != "format" {
				return
			}
			found, _ := complete(cmd, nil, "")
			for _, word := range found {
				if !strings.Contains(f.Usage, word) {
					t.Errorf("%s --format completes %s, which its help does not have: %s", path, word, f.Usage)
				}
			}
			if listed := strings.Count(strings.ReplaceAll(strings.Split(f.Usage, " (")[0], " or ", ","), ",") + 1; listed != len(found) {
				t.Errorf("%s --format completes %q, its help has %s", path, found, f.Usage)
			}
		})
	})
	for name := range c.flags {
		if !flags[name] {
			t.Errorf("there is no flag %s", name)
		}
	}
	for name := range c.args {
		if !args[name] {
			t.Errorf("there is no command %s", name)
		}
	}
}

// TestOnlyTheCommandLineNamesFlags: other programs show the messages of these packages too. They name
// neither a flag nor a command of secretsync.
func TestOnlyTheCommandLineNamesFlags(t *testing.T) {
	var commands []string
	for _, c := range (&App{Out: io.Discard, Err: io.Discard}).Command().Commands() {
		commands = append(commands, c.Name())
	}
	command := "(?:" + strings.Join(commands, "|") + ")"
	flag := regexp.MustCompile(`--[a-z][a-z-]*|\bsecretsync ` + command + `\b|\b` + command + ` -[a-z]\b`)
	others := map[string]bool{ // of git, gpg, SOPS, wrangler and AWS's program
		"--config":               true,
		"--no-literal-pathspecs": true, "--cached": true, "--launch": true, "--import": true, "--list-secret-keys": true,
		"--input-type": true, "--output-type": true, "--encrypted-regex": true, "--query": true,
	}
	for _, dir := range []string{
		"lockfile", "manifest", "planner", "planner/outside", "planner/planfile", "applier", "connect", "objectstore", "objectstore/s3",
		"reconcile", "reconcile/internal/machines", "reconcile/internal/pattern",
		"internal/agekeys", "internal/atomicfile", "internal/bindings", "internal/cloudflare", "internal/keyring", "internal/lease", "internal/repo",
		"internal/sopsfile", "internal/syntax", "internal/wrangler",
	} {
		files, err := filepath.Glob(filepath.Join("..", "..", dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		texts := 0
		for _, name := range files {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			set := token.NewFileSet()
			f, err := parser.ParseFile(set, name, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
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

// TestFilesAreWrittenInOnePlace finds output that is not opened by package outfile.
func TestFilesAreWrittenInOnePlace(t *testing.T) {
	var names []string
	for _, dir := range []string{".", "../devvalues", "../envimport", "../initproject", "../lockstatus", "../notify/delivery", "../results"} {
		found, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil || len(found) == 0 {
			t.Fatalf("no files in %s: %v", dir, err)
		}
		names = append(names, found...)
	}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, call := range []string{"os.WriteFile(", "os.Create", "os.OpenFile(", "os.Rename(", "os.Remove", "atomicfile.", "os.Symlink(", "os.Link("} {
			if bytes.Contains(text, []byte(call)) {
				t.Errorf("%s calls %s: use package outfile", name, call)
			}
		}
	}
}
