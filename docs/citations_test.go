// Package docs holds the documentation, and the tests that its citations and links
// resolve and that its prose is wrapped.
package docs

import (
	"bytes"
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

var (
	// mention is the name of a Markdown file, with the sections that are cited of it; or
	// a further section of the file named last. A comment may break the line in between.
	mention  = regexp.MustCompile(`([\w./-]+\.md\b)|§(\d+(?:\.\d+)*)`)
	link     = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	code     = regexp.MustCompile("``[^`].*?``|`[^`]*`")
	heading  = regexp.MustCompile(`^#+ +(.*)$`)
	numbered = regexp.MustCompile(`^(?:#+|\|) +(\d+(?:\.\d+)*)\.? `)
	unslug   = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// TestCitations looks through the repository: every section cited in a comment is in the
// document named, every Markdown file named is there, and every link between documents
// leads to a file and a heading.
func TestCitations(t *testing.T) {
	found, err := check(os.DirFS(".."))
	if err != nil {
		t.Fatal(err)
	}
	for _, problem := range found.problems {
		t.Error(problem)
	}
	if found.sections < 50 || found.links < 20 {
		t.Errorf("%d cited sections and %d links found: the test is looking in the wrong place", found.sections, found.links)
	}
}

func TestBadCitationsAreFound(t *testing.T) {
	const doc = "# Facts\n\n## 1. One\n\n| # | x |\n|---|---|\n| 1.2 | y |\n\n## Two `b`s, and C\n"
	tests := []struct{ name, file, text, want string }{
		{"good", "a.go", "package a\n\n// docs/f.md §1, and (§1.2); docs/f.md\n// §1 too\n", ""},
		{"no such section", "a.go", "package a\n\nvar x = 1 // docs/f.md §1.3\n", "a.go:3: docs/f.md has no section 1.3"},
		{"the second section", "a.go", "package a\n\n// docs/f.md §1,\n// §2\n", "a.go:4: docs/f.md has no section 2"},
		{"no such file", "a/a.go", "package a\n\n// See FACTS.md 2.\n", "a/a.go:3: there is no FACTS.md"},
		{"no document", "a.go", "package a\n\n// as in §1\n", "a.go:3: §1 without a document"},
		{"in a message", "a.go", "package a\n\nconst m = \"see docs/g.md\"\n", "a.go:3: there is no docs/g.md"},
		{"an output file", "a.go", "package a\n\nconst m = \"summary.md\"\n", ""},
		{"in a workflow", ".github/a.yml", "on: push # docs/g.md, x.md\n", ".github/a.yml:1: there is no docs/g.md"},
		{"in a Makefile", "Makefile", "# docs/f.md §7\n", "Makefile:1: docs/f.md has no section 7"},
		{"a good link", "docs/a.md", "See [f](f.md), [g](../docs/f.md#two-bs-and-c), [h](#x), [i](https://e.org/x.md).\n\n# X\n", ""},
		{"a broken link", "docs/a.md", "\n[f](g.md)\n", "docs/a.md:2: there is no docs/g.md"},
		{"a link to a folder", "docs/a.md", "[f](../docs)\n", ""},
		{"a broken anchor", "docs/a.md", "[f](f.md#three)\n", "docs/a.md:1: docs/f.md has no heading #three"},
		{"a broken own anchor", "docs/a.md", "[f](#three)\n", "docs/a.md:1: docs/a.md has no heading #three"},
		{"prose", "docs/a.md", "as in `f.md`, or DESIGN.md\n", "docs/a.md:1: there is no DESIGN.md"},
		{"an example", "docs/a.md", "```\n$ cat x.md\n[f](g.md)\n```\n", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			found, err := check(fstest.MapFS{
				"docs/f.md": {Data: []byte(doc)},
				test.file:   {Data: []byte(test.text)},
			})
			if err != nil {
				t.Fatal(err)
			}
			if test.want == "" && len(found.problems) > 0 {
				t.Errorf("found %q", found.problems)
			}
			if test.want != "" && !slices.Contains(found.problems, test.want) {
				t.Errorf("found %q, not %q", found.problems, test.want)
			}
		})
	}
}

// findings is what check found: mistakes, and how much it looked at.
type findings struct {
	repository      fs.FS
	problems        []string
	sections, links int
}

func check(repository fs.FS) (*findings, error) {
	found := &findings{repository: repository}
	err := fs.WalkDir(repository, ".", func(name string, entry fs.DirEntry, err error) error {
		switch base := path.Base(name); {
		case err != nil:
			return err
		case entry.IsDir():
			if slices.Contains([]string{".git", ".tools", "dist", "node_modules", "pages", "testdata"}, base) {
				return fs.SkipDir
			}
			return nil
		case !entry.Type().IsRegular():
			return nil
		case path.Ext(base) == ".md":
			return found.markdown(name)
		case path.Ext(base) == ".go":
			return found.source(name)
		case slices.Contains([]string{".yml", ".yaml", ".sh"}, path.Ext(base)), base == "Makefile", base == "Dockerfile", path.Dir(name) == ".ci":
			return found.script(name)
		default:
			return nil
		}
	})
	return found, err
}

// source checks the comments of a Go file, and in its strings what looks like a
// reference to the documentation.
func (f *findings) source(name string) error {
	data, err := fs.ReadFile(f.repository, name)
	if err != nil {
		return err
	}
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, name, data, parser.ParseComments)
	if err != nil {
		return err
	}
	rest := bytes.Clone(data)
	for _, group := range file.Comments {
		var cited string
		for _, comment := range group.List {
			f.mentions(name, files.Position(comment.Pos()).Line, comment.Text, &cited)
			start := files.Position(comment.Pos()).Offset
			for i := range comment.Text {
				if rest[start+i] != '\n' {
					rest[start+i] = ' '
				}
			}
		}
	}
	if strings.HasSuffix(name, "_test.go") { // its strings are examples
		return nil
	}
	for i, line := range strings.Split(string(rest), "\n") {
		for _, doc := range regexp.MustCompile(`\bdocs/[\w.-]+\.md\b`).FindAllString(line, -1) {
			f.exists(name, i+1, doc)
		}
	}
	return nil
}

// script checks the comments of YAML, shell scripts, Makefiles and Dockerfiles.
func (f *findings) script(name string) error {
	data, err := fs.ReadFile(f.repository, name)
	if err != nil {
		return err
	}
	var cited string
	for i, line := range strings.Split(string(data), "\n") {
		if _, comment, ok := strings.Cut(line, "# "); ok {
			f.mentions(name, i+1, comment, &cited)
		}
	}
	return nil
}

// markdown checks the links of a document, and the files that its prose names.
func (f *findings) markdown(name string) error {
	data, err := fs.ReadFile(f.repository, name)
	if err != nil {
		return err
	}
	fenced, cited := false, ""
	for i, line := range strings.Split(string(data), "\n") {
		if strings.HasPrefix(strings.TrimSpace(line), "```") {
			fenced = !fenced
		}
		if fenced {
			continue
		}
		for _, m := range link.FindAllStringSubmatch(code.ReplaceAllString(line, ""), -1) {
			if !strings.Contains(m[1], "://") {
				f.links++
				f.link(name, i+1, m[1])
			}
		}
		f.mentions(name, i+1, link.ReplaceAllString(line, "]"), &cited)
	}
	return nil
}

// mentions checks a text that may have several lines. cited is the document named last.
func (f *findings) mentions(name string, line int, text string, cited *string) {
	for _, m := range mention.FindAllStringSubmatchIndex(text, -1) {
		if text[m[0]:m[1]] == "secretsync-note.md" { // which plan --format gitlab writes
			continue
		}
		at := line + strings.Count(text[:m[0]], "\n")
		if m[2] >= 0 {
			*cited = strings.TrimLeft(text[m[2]:m[3]], "./")
			if !f.has(*cited) && f.has(path.Join(path.Dir(name), *cited)) {
				*cited = path.Join(path.Dir(name), *cited)
			}
			f.exists(name, at, *cited)
			continue
		}
		section := text[m[4]:m[5]]
		f.sections++
		switch doc := *cited; {
		case doc == "" && path.Ext(name) == ".md": // its own
			f.section(name, at, name, section)
		case doc == "":
			f.problem(name, at, "§%s without a document", section)
		default:
			f.section(name, at, doc, section)
		}
	}
}

func (f *findings) section(name string, line int, doc, section string) {
	data, err := fs.ReadFile(f.repository, doc)
	if err != nil {
		return // exists has reported it
	}
	for row := range strings.Lines(string(data)) {
		if m := numbered.FindStringSubmatch(row); m != nil && m[1] == section {
			return
		}
	}
	f.problem(name, line, "%s has no section %s", doc, section)
}

func (f *findings) link(name string, line int, target string) {
	file, anchor, _ := strings.Cut(target, "#")
	doc := name
	if file != "" {
		doc = path.Join(path.Dir(name), file)
	}
	if !f.exists(name, line, doc) || anchor == "" {
		return
	}
	data, err := fs.ReadFile(f.repository, doc)
	if err != nil {
		f.problem(name, line, "%s: %v", target, err)
		return
	}
	for row := range strings.Lines(string(data)) {
		if m := heading.FindStringSubmatch(strings.TrimSpace(row)); m != nil && slug(m[1]) == anchor {
			return
		}
	}
	f.problem(name, line, "%s has no heading #%s", doc, anchor)
}

// slug is the anchor that GitHub gives to a heading.
func slug(heading string) string {
	return strings.ReplaceAll(unslug.ReplaceAllString(strings.ToLower(heading), ""), " ", "-")
}

func (f *findings) exists(name string, line int, file string) bool {
	if !f.has(file) {
		f.problem(name, line, "there is no %s", file)
		return false
	}
	return true
}

func (f *findings) has(file string) bool {
	_, err := fs.Stat(f.repository, file)
	return err == nil
}

func (f *findings) problem(name string, line int, format string, args ...any) {
	f.problems = append(f.problems, fmt.Sprintf("%s:%d: %s", name, line, fmt.Sprintf(format, args...)))
}
