package ci_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/secretsync/secretsync/internal/ci"
)

var head, merge = strings.Repeat("a", 40), strings.Repeat("b", 40)

// origin is what Find returns.
type origin struct{ Commit, RunURL string }

// TestFind: a pull request's commit is its head, not the merge that GitHub and GitLab try.
func TestFind(t *testing.T) {
	event := func(content string) string {
		path := filepath.Join(t.TempDir(), "event.json")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	gitHub := map[string]string{
		"GITHUB_ACTIONS": "true", "GITHUB_SHA": merge, "GITHUB_SERVER_URL": "https://github.example",
		"GITHUB_REPOSITORY": "team/secrets", "GITHUB_RUN_ID": "4711",
	}
	const run = "https://github.example/team/secrets/actions/runs/4711"
	gitLab := map[string]string{"GITLAB_CI": "true", "CI_COMMIT_SHA": merge, "CI_JOB_URL": "https://gitlab.example/team/secrets/-/jobs/1"}
	const job = "https://gitlab.example/team/secrets/-/jobs/1"
	for name, test := range map[string]struct {
		env, more map[string]string
		want      origin
	}{
		"push":               {gitHub, nil, origin{Commit: merge, RunURL: run}},
		"pull request":       {gitHub, map[string]string{"GITHUB_EVENT_PATH": event(`{"number": 1, "pull_request": {"head": {"sha": "` + head + `"}}}`)}, origin{Commit: head, RunURL: run}},
		"another event":      {gitHub, map[string]string{"GITHUB_EVENT_PATH": event(`{"schedule": "17 6 * * *"}`)}, origin{Commit: merge, RunURL: run}},
		"no event":           {gitHub, map[string]string{"GITHUB_EVENT_PATH": "/nonexistent"}, origin{Commit: merge, RunURL: run}},
		"not JSON":           {gitHub, map[string]string{"GITHUB_EVENT_PATH": event(`{`)}, origin{Commit: merge, RunURL: run}},
		"no repository":      {gitHub, map[string]string{"GITHUB_REPOSITORY": ""}, origin{Commit: merge}},
		"merge request":      {gitLab, nil, origin{Commit: merge, RunURL: job}},
		"merged result":      {gitLab, map[string]string{"CI_MERGE_REQUEST_SOURCE_BRANCH_SHA": head}, origin{Commit: head, RunURL: job}},
		"pipeline":           {gitLab, map[string]string{"CI_JOB_URL": "", "CI_PIPELINE_URL": job}, origin{Commit: merge, RunURL: job}},
		"outside CI and git": {nil, map[string]string{"GITHUB_SHA": merge}, origin{}},
	} {
		t.Run(name, func(t *testing.T) {
			lookup := func(name string) (string, bool) {
				if v, ok := test.more[name]; ok {
					return v, true
				}
				v, ok := test.env[name]
				return v, ok
			}
			var got origin
			got.Commit, got.RunURL = ci.Find(t.Context(), t.TempDir(), lookup)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestFindInRepository: elsewhere git names the commit, and whether files differ from it.
func TestFindInRepository(t *testing.T) {
	dir := t.TempDir()
	git := func(args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "git", append([]string{"-c", "user.name=dev", "-c", "user.email=dev@example.com"}, args...)...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("git %q: %v %s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	write := func(content string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, "secretsync.yaml"), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	find := func() string {
		commit, _ := ci.Find(t.Context(), dir, os.LookupEnv)
		return commit
	}
	t.Setenv("GITHUB_ACTIONS", "")
	t.Setenv("GITLAB_CI", "")
	git("init", "--quiet")
	if got := find(); got != "" {
		t.Errorf("a repository without a commit: %q", got)
	}
	write("version: 1\n")
	git("add", ".")
	git("commit", "--quiet", "--message", "start")
	git("tag", "--annotate", "--message", "a release", "v1")
	sha := git("rev-parse", "HEAD")
	if got := find(); got != sha || !regexp.MustCompile(`^[0-9a-f]{40}$`).MatchString(got) {
		t.Errorf("%q, want %q", got, sha)
	}
	write("version: 2\n")
	if got := find(); got != sha+"-dirty" {
		t.Errorf("with a change: %q", got)
	}
}
