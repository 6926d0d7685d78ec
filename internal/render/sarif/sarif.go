// Package sarif writes what is wrong with a manifest as a log in SARIF 2.1.0, for code scanning.
package sarif

import (
	"io"
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"github.com/secretsync/secretsync/internal/render"
	"github.com/secretsync/secretsync/internal/troubleshooting"
)

// The part of SARIF that code scanning reads. testdata has the schema.
const (
	schema  = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
	version = "2.1.0"
	// sourceRoot stands for the folder that file names are relative to: the repository's.
	sourceRoot = "%SRCROOT%"
)

type log struct {
	Schema  string `json:"$schema"`
	Version string `json:"version"`
	Runs    []run  `json:"runs"`
}

type run struct {
	Tool struct {
		Driver driver `json:"driver"`
	} `json:"tool"`
	AutomationDetails id                `json:"automationDetails"`
	Invocations       []invocation      `json:"invocations"`
	BaseIDs           map[string]baseID `json:"originalUriBaseIds"`
	ColumnKind        string            `json:"columnKind"`
	Results           []result          `json:"results"`
}

type id struct {
	ID string `json:"id"`
}

type invocation struct {
	ExitCode            int  `json:"exitCode"`
	ExecutionSuccessful bool `json:"executionSuccessful"`
}

type baseID struct {
	Description text `json:"description"`
}

type driver struct {
	Name           string `json:"name"`
	InformationURI string `json:"informationUri"`
	Rules          []rule `json:"rules"`
}

type rule struct {
	ID               string `json:"id"`
	ShortDescription text   `json:"shortDescription"`
	HelpURI          string `json:"helpUri"`
}

type text struct {
	Text string `json:"text"`
}

type result struct {
	RuleID    string     `json:"ruleId"`
	RuleIndex int        `json:"ruleIndex"`
	Level     string     `json:"level"`
	Message   text       `json:"message"`
	Locations []location `json:"locations"`
}

type location struct {
	PhysicalLocation struct {
		ArtifactLocation artifact `json:"artifactLocation"`
		Region           region   `json:"region"`
	} `json:"physicalLocation"`
}

type artifact struct {
	URI       string `json:"uri"`
	URIBaseID string `json:"uriBaseId,omitempty"`
}

type region struct {
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
	only := run{
		AutomationDetails: id{"secretsync/validate/"},
		Invocations:       []invocation{{exitCode, !slices.ContainsFunc(mistakes, unchecked)}},
		BaseIDs:           map[string]baseID{sourceRoot: {text{"the repository's folder"}}},
		ColumnKind:        "unicodeCodePoints", // as in every position of this program
		Results:           []result{},
	}
	tool := &only.Tool.Driver
	*tool = driver{Name: "secretsync", InformationURI: "https://github.com/secretsync/secretsync", Rules: []rule{}}
	add := func(level string, list []render.Mistake) {
		for _, m := range list {
			i := slices.IndexFunc(tool.Rules, func(r rule) bool { return r.ID == m.Rule })
			if i < 0 {
				i = len(tool.Rules)
				tool.Rules = append(tool.Rules, rule{m.Rule, text{ruleWords(m.Rule)}, troubleshooting.Rule(m.Rule)})
			}
			only.Results = append(only.Results, result{m.Rule, i, level, text{message(m)}, []location{place(m, manifest)}})
		}
	}
	add("error", mistakes)
	add("warning", warnings)
	return render.WriteJSON(w, log{schema, version, []run{only}})
}

// unchecked reports whether a mistake is about the run, not about the manifest.
func unchecked(m render.Mistake) bool {
	return m.Rule == render.RuleError || m.Rule == render.RuleInterrupted
}

// message is a mistake as one line. In a message, "[text](target)" would be a link.
func message(m render.Mistake) string {
	return strings.ReplaceAll(render.Safe(m.WithHint()), "](", "] (")
}

// place is where a mistake is. A mistake without a position is placed at the beginning of the
// manifest, since code scanning shows only results that are in a file.
func place(m render.Mistake, manifest string) (l location) {
	name := m.Pos.File
	if name == "" {
		name = manifest
	}
	at := &l.PhysicalLocation
	at.Region = region{max(m.Pos.Line, 1), m.Pos.Column}
	if filepath.IsAbs(name) { // outside the repository
		at.ArtifactLocation.URI = (&url.URL{Scheme: "file", Path: "/" + strings.TrimPrefix(filepath.ToSlash(name), "/")}).String()
	} else {
		at.ArtifactLocation = artifact{(&url.URL{Path: filepath.ToSlash(name)}).String(), sourceRoot}
	}
	return l
}
