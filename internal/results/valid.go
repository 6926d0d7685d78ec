package results

import (
	"context"
	"io"

	"github.com/secretsync/secretsync/internal/render"
	"github.com/secretsync/secretsync/internal/render/sarif"
)

// Valid writes a valid manifest's size and the warnings about it to stdout, and to the files that
// CI systems read.
func (r *Writer) Valid(ctx context.Context, v *render.Valid) error {
	manifest := v.Manifest
	if r.Format != Text {
		v.Origin = Origin(ctx, manifest, r.LookupEnv)
	}
	under := func(name func(string) string) {
		v.Manifest = name(v.Manifest)
		rename(v.Warnings, name)
	}
	switch r.Format {
	case JSON:
		return render.ValidJSON(r.Out, v)
	case Markdown:
		return render.ValidMarkdown(r.Out, v)
	case GitHub:
		if err := r.tellGitHub(func(w io.Writer) error { return render.ValidMarkdown(w, v) }, []output{{"valid", true}}); err != nil {
			return err
		}
		under(r.fromRoot("GITHUB_WORKSPACE"))
		return render.ValidGitHub(r.Out, v)
	case GitLab:
		under(r.fromRoot("CI_PROJECT_DIR"))
		if err := r.writeReport(gitLabQualityFile, func(w io.Writer) error { return render.ValidCodeQuality(w, v) }); err != nil {
			return err
		}
	case SARIF:
		under(r.fromRepository(manifest))
		return sarif.Valid(r.Out, v)
	}
	return render.ValidText(r.Out, v)
}
