package complete_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/secretsync/secretsync/internal/complete"
	"github.com/secretsync/secretsync/reconcile"
)

// TestWords: what a shell could take for anything but text is not offered.
func TestWords(t *testing.T) {
	all := []string{
		"prod/b", "prod/a", "prod/a", "staging/a", "", "-rf", "--force", "a b", "a\tb", "a\nb", "$(id)", "`id`", "a;b", "a&b", "a|b", "a>b", "a<b", "a'b", `a"b`, `a\b`,
		"a*", "a?", "[a]", "{a,b}", "~root", "!x", "#x", "a=b", "a:b", "a@b", "a%b", "a,b", "é", "\u202e", "\x00", "\x1b[2J", "a(b)", "$HOME", "%PATH%", "a^b",
	}
	for typed, want := range map[string][]string{"": {"prod/a", "prod/b", "staging/a"}, "prod/": {"prod/a", "prod/b"}, "x": nil, "$": nil, "-": nil, "a": nil} {
		got, more := complete.Words(slices.Clone(all), typed)
		if !cmp.Equal(got, want) || more {
			t.Errorf("%q: %q %v, want %q", typed, got, more, want)
		}
	}
}

// TestManyWords: of many words, their beginnings are offered first.
func TestManyWords(t *testing.T) {
	var all []string
	for i := range 5000 {
		all = append(all, fmt.Sprintf("store%d/secret%d", i%3, i))
	}
	for typed, want := range map[string][]string{"": {"store0/", "store1/", "store2/"}, "store1": {"store1/"}} {
		if got, more := complete.Words(all, typed); !cmp.Equal(got, want) || !more {
			t.Errorf("%q: %q %v", typed, got, more)
		}
	}
	if got, more := complete.Words(all, "store1/"); len(got) != 200 || more {
		t.Errorf("%d %v", len(got), more)
	}
}

// TestReadGivesUp: a manifest that is large, or that is not a file, is not read. Reading a terabyte
// would exceed the time limit of go test.
func TestReadGivesUp(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	var b strings.Builder
	b.WriteString("version: 1\nstores:\n  prod:\n    secrets:\n")
	for i := range 100_000 {
		fmt.Fprintf(&b, "      secret%d: {from: {env: A}}\n", i)
	}
	if err := os.WriteFile("secretsync.yaml", []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("sparse.yaml", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate("sparse.yaml", 1<<40); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"secretsync.yaml", "sparse.yaml", filepath.Join(dir, "missing.yaml"), dir, os.DevNull} {
		complete.Read(context.Background(), reconcile.Config{Manifest: name, LookupEnv: os.LookupEnv})
	}
}
