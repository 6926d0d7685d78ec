package setup_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/secretsync/secretsync/examples"
	"github.com/secretsync/secretsync/internal/setup"
	"github.com/secretsync/secretsync/manifest"
	"gopkg.in/yaml.v3"
)

var usual = setup.Project{Manifest: "secretsync.yaml", Lockfile: "secretsync.lock", Rules: ".sops.yaml", Values: "secrets.enc.yaml", Branch: "main"}

// Where the names are the usual ones, a recipe is the file of package examples: only the name of the
// workflow that applies is another one.
func TestRecipeIsTheExample(t *testing.T) {
	for ci, dir := range map[string]string{setup.GitHub: "github/", setup.GitLab: "gitlab/"} {
		files, err := setup.Recipe(ci, usual)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %d files, %v", ci, len(files), err)
		}
		for _, f := range files {
			example, err := examples.Recipes.ReadFile(dir + strings.TrimPrefix(filepath.Base(f.Path), "secretsync-"))
			if err != nil {
				t.Fatal(err)
			}
			want := strings.ReplaceAll(string(example), "workflow: apply.yml", "workflow: secretsync-apply.yml")
			if string(f.Data) != want {
				t.Errorf("%s is not the example", f.Path)
			}
		}
	}
	files, err := setup.Recipe(setup.NoCI, usual)
	if err != nil || len(files) != 0 {
		t.Errorf("none: %d files, %v", len(files), err)
	}
}

// A recipe for other names has them wherever the usual ones are, and is still YAML.
func TestRecipeHasTheNames(t *testing.T) {
	p := setup.Project{Manifest: "a/x.yaml", Lockfile: "a/x.lock", Rules: "a/.sops.yaml", Values: "a/secrets.enc.yaml", Branch: "release/1.x"}
	for _, ci := range []string{setup.GitHub, setup.GitLab} {
		files, err := setup.Recipe(ci, p)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			var tree any
			if err := yaml.Unmarshal(f.Data, &tree); err != nil {
				t.Errorf("%s: %v", f.Path, err)
			}
			for i, line := range strings.Split(string(f.Data), "\n") {
				code, _, _ := strings.Cut(line, " #")
				for _, usual := range []string{"secretsync.yaml", "secretsync.lock", " .sops.yaml", "[main]", "branch: main", "BRANCH: main", " secrets/", `"secrets/`} {
					if !strings.HasPrefix(strings.TrimSpace(line), "#") && strings.Contains(code, usual) {
						t.Errorf("%s:%d: has %s: %s", f.Path, i+1, usual, line)
					}
				}
			}
			if n := strings.Count(string(f.Data), "manifest: a/x.yaml\n"); ci == setup.GitHub && n != strings.Count(string(f.Data), " command: ") {
				t.Errorf("%s: %d of the action's steps have the manifest", f.Path, n)
			}
		}
	}
}

// A name that a workflow, a shell or a glob would read otherwise is refused.
func TestRecipeRefusesNames(t *testing.T) {
	for _, name := range []string{"a b.yaml", "${{ x }}.yaml", "$(id).yaml", "*.yaml", "-f.yaml", "a\nb", "../x.yaml", "/x.yaml", "", "a//b", "é.yaml", "a;b", "a#b"} {
		p := usual
		p.Manifest = name
		if _, err := setup.Recipe(setup.GitHub, p); err == nil {
			t.Errorf("%q is not refused", name)
		}
	}
	for _, name := range []string{"a/b-c_d.v2.yaml", ".config/x.yaml"} {
		p := usual
		p.Manifest = name
		if _, err := setup.Recipe(setup.GitHub, p); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// Each first manifest is valid as it is, and has one secret.
func TestManifestIsValid(t *testing.T) {
	for _, file := range []string{"a.yaml", "b.yml", "c.toml"} {
		text, err := setup.Manifest(file, "prod")
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), file)
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		m, err := manifest.Load(t.Context(), manifest.Options{File: path})
		if err != nil || len(m.Stores) != 1 || m.Stores[0].Label != "prod" || len(m.Stores[0].Secrets) != 1 {
			t.Errorf("%s: %+v, %v", file, m, err)
		}
	}
	if _, err := setup.Manifest("a.json", "prod"); err == nil {
		t.Error("JSON has no comments, and no first manifest")
	}
}

func TestFileCreate(t *testing.T) {
	root, away := t.TempDir(), t.TempDir()
	f := setup.File{Path: ".github/workflows/x.yml", Data: []byte("a: 1\n")}
	for _, want := range []setup.Outcome{setup.Created, setup.Present} {
		if got, err := f.Create(root); err != nil || got != want {
			t.Errorf("%v, %v; want %v", got, err, want)
		}
	}
	f.Data = []byte("b: 2\n")
	if got, err := f.Create(root); err != nil || got != setup.Differs {
		t.Errorf("another file: %v, %v", got, err)
	}
	if data, _ := os.ReadFile(filepath.Join(root, f.Path)); string(data) != "a: 1\n" {
		t.Errorf("it was overwritten: %s", data)
	}
	for _, link := range []string{".gitlab", "workflows"} {
		if err := os.Symlink(away, filepath.Join(root, link)); err != nil {
			t.Skip("no links here:", err)
		}
		f.Path = link + "/x.yml"
		if _, err := f.Create(root); err == nil {
			t.Errorf("a link out of the repository was followed: %s", link)
		}
	}
	if entries, err := os.ReadDir(away); err != nil || len(entries) > 0 {
		t.Errorf("written elsewhere: %v, %v", entries, err)
	}
}
