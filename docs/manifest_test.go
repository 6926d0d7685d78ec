package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/secretsync/secretsync/manifest"
)

// TestManifestExamples loads every example in manifest.md: each YAML example is
// followed by the same one in TOML.
func TestManifestExamples(t *testing.T) {
	doc, err := os.ReadFile("manifest.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```(yaml|toml)\n(.*?)```").FindAllStringSubmatch(string(doc), -1)
	if len(blocks) < 14 || len(blocks)%2 != 0 {
		t.Fatalf("%d examples", len(blocks))
	}
	for i := 0; i < len(blocks); i += 2 {
		if blocks[i][1] != "yaml" || blocks[i+1][1] != "toml" {
			t.Fatalf("example %d is not YAML and then TOML", i/2+1)
		}
		yaml, toml := loadManifest(t, "yaml", blocks[i][2]), loadManifest(t, "toml", blocks[i+1][2])
		ignore := cmp.Options{
			cmpopts.IgnoreTypes(manifest.Position{}),
			cmp.Transformer("source", func(s manifest.Source) string { return s.String() }),
			cmpopts.SortSlices(func(a, b manifest.Secret) bool { return a.Label < b.Label }),
		}
		if diff := cmp.Diff(yaml.Stores, toml.Stores, ignore); diff != "" {
			t.Errorf("example %d (%s) says something else in TOML:\n%s", i/2+1, strings.TrimSpace(blocks[i][2][:40]), diff)
		}
	}
}

func loadManifest(t *testing.T, extension, text string) *manifest.Manifest {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]string{
		"secretsync." + extension: text,
		"teams/a/secrets.yaml":    "version: 1\nstores: {prod: {secrets: {from-a-team: {from: {env: A}}}}}\n",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	m, err := manifest.Load(t.Context(), manifest.Options{
		File: filepath.Join(dir, "secretsync."+extension), LookupEnv: func(string) (string, bool) { return "", false },
	})
	if err != nil {
		t.Fatalf("%s:\n%s\n%v", extension, text, err)
	}
	return m
}
