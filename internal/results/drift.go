package results

import (
	"context"
	"io"
	"slices"

	"github.com/secretsync/secretsync/internal/render"
	"github.com/secretsync/secretsync/planner"
)

// Drift writes drift to stdout, and to the files that CI systems read.
func (r *Writer) Drift(ctx context.Context, found []planner.Drift, checked int, manifest string) error {
	var origin render.Origin
	if r.Format != Text {
		origin = Origin(ctx, manifest, r.LookupEnv)
	}
	switch r.Format {
	case JSON:
		return render.DriftJSON(r.Out, found, checked, origin)
	case Markdown:
		return render.DriftMarkdown(r.Out, found, checked, origin)
	case GitHub:
		if err := render.DriftGitHub(r.Out, found, checked); err != nil {
			return err
		}
		counted := countedDrift(found)
		return r.tellGitHub(func(w io.Writer) error { return render.DriftMarkdown(w, found, checked, origin) }, []output{
			driftOutput(found), {"findings", counted}, {"checked", checked}, {"unread_accounts", render.UnreadAccounts(found)},
		})
	case GitLab:
		if err := r.writeReport(gitLabQualityFile, func(w io.Writer) error {
			return render.DriftCodeQuality(w, found, r.fromRoot("CI_PROJECT_DIR")(manifest))
		}); err != nil {
			return err
		}
	}
	return render.Drift(r.Out, found, checked, r.Style)
}

// driftOutput says whether there is drift. If none was found, but an account could not be read, it
// is not known: a workflow would close the issue of earlier drift.
func driftOutput(found []planner.Drift) output {
	unread := slices.ContainsFunc(found, func(d planner.Drift) bool { return d.Kind == planner.DriftAccountUnread })
	if counted := countedDrift(found); counted > 0 || !unread {
		return output{"drift", counted > 0}
	}
	return output{"failed", true}
}

func countedDrift(found []planner.Drift) int {
	n := 0
	for _, d := range found {
		if d.Counts {
			n++
		}
	}
	return n
}
