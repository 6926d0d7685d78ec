// Package sarif writes what is wrong with a manifest as a log in SARIF 2.1.0, for code scanning.
package sarif

import (
	"io"
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"github.com/secretsync/secretsync/internal/render"
)

// The part of SARIF that code scanning reads. testdata has the schema.
const (
	sarifSchema  = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
	sarifVersion = "2.1.0"
	// sourceRoot stands for the folder that files are named from: the repository's.
	sourceRoot = "%SRCROOT%"
)

type sarifLog struct {
	Schema  string     `json:"$schema"`
	Version string     `json:"version"`
	Runs    []sarifRun `json:"runs"`
}

type sarifRun struct {
	Tool struct {
		Driver sarifDriver `json:"driver"`
	} `json:"tool"`
	AutomationDetails sarifID                `json:"automationDetails"`
	Invocations       []sarifInvocation      `json:"invocations"`
	BaseIDs           map[string]sarifBaseID `json:"originalUriBaseIds"`
	ColumnKind        string                 `json:"columnKind"`
	Results           []sarifResult          `json:"results"`
}

type sarifID struct {
	ID string `json:"id"`
}

type sarifInvocation struct {
	ExitCode            int  `json:"exitCode"`
	ExecutionSuccessful bool `json:"executionSuccessful"`
}

type sarifBaseID struct {
	Description sarifText `json:"description"`
}

type sarifDriver struct {
	Name           string      `json:"name"`
	InformationURI string      `json:"informationUri"`
	Rules          []sarifRule `json:"rules"`
}

type sarifRule struct {
	ID               string    `json:"id"`
	ShortDescription sarifText `json:"shortDescription"`
}

type sarifText struct {
	Text string `json:"text"`
}

type sarifResult struct {
	RuleID    string          `json:"ruleId"`
	RuleIndex int             `json:"ruleIndex"`
	Level     string          `json:"level"`
	Message   sarifText       `json:"message"`
	Locations []sarifLocation `json:"locations"`
}

type sarifLocation struct {
	PhysicalLocation struct {
		ArtifactLocation sarifArtifact `json:"artifactLocation"`
		Region           sarifRegion   `json:"region"`
	} `json:"physicalLocation"`
}

type sarifArtifact struct {
	URI       string `json:"uri"`
	URIBaseID string `json:"uriBaseId,omitempty"`
}

type sarifRegion struct {
	StartLine   int `json:"startLine"`
	StartColumn int `json:"startColumn,omitempty"`
}

// Failure writes the mistakes of a manifest. File names are relative to the repository's folder,
// or absolute.
func Failure(w io.Writer, f *render.Failure) error {
	return write(w, f.Manifest, f.ExitCode, f.Mistakes, f.Warnings)
}

// Valid writes the warnings about a valid manifest, as [Failure] does.
func Valid(w io.Writer, v *render.Valid) error { return write(w, v.Manifest, 0, nil, v.Warnings) }

// write writes a log with one run. It was successful if the manifest could be checked, whatever
// was found.
func write(w io.Writer, manifest string, exitCode int, mistakes, warnings []render.Mistake) error {
	run := sarifRun{
		AutomationDetails: sarifID{"secretsync/validate/"},
		Invocations:       []sarifInvocation{{exitCode, !slices.ContainsFunc(mistakes, unchecked)}},
		BaseIDs:           map[string]sarifBaseID{sourceRoot: {sarifText{"the repository's folder"}}},
		ColumnKind:        "unicodeCodePoints", // as in every position of this program
		Results:           []sarifResult{},
	}
	driver := &run.Tool.Driver
	*driver = sarifDriver{Name: "secretsync", InformationURI: "https://github.com/secretsync/secretsync", Rules: []sarifRule{}}
	add := func(level string, list []render.Mistake) {
		for _, m := range list {
			i := slices.IndexFunc(driver.Rules, func(r sarifRule) bool { return r.ID == m.Rule })
			if i < 0 {
				i = len(driver.Rules)
				driver.Rules = append(driver.Rules, sarifRule{m.Rule, sarifText{ruleWords(m.Rule)}})
			}
			run.Results = append(run.Results, sarifResult{m.Rule, i, level, sarifText{sarifMessage(m)}, []sarifLocation{sarifPlace(m, manifest)}})
		}
	}
	add("error", mistakes)
	add("warning", warnings)
	return render.WriteJSON(w, sarifLog{sarifSchema, sarifVersion, []sarifRun{run}})
}

// unchecked reports whether a mistake is about the run, not about the manifest.
func unchecked(m render.Mistake) bool { return m.Rule == render.RuleError || m.Rule == render.RuleInterrupted }

// sarifMessage is a mistake as one line. In a message, "[text](target)" would be a link.
func sarifMessage(m render.Mistake) string {
	return strings.ReplaceAll(render.Safe(m.WithHint()), "](", "] (")
}

// sarifPlace is where a mistake is. One without a position is at the beginning of the manifest,
// since code scanning shows only what is in a file.
func sarifPlace(m render.Mistake, manifest string) (l sarifLocation) {
	name := m.Pos.File
	if name == "" {
		name = manifest
	}
	at := &l.PhysicalLocation
	at.Region = sarifRegion{max(m.Pos.Line, 1), m.Pos.Column}
	if filepath.IsAbs(name) { // outside the repository
		at.ArtifactLocation.URI = (&url.URL{Scheme: "file", Path: "/" + strings.TrimPrefix(filepath.ToSlash(name), "/")}).String()
	} else {
		at.ArtifactLocation = sarifArtifact{(&url.URL{Path: filepath.ToSlash(name)}).String(), sourceRoot}
	}
	return l
}
