package docs

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// TestProseIsWrapped holds the lines of Markdown files to 120 characters. Tables, code,
// and lines without a place to break them are exempt.
func TestProseIsWrapped(t *testing.T) {
	files, err := filepath.Glob("*.md")
	if err != nil {
		t.Fatal(err)
	}
	root, err := filepath.Glob("../*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range append(files, root...) {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range unwrapped(string(data)) {
			t.Errorf("%s:%d is longer than 120 characters", file, line)
		}
	}
	long := strings.Repeat("long ", 25)
	if got := unwrapped(long + "\n\n```\n" + long + "\n```\n\n    " + long + "\n| " + long + "|\n- " + long + "\n"); !slices.Equal(got, []int{1, 9}) {
		t.Errorf("lines 1 and 9 are too long, and %d were found", got)
	}
}

// unwrapped returns the numbers of the lines of prose that are too long.
func unwrapped(text string) []int {
	var found []int
	fenced := false
	for i, line := range strings.Split(text, "\n") {
		fenced = fenced != strings.HasPrefix(strings.TrimSpace(line), "```")
		exempt := fenced || strings.HasPrefix(line, "|") || strings.HasPrefix(line, "    ")
		if !exempt && utf8.RuneCountInString(strings.TrimSpace(line)) > 120 {
			found = append(found, i+1)
		}
	}
	return found
}
