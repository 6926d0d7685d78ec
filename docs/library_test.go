package docs

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// The Go code in library.md is copied from the packages' examples, which are compiled and run.
func TestLibrary(t *testing.T) {
	doc, err := os.ReadFile("library.md")
	if err != nil {
		t.Fatal(err)
	}
	var examples strings.Builder
	for _, name := range []string{"../reconcile/example_test.go", "../connect/example_test.go"} {
		source, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		examples.WriteString(unindent(string(source)))
	}
	blocks := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(string(doc), -1)
	if len(blocks) != 2 {
		t.Errorf("library.md has %d blocks of Go code", len(blocks))
	}
	for _, block := range blocks {
		if !strings.Contains(examples.String(), unindent(block[1])) {
			t.Errorf("not in the examples of reconcile and connect:\n%s", block[1])
		}
	}
}

// unindent removes the indentation of every line.
func unindent(code string) string {
	return regexp.MustCompile(`(?m)^\t+`).ReplaceAllString(code, "")
}
