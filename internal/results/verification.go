package results

import (
	"context"
	"io"

	"github.com/secretsync/secretsync/internal/render"
	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/reconcile"
)

// Verification writes a verification to stdout, and to the files that CI systems read.
func (r *Writer) Verification(ctx context.Context, v *reconcile.Verification, manifest string) error {
	var origin render.Origin
	if r.Format != Text {
		origin = Origin(ctx, manifest, r.LookupEnv)
	}
	switch r.Format {
	case JSON:
		return render.VerificationJSON(r.Out, v, origin)
	case Markdown:
		return render.VerificationMarkdown(r.Out, v, origin)
	case GitHub:
		if err := render.VerificationGitHub(r.Out, v); err != nil {
			return err
		}
		return r.tellGitHub(func(w io.Writer) error { return render.VerificationMarkdown(w, v, origin) }, []output{
			verifyOutput(v), {"checked", len(v.Secrets)}, {"match", v.Count(planner.LiveSame)}, {"mismatch", v.Mismatches()},
			{"accepted", v.Count(planner.LiveOther) - v.Mismatches()}, {"unreadable", v.Count(planner.LiveUnreadable)},
			{"unknown", v.Count(planner.LiveUnknown)},
		})
	case GitLab:
		err := r.writeReport(gitLabQualityFile, func(w io.Writer) error {
			return render.VerificationCodeQuality(w, v, r.fromRoot("CI_PROJECT_DIR")(manifest))
		})
		if err != nil {
			return err
		}
	}
	return render.Verification(r.Out, v, r.Style)
}

// verifyOutput says whether all values match, as far as they can be read. If an account could not be
// verified, that is not known unless there is a mismatch.
func verifyOutput(v *reconcile.Verification) output {
	if v.Failed != nil && v.Mismatches() == 0 {
		return output{"failed", true}
	}
	return output{"verified", v.Mismatches() == 0}
}
