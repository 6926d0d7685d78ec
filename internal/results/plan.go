package results

import (
	"io"

	"github.com/secretsync/secretsync/internal/render"
	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/planner/planfile"
)

// Plan writes a plan to stdout, and to the files that CI systems read.
func (r *Writer) Plan(file *planfile.File) error {
	p, info := file.Plan(), planInfo(file)
	switch r.Format {
	case GitHub:
		r.underRoot("GITHUB_WORKSPACE", p, &info)
	case GitLab:
		r.underRoot("CI_PROJECT_DIR", p, &info)
	}
	switch r.Format {
	case JSON:
		_, err := r.Out.Write(file.Format())
		return err
	case Markdown:
		return render.PlanMarkdown(r.Out, p, info)
	case GitHub:
		if err := render.PlanGitHub(r.Out, p, info); err != nil {
			return err
		}
		s := file.Summary
		return r.tellGitHub(func(w io.Writer) error { return render.PlanMarkdown(w, p, info) }, []output{
			{"changes", s.Total > 0}, {"plan_id", file.PlanID}, {"total", s.Total}, {"create", s.Create + s.CreateStore},
			{"update", s.Update + s.Adopt}, {"rotate", s.Rotate}, {"rename", s.Rename}, {"prepare", s.Prepare},
			{"retire", s.Retire}, {"delete", s.Delete + s.DeleteStore},
			{"forget", s.Forget}, {"problems", len(file.Problems)}, {"unread_accounts", s.UnreadAccounts},
		})
	case GitLab:
		if err := r.writeReport(gitLabQualityFile, func(w io.Writer) error { return render.PlanCodeQuality(w, p, info) }); err != nil {
			return err
		}
		if err := r.writeReport(gitLabReportFile, func(w io.Writer) error { return render.PlanReport(w, p) }); err != nil {
			return err
		}
		if err := r.writeReport(gitLabNoteFile, func(w io.Writer) error { return render.PlanMarkdown(w, p, info) }); err != nil {
			return err
		}
	}
	return render.Plan(r.Out, p, info, r.Style)
}

// underRoot rewrites file names relative to the repository's folder, as annotations need
// them. An environment variable of the runner names that folder.
func (r *Writer) underRoot(variable string, p *planner.Plan, info *render.PlanInfo) {
	name := r.fromRoot(variable)
	info.Manifest = name(info.Manifest)
	for i := range p.Actions {
		p.Actions[i].Pos.File = name(p.Actions[i].Pos.File)
	}
	for i := range p.Notes {
		p.Notes[i].Pos.File = name(p.Notes[i].Pos.File)
	}
	for i := range p.Problems {
		p.Problems[i].Pos.File = name(p.Problems[i].Pos.File)
	}
}

// planInfo is what a report says about a plan besides the plan itself.
func planInfo(f *planfile.File) render.PlanInfo {
	return render.PlanInfo{
		ID: f.PlanID, Manifest: f.Inputs.Manifest, Keyless: f.Inputs.Keyless, Offline: f.Inputs.Offline,
		Origin: render.NewOrigin(f.Inputs.Commit, f.Inputs.RunURL),
	}
}
