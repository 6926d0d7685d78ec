package results

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/secretsync/secretsync/internal/outfile"
	"github.com/secretsync/secretsync/internal/position"
	"github.com/secretsync/secretsync/internal/redact"
	"github.com/secretsync/secretsync/internal/render"
	"github.com/secretsync/secretsync/internal/secret"
	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/reconcile"
)

func TestVerifyOutput(t *testing.T) {
	mismatch := &reconcile.Verification{Secrets: []reconcile.VerifiedSecret{{Value: planner.LiveOther, Counts: true}}}
	expected := &reconcile.Verification{Secrets: []reconcile.VerifiedSecret{{Value: planner.LiveOther}}}
	both := &reconcile.Verification{Secrets: mismatch.Secrets, Failed: errors.New("down")}
	failed := &reconcile.Verification{Secrets: expected.Secrets, Failed: errors.New("down")}
	for _, c := range []struct {
		v    *reconcile.Verification
		want output
	}{
		{mismatch, output{"verified", false}}, {expected, output{"verified", true}}, {both, output{"verified", false}}, {failed, output{"failed", true}},
	} {
		if got := verifyOutput(c.v); got != c.want {
			t.Errorf("%+v: %v", c.v, got)
		}
	}
}

// TestDriftOutput: drift that was not found is not known to be absent if an account was not read.
func TestDriftOutput(t *testing.T) {
	counts, unread := planner.Drift{Counts: true}, planner.Drift{Kind: planner.DriftAccountUnread}
	for _, c := range []struct {
		found []planner.Drift
		want  output
	}{
		{nil, output{"drift", false}}, {[]planner.Drift{counts}, output{"drift", true}},
		{[]planner.Drift{unread}, output{"failed", true}}, {[]planner.Drift{unread, counts}, output{"drift", true}},
	} {
		if got := driftOutput(c.found); got != c.want {
			t.Errorf("%+v: %v, want %v", c.found, got, c.want)
		}
	}
}

// failed writes a failure in a format, in a new current folder, and returns the standard output.
func failed(t *testing.T, format string, environment map[string]string) string {
	t.Helper()
	filter := redact.New()
	filter.Know(secret.New([]byte("the value in clear")))
	var out bytes.Buffer
	r := &Writer{
		Out: &out, Format: format, Filter: filter, Outputs: new(outfile.Guard),
		LookupEnv: func(name string) (string, bool) { value, ok := environment[name]; return value, ok },
	}
	wd, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(wd, "apps", "secretsync.yaml")
	err = r.Failure(&render.Failure{
		Command: "plan", Manifest: file, ExitCode: 1,
		Mistakes: []render.Mistake{{Pos: position.Position{File: file, Line: 2, Column: 3}, Rule: "error", What: "no the value in clear"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// has fails the test unless a file has a text, and no value.
func has(t *testing.T, path, want string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil || !strings.Contains(string(text), want) || strings.Contains(string(text), "in clear") {
		t.Errorf("%s: %v, no %q, or a value in:\n%s", path, err, want, text)
	}
}

func TestGitHub(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	out := failed(t, GitHub, map[string]string{
		"GITHUB_WORKSPACE": dir, "GITHUB_OUTPUT": filepath.Join(dir, "outputs"), "GITHUB_STEP_SUMMARY": filepath.Join(dir, "summary"),
	})
	if !strings.Contains(out, "file=apps/secretsync.yaml,line=2") {
		t.Errorf("the annotation is not for a file of the repository: %s", out)
	}
	has(t, "outputs", "failed=true\n")
	has(t, "summary", "apps")
}

func TestGitLab(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	failed(t, GitLab, map[string]string{"CI_PROJECT_DIR": dir})
	has(t, gitLabQualityFile, `"apps/secretsync.yaml"`)
	has(t, gitLabReportFile, "{")
	has(t, gitLabNoteFile, "plan")
}

func TestCheck(t *testing.T) {
	for _, format := range Formats {
		if err := Check(format); err != nil {
			t.Error(err)
		}
	}
	if err := Check(SARIF); err == nil || !strings.Contains(err.Error(), "text, json, markdown, github, gitlab") {
		t.Errorf("%v", err)
	}
}
