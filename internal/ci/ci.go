// Package ci finds out what a report is about: the commit that is checked out, and the page of
// the CI job that writes the report. Both come from elsewhere: they are foreign text.
package ci

import (
	"cmp"
	"context"
	"encoding/json"
	"io"
	"os"
	"strings"

	"github.com/secretsync/secretsync/internal/repo"
)

// Find returns the commit that the files in dir are from, and the page of the CI job. Either may
// be empty: not known.
//
// In CI the commit is the head of the branch. For a pull request, GitHub and GitLab check out a
// merge with the target branch, which is in no branch, and their variables name that. Outside CI
// the commit ends in "-dirty" if tracked files have changes that are not committed.
func Find(ctx context.Context, dir string, lookupEnv func(string) (string, bool)) (commit, runURL string) {
	env := valueOf(lookupEnv)
	runURL = RunURL(lookupEnv)
	switch {
	case env("GITHUB_ACTIONS") == "true":
		return cmp.Or(pullRequestHead(env("GITHUB_EVENT_PATH")), env("GITHUB_SHA")), runURL
	case env("GITLAB_CI") == "true":
		return cmp.Or(env("CI_MERGE_REQUEST_SOURCE_BRANCH_SHA"), env("CI_COMMIT_SHA")), runURL
	}
	return checkedOut(ctx, dir, env), ""
}

// RunURL returns the page of the CI job; empty if it is not known.
func RunURL(lookupEnv func(string) (string, bool)) string {
	env := valueOf(lookupEnv)
	switch {
	case env("GITHUB_ACTIONS") == "true":
		return gitHubRun(env)
	case env("GITLAB_CI") == "true":
		return cmp.Or(env("CI_JOB_URL"), env("CI_PIPELINE_URL"))
	}
	return ""
}

func valueOf(lookupEnv func(string) (string, bool)) func(string) string {
	return func(name string) string {
		value, _ := lookupEnv(name)
		return value
	}
}

// gitHubRun is the page of a run of GitHub Actions.
func gitHubRun(env func(string) string) string {
	server, repository, id := env("GITHUB_SERVER_URL"), env("GITHUB_REPOSITORY"), env("GITHUB_RUN_ID")
	if server == "" || repository == "" || id == "" {
		return ""
	}
	return server + "/" + repository + "/actions/runs/" + id
}

// maxEvent bounds the event that is read. GitHub's are at most 25 MB.
const maxEvent = 32 << 20

// pullRequestHead returns the head of the pull request that a GitHub event is about; empty if
// it is about something else.
func pullRequestHead(path string) string {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() {
		return ""
	}
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	var event struct {
		PullRequest struct {
			Head struct {
				SHA string `json:"sha"`
			} `json:"head"`
		} `json:"pull_request"`
	}
	if json.NewDecoder(io.LimitReader(f, maxEvent)).Decode(&event) != nil {
		return ""
	}
	return event.PullRequest.Head.SHA
}

// checkedOut returns the commit that is checked out in dir, as git reports it.
func checkedOut(ctx context.Context, dir string, env func(string) string) string {
	out, _ := repo.Git(ctx, dir, env, "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*")
	return strings.TrimSpace(string(out))
}
