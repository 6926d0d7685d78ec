//go:build recipes

package recipes

import (
	"crypto/rand"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/secretsync/secretsync/internal/emulator"
)

const outdated = "<!-- secretsync-outdated -->\n> **Out of date:** "

// TestComment: the comment of a pull request is about its last commit, or says that it is not,
// whatever becomes of the plan.
func TestComment(t *testing.T) {
	p := newPlace(t)
	comment := func() string {
		t.Helper()
		if len(p.github.comments) != 1 {
			t.Fatalf("%d comments", len(p.github.comments))
		}
		return p.github.comments[0].Body
	}
	p.branch("first", one("a"))
	p.plan("first", 1).ends(false)
	first := p.github.heads["1"]
	is := func(title, head, run string) {
		t.Helper()
		want := "<!-- secretsync-plan -->\n<!-- secretsync-commit " + head + " -->\n<!-- secretsync-run " + gitHubServer + "/team/secrets/actions/runs/" + run + " -->\n"
		text := comment()
		if !strings.HasPrefix(text, want) || !strings.Contains(text, "### secretsync: "+title) || strings.Contains(text, "Out of date") {
			t.Fatalf("the comment is not %q of %s and run %s:\n%s", title, head, run, text)
		}
	}
	is("Plan: 1 store to create, 1 to create", first, "4711")

	// While the next commit is planned, the comment says that it is out of date.
	p.branch("first", one("b"))
	second := p.pushed("first", 1)
	during := ""
	p.fault = func(*http.Request) emulator.Fault {
		during = comment()
		return emulator.Fault{Kind: emulator.FaultForbidden}
	}
	p.planAgain("first", 1, "team/secrets", second, "4712").ends(true)
	if !strings.Contains(during, first+" -->\n") || !strings.Contains(during, outdated) || !strings.Contains(during, "1 to create") {
		t.Errorf("during the second plan, the comment is\n%s", during)
	}

	// A plan that fails replaces it: Cloudflare refused the token.
	p.fault = nil
	is("The plan failed: 1 error.", second, "4712")

	// Started again, it replaces that.
	p.planAgain("first", 1, "team/secrets", second, "4712").ends(false)
	is("Plan: 1 store to create, 2 to create", second, "4712")

	// A run of the earlier commit, or an earlier run of the last commit, does not.
	p.planAgain("first", 1, "team/secrets", first, "4711").ends(false).says("no comment: the pull request has newer commits than " + first)
	is("Plan: 1 store to create, 2 to create", second, "4712")
	p.planAgain("first", 1, "team/secrets", second, "4711").ends(false).says("no comment: run 4712 is newer")
	is("Plan: 1 store to create, 2 to create", second, "4712")

	// A mistake in the manifest: an annotation at its position, the summary, the comment.
	git(t, p.dev, "checkout", "--quiet", "first")
	write(t, filepath.Join(p.dev, "secretsync.yaml"), "version: 1\nstore: {}\n")
	p.commit("a mistake")
	r := p.planAgain("first", 1, "team/secrets", p.pushed("first", 1), "4713").ends(true)
	r.says("::error file=secretsync.yaml,line=2,col=1,title=secretsync::unknown key \"store\"")
	is("The plan failed: ", p.github.heads["1"], "4713")
	if !strings.Contains(r.summary, "secretsync.yaml:2:1: unknown key") || !strings.Contains(comment(), "secretsync.yaml:2:1: unknown key") {
		t.Errorf("summary:\n%s", r.summary)
	}

	// The program ends without a report, as if the runner had killed it.
	p.broken = true
	p.branch("first", map[string]string{"c": rand.Text()})
	r = p.planAgain("first", 1, "team/secrets", p.pushed("first", 1), "4714").ends(true)
	is("The plan failed.", p.github.heads["1"], "4714")
	if !strings.Contains(r.summary, "### secretsync: The plan failed.") {
		t.Errorf("summary:\n%s", r.summary)
	}

	// A plan is made even if the comment cannot be marked.
	p.broken = false
	p.branch("first", map[string]string{"d": rand.Text()})
	p.github.refuse = "PATCH"
	p.planAgain("first", 1, "team/secrets", p.pushed("first", 1), "4715").ends(true).says("::warning title=secretsync::the comment of an earlier commit could not be marked")
	if len(p.artifact) == 0 {
		t.Error("there is no plan")
	}

	// If it is not known which commit is the last one, the step fails: the old comment would look current.
	p.github.refuse = "GET /repos/team/secrets/pulls/1"
	r = p.planAgain("first", 1, "team/secrets", p.github.heads["1"], "4716").ends(true)
	if strings.Contains(r.log.String(), "newer commits") {
		t.Errorf("log:\n%s", r.log.String())
	}
}

// TestDriftFails: an open issue says that it is not known whether it still holds.
func TestDriftFails(t *testing.T) {
	p := newPlace(t)
	p.branch("first", one("a"))
	p.plan("first", 1).ends(false)
	p.apply(p.merged("first", 1)).ends(false)
	refuse := func(*http.Request) emulator.Fault { return emulator.Fault{Kind: emulator.FaultForbidden} }
	p.fault = refuse
	p.drift().ends(true)
	if len(p.github.issues) != 0 {
		t.Fatal("an issue without drift")
	}
	p.fault = nil
	p.dashboard("a", rand.Text())
	p.drift().ends(true)
	p.fault = refuse
	p.drift().ends(true)
	p.fault = nil
	issue := p.github.issues[0]
	if len(p.github.issues) != 1 || issue.State != "open" || !strings.Contains(issue.Body, "The check for drift failed") {
		t.Fatalf("issues: %+v", issue)
	}
	p.drift().ends(true)
	if !strings.Contains(issue.Body, "changed outside") || !strings.Contains(issue.Body, "\nCommit "+p.sha(p.origin, "main")) {
		t.Fatalf("issue: %s", issue.Body)
	}
}

// TestValidate: a mistake is an annotation at its position, in the summary and in code scanning,
// without any credential. Once it is corrected, code scanning gets an empty result.
func TestValidate(t *testing.T) {
	p := newPlace(t)
	p.branch("first", one("a"))
	check := func() *run {
		t.Helper()
		event := map[string]string{"sha": p.preview("first"), "github.event_name": "pull_request", "github.event.pull_request.head.repo.fork": "false"}
		return p.runJob("examples/github/validate.yml", "validate", event)
	}
	r := check().ends(false)
	r.says("::notice title=secretsync::secretsync.yaml is valid: stores 1, secrets 1.")
	if !strings.Contains(string(p.sarif), `"results": []`) {
		t.Errorf("%s", p.sarif)
	}
	git(t, p.dev, "checkout", "--quiet", "first")
	write(t, filepath.Join(p.dev, "secretsync.yaml"), "version: 1\nstore: {}\n")
	p.commit("a mistake")
	r = check().ends(true)
	r.says("::error file=secretsync.yaml,line=2,col=1,title=secretsync::unknown key \"store\"")
	if !strings.Contains(r.summary, "secretsync.yaml:2:1: unknown key") || !strings.Contains(string(p.sarif), `"startLine": 2`) {
		t.Errorf("summary:\n%s\n%s", r.summary, p.sarif)
	}
	if len(p.emulator.Requests()) != 0 {
		t.Error("a request was sent")
	}
}

// breakProgram replaces the program by one that fails without output.
func breakProgram(t *testing.T, path string) {
	t.Helper()
	must(t, os.Remove(path))
	must(t, os.WriteFile(path, []byte("#!/bin/sh\nexit 137\n"), 0o755))
}
