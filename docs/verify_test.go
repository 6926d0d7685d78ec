package docs

import (
	"bytes"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestDriftKinds: the page about verification says what is known about a value for every kind of
// drift, and the page about output what each kind means. Neither has a kind that does not exist.
func TestDriftKinds(t *testing.T) {
	kinds := quoted(read(t, "../planner/drift.go"), `DriftKind = "(\w+)"`)
	if len(kinds) < 19 {
		t.Fatalf("planner/drift.go has the kinds %q", kinds)
	}
	known := section(t, read(t, "verify.md"), "What `drift` says about the value", "`verify` also finds")
	if diff := cmp.Diff(kinds, quoted(known, "`([a-z_]+)`")); diff != "" {
		t.Errorf("verify.md, -kinds +page:\n%s", diff)
	}
	var meanings strings.Builder
	for _, row := range regexp.MustCompile(`(?m)^\| (\x60[^|]*) \|`).FindAllStringSubmatch(section(t, read(t, "output.md"), "| `kind` | meaning |\n", "`value` is what"), -1) {
		meanings.WriteString(row[1])
	}
	if diff := cmp.Diff(kinds, quoted(meanings.String(), "`([a-z_]+)`")); diff != "" {
		t.Errorf("output.md, -kinds +page:\n%s", diff)
	}
}

// TestWitnessSize: the page about verification says how long the witness is.
func TestWitnessSize(t *testing.T) {
	code := []byte(read(t, "../internal/witness/witness.js"))
	want := []string{"128 lines (5,701 bytes)"}
	if lines := bytes.Count(code, []byte("\n")); lines != 128 || len(code) != 5701 {
		t.Errorf("the witness has %d lines and %d bytes: correct verify.md and this test", lines, len(code))
	}
	if got := regexp.MustCompile(`[\d,]+ lines \([\d,]+ bytes\)`).FindAllString(read(t, "verify.md"), -1); !slices.Equal(got, want) {
		t.Errorf("verify.md says %q", got)
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// section returns the text between two others.
func section(t *testing.T, text, from, to string) string {
	t.Helper()
	_, text, ok := strings.Cut(text, from)
	text, _, ends := strings.Cut(text, to)
	if !ok || !ends {
		t.Fatalf("there is no %q before %q", from, to)
	}
	return text
}

// quoted returns what the group of an expression matches, sorted, each once.
func quoted(text, expression string) []string {
	var found []string
	for _, m := range regexp.MustCompile(expression).FindAllStringSubmatch(text, -1) {
		found = append(found, m[1])
	}
	slices.Sort(found)
	return slices.Compact(found)
}
