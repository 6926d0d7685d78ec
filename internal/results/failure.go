package results

import (
	"errors"
	"io"

	"github.com/secretsync/secretsync/internal/render"
	"github.com/secretsync/secretsync/internal/render/sarif"
)

// Failure writes a failure to stdout, and to the files that CI systems read.
func (r *Writer) Failure(f *render.Failure) error {
	switch r.Format {
	case JSON:
		return render.FailureJSON(r.Out, f)
	case Markdown:
		return render.FailureMarkdown(r.Out, f)
	case GitHub:
		summary := func(w io.Writer) error { return render.FailureMarkdown(w, f) }
		if err := r.tellGitHub(summary, []output{{"failed", true}}); err != nil {
			return err
		}
		renameFailure(f, r.fromRoot("GITHUB_WORKSPACE"))
		return render.FailureGitHub(r.Out, f)
	case GitLab:
		renameFailure(f, r.fromRoot("CI_PROJECT_DIR"))
		if err := r.writeReport(gitLabQualityFile, func(w io.Writer) error { return render.FailureCodeQuality(w, f) }); err != nil || f.Command != "plan" {
			return err
		}
		return errors.Join(
			r.writeReport(gitLabReportFile, func(w io.Writer) error { return render.FailureReport(w, f) }),
			r.writeReport(gitLabNoteFile, func(w io.Writer) error { return render.FailureMarkdown(w, f) }))
	case SARIF:
		if f.Command != "validate" { // the format is the mistake
			return nil
		}
		renameFailure(f, r.fromRepository(f.Manifest))
		return sarif.Failure(r.Out, f)
	}
	return nil
}

// renameFailure rewrites the file names of a failure.
func renameFailure(f *render.Failure, name func(string) string) {
	f.Manifest = name(f.Manifest)
	rename(f.Mistakes, name)
	rename(f.Warnings, name)
}
