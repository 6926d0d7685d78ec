package docs

import (
	"bytes"
	"os"
	"regexp"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// changelogHeading is a version in CHANGELOG.md: ## 1.2.3 - 2026-12-31.
var changelogHeading = regexp.MustCompile(`(?m)^## (?:(\d+\.\d+\.\d+\S*) - (\d{4}-\d\d-\d\d)|Unreleased)$`)

// TestReleaseVersion: CITATION.cff, from which action.yml knows its release, has the last version
// in CHANGELOG.md. In the workflow that releases, RELEASE_TAG has to be that version too, and
// nothing is left under Unreleased.
func TestReleaseVersion(t *testing.T) {
	data, err := os.ReadFile("../CITATION.cff")
	if err != nil {
		t.Fatal(err)
	}
	var citation struct {
		CFF        string `yaml:"cff-version"`
		Message    string
		Type       string
		Title      string
		Abstract   string
		Authors    []struct{ Name string }
		Repository string `yaml:"repository-code"`
		License    string
		Keywords   []string
		Version    string
		Date       string `yaml:"date-released"`
	}
	d := yaml.NewDecoder(bytes.NewReader(data))
	d.KnownFields(true)
	if err := d.Decode(&citation); err != nil {
		t.Fatal(err)
	}
	if citation.CFF != "1.2.0" || citation.Message == "" || citation.Title == "" || len(citation.Authors) == 0 || citation.License != "Apache-2.0" {
		t.Errorf("CITATION.cff lacks something: %+v", citation)
	}
	if citation.Version != "" && !strings.Contains(string(data), "\nversion: "+citation.Version+"\n") {
		t.Error("action.yml reads the version from CITATION.cff without quotes")
	}
	changelog, err := os.ReadFile("../CHANGELOG.md")
	if err != nil {
		t.Fatal(err)
	}
	headings := changelogHeading.FindAllStringSubmatch(string(changelog), -1)
	if len(headings) == 0 || strings.Count(string(changelog), "\n## ") != len(headings) {
		t.Fatalf("CHANGELOG.md has other headings than Unreleased and 1.2.3 - 2026-12-31: %q", headings)
	}
	version, date := "", ""
	for _, h := range headings {
		if version, date = h[1], h[2]; version != "" {
			break
		}
	}
	if citation.Version != version || citation.Date != date {
		t.Errorf("CITATION.cff has version %q of %q, and CHANGELOG.md %q of %q", citation.Version, citation.Date, version, date)
	}
	if tag := os.Getenv("RELEASE_TAG"); tag != "" && (version == "" || tag != "v"+version || headings[0][1] != version) {
		t.Errorf("the tag is %s, and CHANGELOG.md starts with %q", tag, headings[0][0])
	}
}

// TestReleaseSystems: the licences that accompany a release cover all programs in it.
func TestReleaseSystems(t *testing.T) {
	config, err := os.ReadFile("../.goreleaser.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var release struct {
		Builds []struct{ Goos, Goarch, Tags []string }
	}
	if err := yaml.Unmarshal(config, &release); err != nil {
		t.Fatal(err)
	}
	command, err := os.ReadFile("../internal/licences/thirdparty/main.go")
	if err != nil {
		t.Fatal(err)
	}
	build := release.Builds[0]
	for _, goos := range build.Goos {
		for _, goarch := range build.Goarch {
			if !strings.Contains(string(command), `"`+goos+"/"+goarch+`"`) {
				t.Errorf("internal/licences/thirdparty leaves out %s/%s", goos, goarch)
			}
		}
	}
	if !strings.Contains(string(command), `"`+strings.Join(build.Tags, ",")+`"`) {
		t.Errorf("internal/licences/thirdparty does not build with %q", build.Tags)
	}
}
