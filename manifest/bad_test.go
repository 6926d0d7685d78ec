package manifest

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden errors")

func readFile(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// Every mistake in testdata/bad is reported as its .err file says, and none of
// the errors shows a value: those have "canary" in them.
//
// SOPS is a fake here, which needs no key: a wrong key, a broken MAC, a swapped ciphertext
// and missing keys have their golden errors in testdata/scripts/sops-mistakes.txtar of the
// repository, encrypted by the real SOPS.
func TestBad(t *testing.T) {
	var names []string
	for _, pattern := range []string{"*.yaml", "*.toml", "*.json"} {
		found, err := filepath.Glob(filepath.Join("testdata", "bad", pattern))
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, found...)
	}
	if len(names) < 30 {
		t.Fatalf("only %d files", len(names))
	}
	for _, name := range names {
		t.Run(filepath.Base(name), func(t *testing.T) {
			m, err := load(t, "", Options{File: name})
			if err == nil {
				err = m.Check()
			}
			if err == nil {
				_, err = m.Resolve(t.Context())
			}
			if err == nil {
				t.Fatal("no error")
			}
			got := filepath.ToSlash(err.Error()) + "\n"
			if strings.Contains(strings.ToLower(got), "canary") {
				t.Errorf("an error shows a value:\n%s", got)
			}
			golden := strings.TrimSuffix(name, filepath.Ext(name)) + ".err"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(string(readFile(t, golden)), got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
