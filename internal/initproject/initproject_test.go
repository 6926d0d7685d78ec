package initproject_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/secretsync/secretsync/connect"
	"github.com/secretsync/secretsync/internal/ask"
	"github.com/secretsync/secretsync/internal/initproject"
	"github.com/secretsync/secretsync/internal/outfile"
	"github.com/secretsync/secretsync/internal/setup"
	"github.com/secretsync/secretsync/reconcile"
)

// folder changes to an empty folder without configuration above it.
func folder(t *testing.T) {
	t.Helper()
	t.Chdir(t.TempDir())
	home := t.TempDir()
	for _, name := range []string{"HOME", "XDG_CONFIG_HOME", "APPDATA", "USERPROFILE"} {
		t.Setenv(name, home)
	}
	for _, name := range []string{"SOPS_AGE_KEY", "SOPS_AGE_KEY_FILE", "SOPS_AGE_KEY_CMD", "SECRETSYNC_FINGERPRINT_KEY"} {
		t.Setenv(name, "")
		os.Unsetenv(name)
	}
}

// run sets up a project in the current folder. answers are typed on the terminal; if they are empty,
// there is no terminal. It returns the standard output, and the messages and questions.
func run(t *testing.T, o initproject.Options, answers string) (out, said string, err error) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	var outputs outfile.Guard
	o.EmulatorState = ".emulator.json"
	o.Config = func(file string) (reconcile.Config, error) {
		sops, err := connect.SOPS()
		return reconcile.Config{Manifest: file, LookupEnv: os.LookupEnv, SOPS: sops, Notify: func(reconcile.Event) {}}, err
	}
	o.Open = func() (*reconcile.Project, error) {
		c, err := o.Config(o.Manifest)
		if err != nil {
			return nil, err
		}
		p, err := reconcile.Open(t.Context(), c)
		if err == nil {
			outputs.Protect(reconcile.Files(c, p.Manifest()))
		}
		return p, err
	}
	questions := ask.New(strings.NewReader(answers), &stderr, func() error { return nil })
	questions.Off = answers == ""
	err = initproject.Run(t.Context(), o, initproject.Host{
		Out: &stdout, LookupEnv: os.LookupEnv, Questions: questions, Outputs: &outputs,
		Say:  func(format string, args ...any) { fmt.Fprintf(&stderr, format+"\n", args...) },
		Hint: func(text string) { fmt.Fprintln(&stderr, "hint: "+text) },
		Line: func(words ...string) string { return "secretsync " + strings.Join(words, " ") },
	})
	return stdout.String(), stderr.String(), err
}

// files returns the files in the current folder and below, sorted.
func files(t *testing.T) (names []string) {
	t.Helper()
	err := filepath.WalkDir(".", func(name string, entry os.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			names = append(names, filepath.ToSlash(name))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(names)
	return names
}

// TestAgainOverwritesNothing: a second run finds what the first one created, and leaves it as it is.
func TestAgainOverwritesNothing(t *testing.T) {
	folder(t)
	o := initproject.Options{Manifest: "shop.toml", Store: "shop", CI: setup.GitLab}
	out, said, err := run(t, o, "")
	if err != nil || said != "" {
		t.Fatalf("%v, %s", err, said)
	}
	for _, want := range []string{"Wrote shop.toml.", "Created an age identity in ", "Wrote .sops.yaml: values are encrypted for age1", "Created the fingerprint key", "Wrote .gitlab-ci.yml."} {
		if !strings.Contains(out, want) {
			t.Errorf("the output has no %q:\n%s", want, out)
		}
	}
	want := []string{".gitattributes", ".gitignore", ".gitlab-ci.yml", ".shop.lock.flock", ".sops.yaml", setup.SchemaFile, "shop.lock", "shop.toml"}
	if diff := cmp.Diff(want, files(t)); diff != "" {
		t.Fatal(diff)
	}
	ignored, err := os.ReadFile(".gitignore")
	for _, want := range []string{".emulator.json\n", ".emulator.json.flock\n", "shop.emulator.lock\n"} {
		if err != nil || !strings.Contains(string(ignored), want) {
			t.Errorf(".gitignore has no %q (%v):\n%s", want, err, ignored)
		}
	}
	before := map[string]string{}
	for _, name := range want {
		if name == ".shop.lock.flock" { // says who last held the lock, and since when
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		before[name] = string(text)
	}
	o.Store = "" // which goes only with a new manifest
	out, _, err = run(t, o, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"shop.toml exists and is left as it is.", "Found the fingerprint key", ".gitlab-ci.yml exists and is the recipe."} {
		if !strings.Contains(out, want) {
			t.Errorf("the output has no %q:\n%s", want, out)
		}
	}
	for name, text := range before {
		if now, err := os.ReadFile(name); err != nil || string(now) != text {
			t.Errorf("%s was changed (%v)", name, err)
		}
	}
}

// TestAnswers: the typed answers decide; without an identity there are no SOPS rules either.
func TestAnswers(t *testing.T) {
	folder(t)
	out, asked, err := run(t, initproject.Options{}, "a b\nshop\nno\nnone\n")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Store in Cloudflare [default_secrets_store]: ", "a store's label consists of", "Create an age identity in ", "CI recipe (github, gitlab, none) [none]: "} {
		if !strings.Contains(asked, want) {
			t.Errorf("it did not ask %q:\n%s", want, asked)
		}
	}
	manifest, err := os.ReadFile("secretsync.yaml")
	if err != nil || !strings.Contains(string(manifest), "\n  shop: ") {
		t.Errorf("%v: %s", err, manifest)
	}
	if slices.Contains(files(t), ".sops.yaml") || strings.Contains(out, "age identity") {
		t.Errorf("an identity that was not wanted: %s", out)
	}
}

// TestRefused: what cannot be done is refused before anything is written.
func TestRefused(t *testing.T) {
	const manifest = "version: 1\nstores: {}\n"
	for _, c := range []struct {
		name, want string
		existing   string // the manifest
		answers    string
		o          initproject.Options
	}{
		{"a store of a manifest that exists", "--store applies only to a new manifest, but a.yaml already exists", manifest, "", initproject.Options{Manifest: "a.yaml", Store: "shop"}},
		{"no valid manifest", "unsupported manifest version", "version: 2\n", "", initproject.Options{Manifest: "a.yaml"}},
		{"another format", "init writes YAML or TOML", "", "", initproject.Options{Manifest: "a.json"}},
		{"no CI system", `--ci "jenkins" is not one of`, "", "", initproject.Options{CI: "jenkins"}},
		{"no label", "--store \"a b\"", "", "", initproject.Options{Store: "a b"}},
		{"an identity in the manifest's place", "that is the manifest", "", "", initproject.Options{Age: setup.Choice{KeyFile: "secretsync.yaml"}}},
		{"no more answers", ask.ErrEnded.Error(), "", "shop\n", initproject.Options{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			folder(t)
			if c.existing != "" {
				if err := os.WriteFile(c.o.Manifest, []byte(c.existing), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			before := files(t)
			out, _, err := run(t, c.o, c.answers)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
			if diff := cmp.Diff(before, files(t)); diff != "" || out != "" {
				t.Errorf("it wrote %s\n%s", diff, out)
			}
		})
	}
}

// TestInterrupted: an interrupt ends the run before the next step.
func TestInterrupted(t *testing.T) {
	folder(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := initproject.Run(ctx, initproject.Options{
		Config: func(string) (reconcile.Config, error) { return reconcile.Config{LookupEnv: os.LookupEnv}, nil },
	}, initproject.Host{
		Out: io.Discard, LookupEnv: os.LookupEnv, Questions: &ask.Questions{Off: true}, Outputs: new(outfile.Guard),
	})
	if names := files(t); !errors.Is(err, context.Canceled) || len(names) > 0 {
		t.Errorf("%v, wrote %q", err, names)
	}
}
