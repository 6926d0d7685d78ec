// Package results writes what a command found, in the format that was asked for: to the standard
// output, and to the files that CI systems read.
package results

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/secretsync/secretsync/internal/ci"
	"github.com/secretsync/secretsync/internal/outfile"
	"github.com/secretsync/secretsync/internal/redact"
	"github.com/secretsync/secretsync/internal/render"
)

// The formats of plan, show, drift and verify, and SARIF, which code scanning reads and only
// validate has.
const (
	Text     = "text"
	JSON     = "json"
	Markdown = "markdown"
	GitHub   = "github"
	GitLab   = "gitlab"
	SARIF    = "sarif"
)

// Formats are the formats of plan, show, drift and verify; ValidateFormats are those of validate.
var (
	Formats         = []string{Text, JSON, Markdown, GitHub, GitLab}
	ValidateFormats = append(slices.Clone(Formats), SARIF)
)

// Help lists the formats.
var Help = strings.Join(Formats, ", ")

// The files that --format gitlab writes into the current folder: for the widgets of a merge
// request, and for a note on it.
const (
	gitLabQualityFile = "secretsync-codequality.json"
	gitLabReportFile  = "secretsync-report.json"
	gitLabNoteFile    = "secretsync-note.md"
)

// Check refuses a format that is not one of [Formats].
func Check(format string) error {
	if !slices.Contains(Formats, format) {
		return fmt.Errorf("--format %q is not one of %s", format, Help)
	}
	return nil
}

// Writer writes results.
type Writer struct {
	Out    io.Writer
	Format string
	Style  render.Style
	// LookupEnv says which CI system runs the program, and where its files are.
	LookupEnv func(string) (string, bool)
	// Filter withholds values from the files, as from Out.
	Filter *redact.Filter
	// Outputs says which files must not be written.
	Outputs *outfile.Guard
}

// Origin is where a report about a manifest comes from, if it is written now.
func Origin(ctx context.Context, file string, lookupEnv func(string) (string, bool)) render.Origin {
	return render.NewOrigin(ci.Find(ctx, filepath.Dir(file), lookupEnv))
}

// output is a value for later steps of a GitHub workflow. It never contains user-supplied
// text, only fixed words, numbers and ids.
type output struct {
	name  string
	value any
}

// tellGitHub appends to the job's summary and to the step's outputs, if the runner provides
// files for them.
func (r *Writer) tellGitHub(summary func(io.Writer) error, outputs []output) error {
	var text, lines bytes.Buffer
	if err := summary(&text); err != nil {
		return err
	}
	for _, o := range outputs {
		fmt.Fprintf(&lines, "%s=%v\n", o.name, o.value)
	}
	for variable, content := range map[string][]byte{"GITHUB_STEP_SUMMARY": text.Bytes(), "GITHUB_OUTPUT": lines.Bytes()} {
		path, _ := r.LookupEnv(variable)
		if path == "" {
			continue
		}
		if err := r.Outputs.Append(outfile.File{Flag: variable, Path: path}, r.Filter.Text(content)); err != nil {
			return err
		}
	}
	return nil
}

// writeReport replaces a file.
func (r *Writer) writeReport(path string, write func(io.Writer) error) error {
	var b bytes.Buffer
	if err := write(&b); err != nil {
		return err
	}
	return r.Outputs.Write(outfile.File{Flag: "--format gitlab", Path: path}, r.Filter.Text(b.Bytes()))
}
