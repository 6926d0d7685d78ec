//go:build recipes

package recipes

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"text/template"

	"gopkg.in/yaml.v3"
)

// curlAtGitHub is curl with the releases of the test's server instead of GitHub's.
const curlAtGitHub = `#!/bin/bash
args=()
while (($#)); do
  case "$1" in
    --proto) test "$2" = =https || exit 99; shift ;;
    https://github.com/*) args+=("$FAKE_RELEASES/${1#https://github.com/}") ;;
    *) args+=("$1") ;;
  esac
  shift
done
exec "$REAL_CURL" "${args[@]}"
`

// assets are the files of release v1.2.3, by the names that .goreleaser.yaml gives them: program
// for each system, and the checksums.
func assets(t *testing.T, program []byte) map[string][]byte {
	t.Helper()
	data, err := os.ReadFile("../.goreleaser.yaml")
	must(t, err)
	var config struct {
		Builds []struct{ Binary string }
		// Archives that are not .tar.gz are .zip.
		Archives []struct {
			Template string `yaml:"name_template"`
		}
	}
	must(t, yaml.Unmarshal(data, &config))
	name := template.Must(template.New("").Parse(config.Archives[0].Template))
	files := map[string][]byte{}
	for _, system := range []string{"linux", "darwin", "windows"} {
		for _, arch := range []string{"amd64", "arm64"} {
			var file bytes.Buffer
			must(t, name.Execute(&file, map[string]string{"ProjectName": "secretsync", "Version": "1.2.3", "Os": system, "Arch": arch}))
			if system == "windows" {
				files[file.String()+".zip"] = zipOf(t, config.Builds[0].Binary+".exe", program)
			} else {
				files[file.String()+".tar.gz"] = tarOf(t, config.Builds[0].Binary, program)
			}
		}
	}
	var sums strings.Builder
	for _, name := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintf(&sums, "%x  %s\n", sha256.Sum256(files[name]), name)
	}
	files["checksums.txt"], files["checksums.txt.sigstore.json"] = []byte(sums.String()), []byte("{}\n")
	return files
}

func tarOf(t *testing.T, name string, content []byte) []byte {
	t.Helper()
	var buf bytes.Buffer
	z, err := gzip.NewWriterLevel(&buf, gzip.BestSpeed)
	must(t, err)
	w := tar.NewWriter(z)
	must(t, w.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: int64(len(content))}))
	_, err = w.Write(content)
	must(t, err)
	must(t, w.Close())
	must(t, z.Close())
	return buf.Bytes()
}

func zipOf(t *testing.T, name string, content []byte) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	f, err := w.Create(name)
	must(t, err)
	_, err = f.Write(content)
	must(t, err)
	must(t, w.Close())
	return buf.Bytes()
}

// installer is a runner on which nothing is installed, at a GitHub that has release v1.2.3.
type installer struct {
	*run
	files  map[string][]byte // of the release
	action string            // the folder of the action
	cosign string            // where its stub writes what it was asked
}

func newInstaller(t *testing.T, program []byte) *installer {
	t.Helper()
	p := newPlace(t)
	p.branch("first", one("a"))
	r := p.newRun(map[string]string{"sha": p.merge("first")})
	r.step(step{Uses: "actions/checkout@v5", With: map[string]string{"persist-credentials": "false"}}, r.env)
	must(t, os.RemoveAll(filepath.Join(r.temp, "secretsync")))
	i := &installer{run: r, files: assets(t, program), action: t.TempDir(), cosign: filepath.Join(t.TempDir(), "cosign")}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, _ := strings.CutPrefix(r.URL.Path, "/secretsync/secretsync/releases/download/v1.2.3/")
		content, ok := i.files[name]
		if !ok {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write(content)
	}))
	t.Cleanup(server.Close)
	curl, err := exec.LookPath("curl")
	must(t, err)
	must(t, os.WriteFile(filepath.Join(p.bin, "curl"), []byte(curlAtGitHub), 0o755))
	maps.Copy(r.env, map[string]string{
		"FAKE_RELEASES": server.URL, "REAL_CURL": curl, "RUNNER_OS": "Linux", "RUNNER_ARCH": "X64", "GITHUB_ACTION_PATH": i.action,
		"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "url." + p.origin + ".insteadOf", "GIT_CONFIG_VALUE_0": "https://github.com/secretsync/secretsync",
	})
	write(t, filepath.Join(i.action, "CITATION.cff"), "cff-version: 1.2.0\nversion: 1.2.3\n")
	return i
}

// reset removes what a release left.
func (i *installer) reset() {
	must(i.t, os.RemoveAll(filepath.Join(i.temp, "secretsync")))
	must(i.t, os.RemoveAll(filepath.Join(i.temp, "secretsync-release")))
	i.log.Reset()
}

// withCosign installs a cosign that accepts or refuses every signature.
func (i *installer) withCosign(code int) {
	script := fmt.Sprintf("#!/bin/sh\necho \"$*\" >%s\nexit %d\n", i.cosign, code)
	must(i.t, os.WriteFile(filepath.Join(i.place.bin, "cosign"), []byte(script), 0o755))
}

// install runs the action's step that installs a release, and reports whether it succeeded.
func (i *installer) install(version, ref string) bool {
	i.t.Helper()
	for _, s := range parse[action](i.t, "action.yml").Runs.Steps {
		if s.Name == "Install the release" {
			env := maps.Clone(i.env)
			env["VERSION"], env["REF"] = version, ref
			return i.script(s, env)
		}
	}
	i.t.Fatal("action.yml has no such step")
	return false
}

// installed fails the test unless the program is, or is not, there afterwards.
func (i *installer) installed(want bool) {
	i.t.Helper()
	found, _ := filepath.Glob(filepath.Join(i.temp, "secretsync", "secretsync*"))
	if (len(found) == 1) != want {
		i.t.Errorf("installed: %q, want one: %v\n%s", found, want, i.log.String())
	}
}

// TestRelease installs a release and runs it, as a workflow does that pins the action to its tag.
func TestRelease(t *testing.T) {
	built, err := os.ReadFile(program(t))
	must(t, err)
	i := newInstaller(t, built)
	i.withCosign(0)
	i.values["github.action_ref"] = "v1.2.3"
	if !i.composite("action.yml", step{ID: "run", With: map[string]string{"command": "validate"}}, i.env) || i.outputs["run"]["exit-code"] != "0" {
		t.Fatalf("outputs %v:\n%s", i.outputs, i.log.String())
	}
	i.installed(true)
	asked, err := os.ReadFile(i.cosign)
	must(t, err)
	const want = "verify-blob --bundle checksums.txt.sigstore.json --certificate-oidc-issuer https://token.actions.githubusercontent.com " +
		"--certificate-identity https://github.com/secretsync/secretsync/.github/workflows/release.yml@refs/tags/v1.2.3 checksums.txt\n"
	if string(asked) != want {
		t.Errorf("cosign was asked %s, want %s", asked, want)
	}

	// A later step of the job finds it there, and asks for nothing.
	i.files = nil
	if !i.install("", "v1.2.3") || i.outputs["install"]["build"] != "" {
		t.Errorf("the second step did something:\n%s", i.log.String())
	}
}

// TestPreCommit runs the hook of .pre-commit-hooks.yaml, in a repository without mistakes and in
// one with.
func TestPreCommit(t *testing.T) {
	hooks := parse[[]struct {
		ID, Name, Description, Entry, Language string
		PassFilenames                          bool `yaml:"pass_filenames"`
		AlwaysRun                              bool `yaml:"always_run"`
	}](t, ".pre-commit-hooks.yaml")
	p := newPlace(t)
	p.branch("first", one("a"))
	hook := func() error {
		entry := strings.Fields(hooks[0].Entry)
		cmd := exec.CommandContext(t.Context(), filepath.Join(p.bin, entry[0]), entry[1:]...)
		cmd.Dir, cmd.Env = p.dev, list(p.environment(nil))
		return cmd.Run()
	}
	if err := hook(); err != nil {
		t.Errorf("a good manifest: %v", err)
	}
	must(t, os.Remove(filepath.Join(p.dev, "secrets", "a.enc.yaml")))
	if err := hook(); err == nil {
		t.Error("the mistake was not found")
	}
}

// TestReleaseOfSystems installs the program for every system that releases are for.
func TestReleaseOfSystems(t *testing.T) {
	i := newInstaller(t, []byte("#!/bin/sh\n"))
	for _, system := range []string{"Linux", "macOS", "Windows"} {
		for _, arch := range []string{"X64", "ARM64"} {
			i.reset()
			i.env["RUNNER_OS"], i.env["RUNNER_ARCH"] = system, arch
			if !i.install("v1.2.3", "main") {
				t.Errorf("%s %s: %s", system, arch, i.log.String())
			}
			i.installed(true)
		}
	}
}

// TestBadReleases: nothing is installed that is not what the release's signed checksums list.
func TestBadReleases(t *testing.T) {
	const archive = "secretsync_1.2.3_linux_amd64.tar.gz"
	tests := []struct {
		name, version string
		change        func(*installer)
		says          string
	}{
		{"changed archive", "v1.2.3", func(i *installer) {
			i.files[archive] = tarOf(t, "secretsync", []byte("#!/bin/sh\n# another\n"))
		}, "is not the file that checksums.txt of the release v1.2.3 lists"},
		{"refused signature", "v1.2.3", func(i *installer) { i.withCosign(1) }, "the signature of checksums.txt is not that of secretsync's release v1.2.3"},
		{"no signature", "v1.2.3", func(i *installer) { delete(i.files, "checksums.txt.sigstore.json") }, "its checksums.txt.sigstore.json could not be downloaded"},
		{"no archive", "v1.2.3", func(i *installer) { delete(i.files, archive) }, "its " + archive + " could not be downloaded"},
		{"not listed", "v1.2.3", func(i *installer) {
			i.files["checksums.txt"] = bytes.ReplaceAll(i.files["checksums.txt"], []byte(archive), []byte(archive+".old"))
		}, "does not list " + archive},
		{"no such release", "v1.2.4", func(*installer) {}, "the release v1.2.4 was not found"},
		{"another architecture", "v1.2.3", func(i *installer) { i.env["RUNNER_ARCH"] = "ARM" }, "no program for Linux on ARM: set the input version to source"},
		{"a branch", "main", func(*installer) {}, "must be a release such as v1.2.3, or source"},
		{"a path", "v1.2.3/../v9.9.9", func(*installer) {}, "must be a release such as v1.2.3, or source"},
	}
	i := newInstaller(t, []byte("#!/bin/sh\n"))
	files, env := i.files, i.env
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			i.t = t
			i.files, i.env = maps.Clone(files), maps.Clone(env)
			i.reset()
			i.withCosign(0)
			tt.change(i)
			if i.install(tt.version, "main") {
				t.Error("the step succeeded")
			}
			i.installed(false)
			i.says(tt.says)
		})
	}
}

// TestReleaseOfCommit: without the input version, the action's own release is installed if the
// action is pinned to its tag or to the tag's commit; otherwise its source is built.
func TestReleaseOfCommit(t *testing.T) {
	i := newInstaller(t, []byte("#!/bin/sh\n"))
	p := i.place
	git(t, p.dev, "tag", "-a", "-m", "v1.2.3", "v1.2.3", "origin/main")
	git(t, p.dev, "push", "--quiet", "origin", "v1.2.3")
	released := p.sha(p.dev, "v1.2.3^{commit}")
	p.branch("second", one("b"))
	later := p.merge("second")
	for _, tt := range []struct {
		name, version, ref, cited string
		build                     bool
	}{
		{"tag", "", "v1.2.3", "1.2.3", false},
		{"commit of the tag", "", released, "1.2.3", false},
		{"later commit", "", later, "1.2.3", true},
		{"branch", "", "main", "1.2.3", true},
		{"tag of another action that uses this one", "", "v4", "1.2.3", true},
		{"before the first release", "", "main", "", true},
		{"before the first release, commit", "", later, "", true},
		{"asked for source", "source", "v1.2.3", "1.2.3", true},
		{"asked for a release", "v1.2.3", "main", "", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			i.t = t
			i.reset()
			citation := "cff-version: 1.2.0\n"
			if tt.cited != "" {
				citation += "version: " + tt.cited + "\n"
			}
			write(t, filepath.Join(i.action, "CITATION.cff"), citation)
			i.outputs["install"] = nil
			if !i.install(tt.version, tt.ref) || (i.outputs["install"]["build"] == "true") != tt.build {
				t.Errorf("outputs %v, want build: %v\n%s", i.outputs["install"], tt.build, i.log.String())
			}
			i.installed(!tt.build)
		})
	}
}
