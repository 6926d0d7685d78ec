package manifest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestRules: every mistake in testdata/bad has the rule that testdata/rules.txt says. Programs
// rely on rules: code scanning closes an alert and opens another if one changes.
func TestRules(t *testing.T) {
	names, err := filepath.Glob("testdata/bad/*.[tyj]*")
	if err != nil || len(names) < 30 {
		t.Fatal(names, err)
	}
	var got strings.Builder
	for _, name := range names {
		m, err := load(t, "", Options{File: name})
		if err == nil {
			err = m.Check()
		}
		if err == nil {
			_, err = m.Resolve(t.Context())
		}
		for _, e := range mistakesOf(err) {
			if e.Rule == "" {
				t.Errorf("%v has no rule", e)
			}
			fmt.Fprintf(&got, "%s %s\n", strings.TrimPrefix(filepath.ToSlash(e.Pos.String()), "testdata/bad/"), e.Rule)
		}
	}
	const golden = "testdata/rules.txt"
	if *update {
		if err := os.WriteFile(golden, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(string(readFile(t, golden)), got.String()); diff != "" {
		t.Error(diff)
	}
}
