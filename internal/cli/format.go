package cli

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/secretsync/secretsync/internal/outfile"
	"github.com/secretsync/secretsync/internal/render"
	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/planner/planfile"
)

// The formats of plan, show and drift.
const (
	formatText     = "text"
	formatJSON     = "json"
	formatMarkdown = "markdown"
	formatGitHub   = "github"
	formatGitLab   = "gitlab"
)

var formats = []string{formatText, formatJSON, formatMarkdown, formatGitHub, formatGitLab}

var formatHelp = strings.Join(formats, ", ")

// The files that --format gitlab writes into the current folder: for the widgets of a merge
// request, and for a note on it.
const (
	gitLabQualityFile = "secretsync-codequality.json"
	gitLabReportFile  = "secretsync-report.json"
	gitLabNoteFile    = "secretsync-note.md"
)

func checkFormat(format string) error {
	if !slices.Contains(formats, format) {
		return fmt.Errorf("--format %q is not one of %s", format, formatHelp)
	}
	return nil
}

// showPlan writes a plan to stdout, and to the files that CI systems read.
func (a *App) showPlan(file *planfile.File, format string, noColor bool) error {
	a.shown = true
	p, info := file.Plan(), planInfo(file)
	switch format {
	case formatGitHub:
		a.underRoot("GITHUB_WORKSPACE", p, &info)
	case formatGitLab:
		a.underRoot("CI_PROJECT_DIR", p, &info)
	}
	switch format {
	case formatJSON:
		_, err := a.Out.Write(file.Format())
		return err
	case formatMarkdown:
		return render.PlanMarkdown(a.Out, p, info)
	case formatGitHub:
		if err := render.PlanGitHub(a.Out, p, info); err != nil {
			return err
		}
		s := file.Summary
		return a.tellGitHub(func(w io.Writer) error { return render.PlanMarkdown(w, p, info) }, []output{
			{"changes", s.Total > 0}, {"plan_id", file.PlanID}, {"total", s.Total}, {"create", s.Create + s.CreateStore},
			{"update", s.Update + s.Adopt}, {"rotate", s.Rotate}, {"rename", s.Rename}, {"prepare", s.Prepare},
			{"retire", s.Retire}, {"delete", s.Delete + s.DeleteStore},
			{"forget", s.Forget}, {"problems", len(file.Problems)}, {"unread_accounts", s.UnreadAccounts},
		})
	case formatGitLab:
		if err := a.writeReport(gitLabQualityFile, func(w io.Writer) error { return render.PlanCodeQuality(w, p, info) }); err != nil {
			return err
		}
		if err := a.writeReport(gitLabReportFile, func(w io.Writer) error { return render.PlanReport(w, p) }); err != nil {
			return err
		}
		if err := a.writeReport(gitLabNoteFile, func(w io.Writer) error { return render.PlanMarkdown(w, p, info) }); err != nil {
			return err
		}
	}
	return render.Plan(a.Out, p, info, a.style(noColor))
}

// underRoot rewrites file names relative to the repository's folder, as annotations need
// them. An environment variable of the runner names that folder.
func (a *App) underRoot(variable string, p *planner.Plan, info *render.PlanInfo) {
	name := a.fromRoot(variable)
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

// fromRoot returns a function that rewrites a file name relative to the folder that an
// environment variable names, if the file is in it.
func (a *App) fromRoot(variable string) func(string) string {
	root, _ := a.LookupEnv(variable)
	return relativeTo(root)
}

// relativeTo returns a function that rewrites a file name relative to a folder, if the file is
// in it. An empty folder leaves names as they are.
func relativeTo(root string) func(string) string {
	return func(name string) string {
		abs, err := filepath.Abs(name)
		if root == "" || name == "" || err != nil {
			return name
		}
		below, err := filepath.Rel(root, abs)
		if err != nil || !filepath.IsLocal(below) {
			return name
		}
		return filepath.ToSlash(below)
	}
}

// planInfo is what a report says about a plan besides the plan itself.
func planInfo(f *planfile.File) render.PlanInfo {
	return render.PlanInfo{
		ID: f.PlanID, Manifest: f.Inputs.Manifest, Keyless: f.Inputs.Keyless, Offline: f.Inputs.Offline,
		Origin: render.NewOrigin(f.Inputs.Commit, f.Inputs.RunURL),
	}
}

// showDrift writes drift to stdout, and to the files that CI systems read.
func (a *App) showDrift(ctx context.Context, found []planner.Drift, checked int, manifest, format string, noColor bool) error {
	a.shown = true
	var origin render.Origin
	if format != formatText {
		origin = a.origin(ctx, manifest)
	}
	switch format {
	case formatJSON:
		return render.DriftJSON(a.Out, found, checked, origin)
	case formatMarkdown:
		return render.DriftMarkdown(a.Out, found, checked, origin)
	case formatGitHub:
		if err := render.DriftGitHub(a.Out, found, checked); err != nil {
			return err
		}
		counted := countedDrift(found)
		return a.tellGitHub(func(w io.Writer) error { return render.DriftMarkdown(w, found, checked, origin) }, []output{
			driftOutput(found), {"findings", counted}, {"checked", checked}, {"unread_accounts", render.UnreadAccounts(found)},
		})
	case formatGitLab:
		if err := a.writeReport(gitLabQualityFile, func(w io.Writer) error {
			return render.DriftCodeQuality(w, found, a.fromRoot("CI_PROJECT_DIR")(manifest))
		}); err != nil {
			return err
		}
	}
	return render.Drift(a.Out, found, checked, a.style(noColor))
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

// output is a value for later steps of a GitHub workflow. It never contains user-supplied
// text, only fixed words, numbers and ids.
type output struct {
	name  string
	value any
}

// tellGitHub appends to the job's summary and to the step's outputs, if the runner provides
// files for them.
func (a *App) tellGitHub(summary func(io.Writer) error, outputs []output) error {
	var text, lines bytes.Buffer
	if err := summary(&text); err != nil {
		return err
	}
	for _, o := range outputs {
		fmt.Fprintf(&lines, "%s=%v\n", o.name, o.value)
	}
	for variable, content := range map[string][]byte{"GITHUB_STEP_SUMMARY": text.Bytes(), "GITHUB_OUTPUT": lines.Bytes()} {
		path, _ := a.LookupEnv(variable)
		if path == "" {
			continue
		}
		if err := a.files.Append(outfile.File{Flag: variable, Path: path}, a.Filter.Text(content)); err != nil {
			return err
		}
	}
	return nil
}

// writeReport replaces a file.
func (a *App) writeReport(path string, write func(io.Writer) error) error {
	var b bytes.Buffer
	if err := write(&b); err != nil {
		return err
	}
	return a.files.Write(outfile.File{Flag: "--format gitlab", Path: path}, a.Filter.Text(b.Bytes()))
}
